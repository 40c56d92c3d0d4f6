import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { paFeatures } from '../../debug-adapter/machine/platform/cpu-features.ts'
import { guestTree } from '../../debug-adapter/machine/platform/device-tree.ts'
import { parseFdt, writeFdt } from '../../server/esm/fdt.ts'

const GOLDEN = new URL('golden/guest.dts', import.meta.url)

const tree = () =>
  guestTree({
    memoryBytes: 0x400_0000n,
    bootargs: 'console=hvc0 svm=on',
    initrd: { start: 0x100_0000n, end: 0x123_4567n },
    rtas: { base: 0x3ff_0000n, codeBytes: 20, areaBytes: 0x82c },
  })

const dtc = (from: 'dts' | 'dtb', to: 'dts' | 'dtb', input: Uint8Array) => {
  const { status, stdout, stderr } = spawnSync('dtc', ['-I', from, '-O', to, '-'], { input })
  return { status, output: new Uint8Array(stdout), messages: stderr.toString() }
}
const hasDtc = spawnSync('dtc', ['--version']).status === 0

test('reads back as it was written', () => {
  expect(parseFdt(writeFdt(tree()))).toEqual(tree())
})

// Regenerate golden/guest.dts with UPDATE_GOLDEN=1 where the device tree compiler is installed.
test.skipIf(!hasDtc)('is what the device tree compiler makes of golden/guest.dts', () => {
  const { status, output, messages } = dtc('dtb', 'dts', writeFdt(tree()))
  expect({ status, messages }).toEqual({ status: 0, messages: '' })
  if (process.env['UPDATE_GOLDEN']) writeFileSync(GOLDEN, output)
  // Compared as trees: how numbers are laid out in the text differs between versions of the compiler.
  const golden = dtc('dts', 'dtb', readFileSync(GOLDEN))
  expect(golden.status).toBe(0)
  expect(parseFdt(golden.output)).toEqual(tree())
})

test('has no initrd properties without an initrd', () => {
  const without = guestTree({
    memoryBytes: 0x400_0000n,
    bootargs: '',
    initrd: undefined,
    rtas: { base: 0n, codeBytes: 20, areaBytes: 20 },
  })
  const chosen = without.root.children.find(({ name }) => name === 'chosen')!
  expect([...chosen.properties.keys()]).toEqual([
    'bootargs',
    'stdout-path',
    'linux,stdout-path',
    'ibm,architecture-vec-5',
  ])
})

test('says vectors, 64 bits, both byte orders and radix of the processor, and no transactional memory', () => {
  const features = paFeatures()
  expect(features).toHaveLength(68)
  const has = (byte: number, bit: number) => (features[2 + byte]! & (0x80 >> bit)) !== 0
  const said = [has(0, 0), has(5, 0), has(16, 0), has(18, 0), has(26, 0), has(40, 0)]
  expect(said).toEqual(Array(6).fill(true))
  expect(has(22, 0)).toBe(false)
})
