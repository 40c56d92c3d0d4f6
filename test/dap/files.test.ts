import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import {
  AttributeError,
  loadMachineConfig,
  loadSymbolFiles,
  parseBytes,
  resolvePath,
} from '../../debug-adapter/files.ts'

const esm = new URL('../fixtures/esm/', import.meta.url).pathname
const io = { readFile: (path: string) => readFile(path), cwd: esm }
const kernel = 'inputs/vmlinux'

describe('loadMachineConfig', () => {
  it('reads every file and fills in the defaults', async () => {
    const config = await loadMachineConfig(
      {
        kernel,
        initrd: 'inputs/initrd.img',
        operand: 'good/01-one-recipient/blob.dtb',
        bootargs: ' root=/dev/sda2  svm=1 ',
        tpm: { key: 'keys/tpm-private-for-replay.pem' },
      },
      io,
    )
    expect(config).toMatchObject({
      bootargs: ' root=/dev/sda2  svm=1 ',
      memoryBytes: 256 << 20,
      secureMemoryBytes: 320 << 20,
      seed: 1,
      esm: 'guest',
    })
    expect(Buffer.from(config.operand!.subarray(0, 4)).toString('hex')).toBe('d00dfeed')
    expect(config.initrd!.length).toBeGreaterThan(0)
    expect(config.tpmKey!.bytes).toBe(256)
    expect(config.kernel[0]).toBe(0x7f)
  })

  it('leaves out what is not given', async () => {
    const config = await loadMachineConfig({ kernel, memory: 64, secureMemory: '96M', seed: 7, esm: 'stub' }, io)
    expect(Object.keys(config).sort()).toEqual(
      ['bootargs', 'crypto', 'esm', 'kernel', 'memoryBytes', 'secureMemoryBytes', 'seed'].sort(),
    )
    expect(config).toMatchObject({ memoryBytes: 64 << 20, secureMemoryBytes: 96 << 20, seed: 7, esm: 'stub' })
  })

  it('names attribute, value and what is accepted', async () => {
    const error = await loadMachineConfig({ kernel, operand: 'good/01-one-recipient/esmb-initrd.img' }, io).catch(
      (e) => e,
    )
    expect(error).toBeInstanceOf(AttributeError)
    expect(error).toMatchObject({ attribute: 'operand', given: 'good/01-one-recipient/esmb-initrd.img' })
    expect(error.message).toContain('is given as "initrd"')
    await expect(loadMachineConfig({ kernel, tpm: { key: 'keys/nothing.pem' } }, io)).rejects.toThrow(
      `"tpm.key": "keys/nothing.pem" is not accepted (there is no file ${esm}keys/nothing.pem)`,
    )
    await expect(loadMachineConfig({ kernel: 'inputs/initrd.img' }, io)).rejects.toThrow('"kernel"')
    await expect(loadMachineConfig([], io)).rejects.toThrow('an object with launch attributes')
    await expect(loadMachineConfig({ kernel, unknown: 1 }, io)).rejects.toMatchObject({ attribute: 'unknown' })
  })

  it('builds an operand from YAML in memory, the same each time for the same seed', async () => {
    const launch = { kernel, operand: 'good/03-files/svm_blob.yml' }
    const { operand } = await loadMachineConfig(launch, io)
    expect(Buffer.from(operand!.subarray(0, 4)).toString('hex')).toBe('d00dfeed')
    expect((await loadMachineConfig(launch, io)).operand).toEqual(operand)
    expect((await loadMachineConfig({ ...launch, seed: 2 }, io)).operand).not.toEqual(operand)
  })

  it('names what is wrong with a YAML', async () => {
    await expect(loadMachineConfig({ kernel, operand: 'yaml/missing-origin.yml' }, io)).rejects.toThrow(
      /"operand".*ESM1\d\d/,
    )
    await expect(loadMachineConfig({ kernel, operand: 'yaml/file-nofile.yml' }, io)).rejects.toThrow(/there is no file/)
  })

  it('says so where a file is empty', async () => {
    const empty = { cwd: '/x', readFile: async () => new Uint8Array() }
    await expect(loadMachineConfig({ kernel: 'k' }, empty)).rejects.toThrow('/x/k is empty')
  })
})

describe('loadSymbolFiles', () => {
  it('has the kernel first', async () => {
    const files = await loadSymbolFiles({ kernel, symbols: ['../symbols/demo-le-dwarf5.elf'] }, io)
    expect(files.map((file) => file.path)).toEqual([`${esm}inputs/vmlinux`, `${esm}../symbols/demo-le-dwarf5.elf`])
  })
})

describe('parseBytes', () => {
  it.each([
    [64, 64 << 20],
    ['64', 64 << 20],
    ['64M', 64 << 20],
    ['64 MiB', 64 << 20],
    ['1g', 1 << 30],
    ['2048K', 2 << 20],
    ['1.5G', undefined],
    ['-1', undefined],
    [0, undefined],
    [0.5, undefined],
    ['', undefined],
    [null, undefined],
    ['0x100', undefined],
  ])('%j is %s', (given, bytes) => {
    expect(parseBytes(given)).toBe(bytes)
  })
})

describe('resolvePath', () => {
  it.each([
    ['/a/b', 'c', '/a/b/c'],
    ['/a/b/', './c/d', '/a/b/c/d'],
    ['/a', '/c', '/c'],
    ['/a', 'C:\\k', 'C:\\k'],
  ])('%s, %s', (folder, path, result) => {
    expect(resolvePath(folder, path)).toBe(result)
  })
})
