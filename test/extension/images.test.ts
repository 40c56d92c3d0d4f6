/** Images of a workspace: image files, kernels, and the configurations that are made of them. */
import { describe, expect, it } from 'vitest'
import { isPowerKernel } from '../../extension/launch/elf-header.ts'
import {
  configurationName,
  ImageFileError,
  isImageFile,
  kernelImage,
  readImageFile,
  rebase,
  withWorkspaceFolder,
} from '../../extension/launch/images.ts'

describe('an image file', () => {
  it.each([
    ['pef.json', true],
    ['a/b/pef.json', true],
    ['small.pef.json', true],
    ['a/notpef.json', false],
    ['pef.json.bak', false],
  ])('%s: %s', (path, is) => {
    expect(isImageFile(path)).toBe(is)
  })

  it('its paths start at its own folder', () => {
    const text = JSON.stringify({
      $schema: './s.json',
      kernel: '../vmlinux',
      initrd: './initrd.img',
      operand: '/abs/o.esmb',
      symbols: ['System.map', 'x/y.elf'],
      tpm: { key: 'keys/tpm.pem' },
      memory: '64M',
    })
    expect(readImageFile('images/one/pef.json', text).attributes).toEqual({
      kernel: 'images/vmlinux',
      initrd: 'images/one/initrd.img',
      operand: '/abs/o.esmb',
      symbols: ['images/one/System.map', 'images/one/x/y.elf'],
      tpm: { key: 'images/one/keys/tpm.pem' },
      memory: '64M',
    })
  })

  it('above the workspace folder', () => {
    expect(rebase({ kernel: '../../vmlinux' }, 'a/')).toEqual({ kernel: '../vmlinux' })
  })

  it.each(['', '[]', 'null', '"x"', '{'])('%j is none', (text) => {
    expect(() => readImageFile('a/pef.json', text)).toThrow(ImageFileError)
    expect(() => readImageFile('a/pef.json', text)).toThrow(/a\/pef\.json/)
  })

  it('values of the wrong type are left for the check', () => {
    expect(readImageFile('a/pef.json', '{ "kernel": 7, "symbols": 3 }').attributes).toEqual({ kernel: 7, symbols: 3 })
  })
})

describe('a kernel and what is beside it', () => {
  it('takes the initrd with an operand first', () => {
    const image = kernelImage('vmlinux', ['vmlinux', 'initrd.img', 'esmb-initrd.img', 'svm_blob.yml'])
    expect(image.attributes).toEqual({ kernel: 'vmlinux', initrd: 'esmb-initrd.img' })
  })

  it('puts the operand in front of a plain initrd', () => {
    const image = kernelImage('boot/vmlinux', ['boot/initramfs.cpio', 'boot/svm_blob.yml'])
    expect(image.attributes).toEqual({
      kernel: 'boot/vmlinux',
      initrd: 'boot/initramfs.cpio',
      operand: 'boot/svm_blob.yml',
    })
  })

  it('takes the initrd of its own version', () => {
    const image = kernelImage('vmlinux-6.1', ['initrd.img-5.10', 'initrd.img-6.1', 'esmb-initrd.img'])
    expect(image.attributes.initrd).toBe('initrd.img-6.1')
  })

  it('has none where nothing looks like one', () => {
    expect(kernelImage('a.elf', ['a.elf', 'initrd.txt', 'notes.md']).attributes).toEqual({ kernel: 'a.elf' })
  })
})

describe('its launch configuration', () => {
  it('has paths from the workspace folder', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of VS Code
    const [folder, other] = ['${workspaceFolder}', '${env:HOME}/key.pem']
    expect(withWorkspaceFolder({ kernel: 'a/vmlinux', tpm: { key: other }, initrd: '/i' })).toEqual({
      kernel: `${folder}/a/vmlinux`,
      tpm: { key: other },
      initrd: '/i',
    })
  })

  it.each([
    ['pef.json', 'Debug SVM image'],
    ['guests/a/pef.json', 'Debug SVM image guests/a'],
    ['guests/small.pef.json', 'Debug SVM image guests/small'],
    ['boot/vmlinux', 'Debug SVM image boot/vmlinux'],
  ])('of %s is named %s', (path, name) => {
    expect(configurationName({ path, detail: '', attributes: {} })).toBe(name)
  })
})

describe('isPowerKernel', () => {
  /** The first bytes of an ELF file. */
  const head = (wordSize: number, order: number, type: number, machine: number) => {
    const bytes = new Uint8Array(20)
    bytes.set([0x7f, 0x45, 0x4c, 0x46, wordSize, order, 1])
    const view = new DataView(bytes.buffer)
    view.setUint16(16, type, order === 1)
    view.setUint16(18, machine, order === 1)
    return bytes
  }
  it.each([
    ['ppc64le, executable', head(2, 1, 2, 21), true],
    ['ppc64 big-endian, shared', head(2, 2, 3, 21), true],
    ['a relocatable file', head(2, 1, 1, 21), false],
    ['x86-64', head(2, 1, 2, 62), false],
    ['32-bit PowerPC', head(1, 2, 2, 20), false],
    ['no byte order', head(2, 3, 2, 21), false],
    ['cut short', head(2, 1, 2, 21).subarray(0, 19), false],
    ['no ELF', new Uint8Array(64), false],
  ])('%s: %s', (_, bytes, is) => {
    expect(isPowerKernel(bytes)).toBe(is)
  })
})
