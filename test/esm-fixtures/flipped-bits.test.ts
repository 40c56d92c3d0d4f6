/**
 * One flipped bit anywhere in what UV_ESM looks at: it is refused by a rule that names the reason, or it lies where the
 * specification says that nothing is covered, and then all that is covered is untouched.
 * PEF_FLIP_SEED=N tries other bits, PEF_FLIPS=N more of them.
 */
import { describe, expect, test } from 'vitest'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { locateOperand } from '../../server/esm/cpio.ts'
import { type FdtNode, type FdtTree, findNode, nodeAt } from '../../server/esm/fdt.ts'
import { flattenKernel } from '../../server/esm/kernel-image.ts'
import { ruleOf } from '../../server/esm/rules.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'
import { BOOTARGS, fixture, kernel, untilEsm } from './run.ts'

const seed = Number(process.env['PEF_FLIP_SEED'] ?? 1)
const flips = Number(process.env['PEF_FLIPS'] ?? 3)

const image = fixture('bad/base/esmb-initrd.img')
const blob = fixture('bad/base/blob.dtb')
const plainInitrd = fixture('inputs/initrd.img')
const located = locateOperand(image)

/** Numbers from 0 to 2^32-1, the same ones for the same seed (Marsaglia's xorshift). */
function randomNumbers(): () => number {
  let state = (seed * 0x9e37_79b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>>= 0)
  }
}
const random = randomNumbers()

/** `count` different bits of the bytes from `start` to `end`. */
function someBits(start: number, end: number, count = flips): number[] {
  const bits = new Set<number>()
  while (bits.size < Math.min(count, (end - start) * 8)) bits.add(start * 8 + (random() % ((end - start) * 8)))
  return [...bits]
}

function withBit(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice()
  out[bit >> 3]! ^= 0x80 >> (bit & 7)
  return out
}

const DIGESTS = ['rtas', 'kernel', 'initrd', 'bootargs']

/** A verdict that explains itself: secure with four matching digests, or refused by rules that somebody can look up. */
function judged(change: Partial<MachineConfig>): { machine: Machine; accepted: boolean; rules: readonly string[] } {
  const { machine, esm } = untilEsm({ initrd: image, ...change })
  const digests = machine.trace.of('digest')
  if (esm.outcome === 'secure') {
    expect(machine.vmState).toBe('secure')
    expect(digests.map(({ what }) => what)).toEqual(DIGESTS)
    for (const { expected, found } of digests) expect(found).toBe(expected)
    return { machine, accepted: true, rules: esm.rules }
  }
  expect(machine.vmState).toBe('normal')
  expect(esm.returnCode).toBeLessThan(0n)
  expect(esm.rules.length).toBeGreaterThan(0)
  const refusal = machine.trace.of('refusal').find(({ rule }) => rule === esm.rules[0])!
  expect(refusal.expected).not.toBe('')
  expect(refusal.found).not.toBe('')
  expect(refusal.source).toMatch(/^spec\//)
  for (const rule of esm.rules) if (rule.startsWith('ESM')) expect(ruleOf(rule).expected).not.toBe('')
  return { machine, accepted: false, rules: esm.rules }
}

const onTree = (deviceTree: (tree: FdtTree) => void): Partial<MachineConfig> => ({ interventions: { deviceTree } })

/** Flips a bit of guest memory after the VM is loaded. */
const inGuest = (
  place: (guest: { kernelBase: bigint; rtasBase: bigint }) => bigint,
  bit: number,
): Partial<MachineConfig> => ({
  interventions: {
    guestLoaded: (guest) => {
      const gpa = place(guest) + BigInt(bit >> 3)
      guest.write(gpa, withBit(guest.read(gpa, 1), bit & 7))
    },
  },
})

describe('what a digest covers is refused by the rule of that digest', () => {
  test.each(someBits(0, flattenKernel(kernel).bytes.length))('kernel, bit %i', (bit) => {
    expect(judged(inGuest(({ kernelBase }) => kernelBase, bit)).rules).toEqual(['ESM054'])
  })

  test.each(someBits(located.archiveBytes, image.length))('initrd, bit %i', (bit) => {
    expect(judged({ initrd: withBit(image, bit) }).rules).toEqual(['ESM056'])
  })

  test.each(someBits(0, 20))('RTAS code, bit %i', (bit) => {
    expect(judged(inGuest(({ rtasBase }) => rtasBase, bit)).rules).toEqual(['ESM053'])
  })

  test.each(someBits(0, BOOTARGS.length))('boot arguments, bit %i', (bit) => {
    const text = new TextEncoder().encode(`${BOOTARGS}\0`)
    const { rules } = judged(
      onTree((tree) => findNode(tree, '/chosen')!.properties.set('bootargs', withBit(text, bit))),
    )
    expect(rules).toContain('ESM057')
  })

  test.each(someBits(BOOTARGS.length, BOOTARGS.length + 1))(
    'the last byte of the boot arguments is dropped unseen, bit %i',
    (bit) => {
      // spec/esm-operand.md §4.1: it is taken for the NUL; §12.5 has a warning for it.
      const text = new TextEncoder().encode(`${BOOTARGS}\0`)
      const { accepted, rules } = judged(
        onTree((tree) => findNode(tree, '/chosen')!.properties.set('bootargs', withBit(text, bit))),
      )
      expect(accepted).toBe(true)
      expect(rules).toContain('ESM081')
    },
  )
})

describe('operand', () => {
  const base = inspectOperand(blob).operand!
  const essence = (bytes: Uint8Array) => {
    const { lockbox1, digestsFdt } = inspectOperand(bytes).operand!
    const { iv, mac, ciphertext } = digestsFdt!
    return { symkey: lockbox1!.encryptedSymkey, iv, mac, ciphertext }
  }
  const property = (path: string, name: string) => {
    const { offset, value } = nodeAt(base.root, path)!.properties.find((p) => p.name === name)!
    return { start: offset, end: offset + value.length }
  }

  const sealed = [
    ['/lockboxes/lockbox-1', 'encrypted-symkey', 'ESM026'],
    ['/digest/digests-fdt', 'iv', 'ESM045'],
    ['/digest/digests-fdt', 'mac', 'ESM045'],
    ['/digest/digests-fdt', 'ciphertext', 'ESM045'],
  ] as const
  describe.each(sealed)('%s/%s: %s', (path, name, rule) => {
    const { start, end } = property(path, name)
    test.each(someBits(start, end))('bit %i', (bit) => {
      expect(judged({ initrd: plainInitrd, operand: withBit(blob, bit) }).rules).toEqual([rule])
    })
  })

  test.each(someBits(0, blob.length, flips * 5))('anywhere, bit %i', (bit) => {
    const changed = withBit(blob, bit)
    // Names, comments, fingerprints, other lockboxes and sizes are in clear, and nothing signs them (§3). An attached file has
    // a tag of its own, which is checked when the guest reads it.
    if (judged({ initrd: plainInitrd, operand: changed }).accepted) expect(essence(changed)).toEqual(essence(blob))
  })
})

describe('archive in front of the initrd', () => {
  const { offset, bytes } = located.operand!
  const around = [...someBits(0, offset, flips * 2), ...someBits(offset + bytes.length, located.archiveBytes)]
  test.each(around)('bit %i', (bit) => {
    const changed = withBit(image, bit)
    // Owners, times and links of the members, and their padding, say nothing about the operand (§7.2).
    if (!judged({ initrd: changed }).accepted) return
    const found = locateOperand(changed)
    expect(found.operand!.bytes).toEqual(bytes)
    expect(found.archiveBytes).toBe(located.archiveBytes)
  })
})

describe('device tree of the guest', () => {
  // It is the hypervisor's, and the ultravisor takes from it what it needs (spec/ultravisor.md §6.4): a changed one either does
  // not lead to what the operand vouches for, or nothing depends on what was changed.
  const READ: Readonly<Record<string, string>> = {
    '/chosen/linux,initrd-start': '^ESM0(56|70|77|80)$|^UV-ESM-007$',
    '/chosen/linux,initrd-end': '^ESM0(56|70|80)$|^UV-ESM-007$',
    '/chosen/bootargs': '^ESM057$',
    '/rtas/linux,rtas-base': '^ESM053$|^UV-ESM-007$',
    '/rtas/slof,rtas-size': '^ESM0(53|82)$',
  }

  test.each(Object.entries(READ))('%s leads to something else', (path, rules) => {
    const [, node, name] = /^(.*)\/([^/]+)$/.exec(path)!
    for (let i = 0; i < flips; i++) {
      const given = judged(
        onTree((tree) => {
          const { properties } = findNode(tree, node!)!
          const value = properties.get(name!)!
          // The last byte of the boot arguments is another matter, see above.
          const [bit] = someBits(0, name === 'bootargs' ? value.length - 1 : value.length, 1)
          properties.set(name!, withBit(value, bit!))
        }),
      )
      expect(given.rules.join(' ')).toMatch(new RegExp(rules.replaceAll('$', '\\b').replaceAll('^', '\\b')))
      expect(given.accepted).toBe(false)
    }
  })

  test('every other property, one bit of each', () => {
    let count = 0
    judged(onTree((tree) => void (count = propertiesOf(tree.root).length)))
    expect(count).toBeGreaterThan(40)
    for (let i = 0; i < count; i++) {
      let what = ''
      const edit = (tree: FdtTree) => {
        const { node, name, value } = propertiesOf(tree.root)[i]!
        what = `${node.name}/${name}`
        node.properties.set(name, withBit(value, someBits(0, value.length, 1)[0]!))
      }
      try {
        judged(onTree(edit))
      } catch (error) {
        throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
  })
})

interface Property {
  readonly node: FdtNode
  readonly name: string
  readonly value: Uint8Array
}

function propertiesOf(node: FdtNode): Property[] {
  const own = [...node.properties]
    .filter(([, value]) => value.length > 0)
    .map(([name, value]) => ({ node, name, value }))
  return [...own, ...node.children.flatMap(propertiesOf)]
}
