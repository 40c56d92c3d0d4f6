/**
 * Operands with random damage through everything that reads operands: none of it throws anything, and none of it takes long.
 * PEF_ESM_MUTATIONS=20000 PEF_ESM_SEED=N for more of it.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { attachOperand, locateOperand } from '../../server/esm/cpio.ts'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { writePublicKeyPem } from '../../server/esm/crypto/pem.ts'
import { generateRsaKey, type RsaPrivateKey } from '../../server/esm/crypto/rsa.ts'
import { diffOperands } from '../../server/esm/diff.ts'
import { authorize, EditError, readOperand } from '../../server/esm/edit.ts'
import { explainOperand } from '../../server/esm/explain.ts'
import { cells, concat } from '../../server/esm/fdt.ts'
import { makeOperand, OperandError } from '../../server/esm/make.ts'
import { RULES } from '../../server/esm/rules.ts'
import { type ImageParts, verifyImage } from '../../server/esm/verify/image.ts'
import { fixture, privateKey } from './fixtures.ts'

const mutations = Number(process.env['PEF_ESM_MUTATIONS'] ?? 500)
const seed = Number(process.env['PEF_ESM_SEED'] ?? 1)

/** xorshift32: the same numbers for the same seed. */
function numbers(start: number): (below: number) => number {
  let state = start >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** What sizes and offsets are likely to be mishandled. */
const EXTREMES = [
  0, 1, 2, 3, 4, 7, 9, 0x27, 0x28, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff, 0xd00d_feed,
]

type Mutation = (bytes: Uint8Array, pick: (below: number) => number) => Uint8Array

const MUTATIONS: readonly Mutation[] = [
  (bytes, pick) => changed(bytes, pick(bytes.length), (byte) => byte ^ (1 << pick(8))),
  (bytes, pick) => changed(bytes, pick(bytes.length), () => pick(256)),
  (bytes, pick) => withWord(bytes, pick(bytes.length >> 2), EXTREMES[pick(EXTREMES.length)]!),
  // A field of the header.
  (bytes, pick) => withWord(bytes, pick(10), pick(2) ? EXTREMES[pick(EXTREMES.length)]! : pick(bytes.length + 64)),
  (bytes, pick) => bytes.slice(0, pick(bytes.length)),
  (bytes, pick) =>
    spliced(
      bytes,
      pick(bytes.length),
      0,
      new Uint8Array(1 + pick(64)).map(() => pick(256)),
    ),
  (bytes, pick) => spliced(bytes, pick(bytes.length), 1 + pick(64), new Uint8Array(0)),
  // A part of it somewhere else.
  (bytes, pick) => {
    const [from, to, size] = [pick(bytes.length) & ~3, pick(bytes.length) & ~3, 4 * (1 + pick(64))]
    const out = bytes.slice()
    out.set(bytes.subarray(from, Math.min(from + size, bytes.length - Math.max(0, to - from))), to)
    return out
  },
]

const changed = (bytes: Uint8Array, at: number, to: (byte: number) => number) =>
  bytes.map((byte, i) => (i === at ? to(byte) : byte))
const spliced = (bytes: Uint8Array, at: number, drop: number, put: Uint8Array) =>
  Uint8Array.of(...bytes.subarray(0, at), ...put, ...bytes.subarray(at + drop))
function withWord(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const out = bytes.slice()
  if (4 * index + 4 <= out.length) out.set(cells(value), 4 * index)
  return out
}

let owner: RsaPrivateKey
let originals: Uint8Array[]
let parts: ImageParts

beforeAll(() => {
  const pick = numbers(7)
  const random = (length: number) => new Uint8Array(length).map(() => pick(256))
  // A small key: it opens a lockbox a hundred times while a TPM's key does so once.
  owner = generateRsaKey(1024, random)
  const [kernel, initrd] = [fixture('inputs/vmlinux'), fixture('inputs/initrd-cpio.gz')]
  const bootargs = 'console=hvc0 svm=on'
  const text = (name: string, size: number) => ({ name, bytes: random(size), comment: `comment of ${name}` })
  const recipe = {
    crypto,
    random,
    origin: { publicKey: new TextEncoder().encode(writePublicKeyPem(owner)), comment: 'owner' },
    recipients: [{ publicKey: fixture('keys/tpm.pem') }],
    digests: { kernel, initrd, bootargs },
  }
  originals = [makeOperand(recipe), makeOperand({ ...recipe, files: [text('a', 5), text('rootd', 40)] })]
  parts = { crypto, kernel, initrd, bootargs, privateKeys: [owner], tpmPublicKeyPem: fixture('keys/tpm.pem') }
})

describe(`${mutations} operands with one to three kinds of damage, seed ${seed}`, () => {
  test('give findings, each of a rule, and nothing is thrown', () => {
    const pick = numbers(seed)
    let refused = 0
    for (let i = 0; i < mutations; i++) {
      let bytes = originals[pick(originals.length)]!
      for (let n = 1 + pick(3); n > 0 && bytes.length > 0; n--) bytes = MUTATIONS[pick(MUTATIONS.length)]!(bytes, pick)
      const where = `mutation ${i} of seed ${seed}`
      const found = verifyImage({ ...parts, operand: bytes })
      for (const { rule, message } of found) expect([RULES.has(rule), message !== ''], where).toEqual([true, true])
      if (found.some(({ severity }) => severity === 'E' || severity === 'X')) refused++
      // In front of an initrd, where the scan for its magic number meets it first.
      const image = attachOperand(new Uint8Array(8), bytes)
      const inImage = verifyImage({ crypto, esmbInitrd: image })
      if (locateOperand(image).operand) expect(Array.isArray(inImage), where).toBe(true)
      for (const part of explainOperand(bytes, { crypto, keys: [owner] }))
        expect(typeof part.name, where).toBe('string')
      expect(diffOperands(bytes, bytes, { crypto }).differences, where).toEqual([])
      try {
        const { lockboxes } = readOperand(bytes)
        const again = authorize(bytes, [{ publicKey: fixture('keys/recipient-2.pem') }], new Uint8Array(32), {
          crypto,
          random: (length) => new Uint8Array(length),
        })
        expect(readOperand(again).lockboxes, where).toHaveLength(lockboxes.length + 1)
      } catch (error) {
        if (!(error instanceof OperandError || error instanceof EditError)) throw error
      }
    }
    // Most damage is seen; what is not lies in padding, comments, or names of nobody.
    expect(refused).toBeGreaterThan(mutations / 2)
  })
})

test('the undamaged ones are right', () => {
  for (const operand of originals) {
    const found = verifyImage({ ...parts, operand, tpmPrivateKey: privateKey('keys/tpm-private-for-replay.pem') })
    expect(found.filter(({ severity }) => severity !== 'I')).toEqual([])
  }
})

describe('operands that are made to be slow', () => {
  /** A device tree of one root with whatever is inside it. */
  function tree(body: Uint8Array, names: string): Uint8Array {
    const root = [cells(1, 0), body, cells(2, 9)]
    const size = root.reduce((sum, part) => sum + part.length, 0)
    const strings = new TextEncoder().encode(names)
    const header = cells(0xd00dfeed, 56 + size + strings.length, 56, 56 + size, 40, 17, 16, 0, strings.length, size)
    return concat([header, new Uint8Array(16), ...root, strings])
  }
  const repeated = (unit: Uint8Array, count: number) => {
    const out = new Uint8Array(unit.length * count)
    for (let i = 0; i < count; i++) out.set(unit, i * unit.length)
    return out
  }
  const node = (name: string, ...inside: Uint8Array[]) => {
    const text = new Uint8Array((name.length + 4) & ~3)
    text.set(new TextEncoder().encode(name))
    return concat([cells(1), text, ...inside, cells(2)])
  }

  test.each([
    ['50000 properties of one name', tree(repeated(cells(3, 0, 0), 50_000), 'x\0')],
    ['50000 nodes of one name', tree(repeated(node('x'), 50_000), '\0')],
    ['20000 lockboxes', tree(node('lockboxes', repeated(node('lockbox-7'), 20_000)), '\0')],
    [
      '2000 lockboxes that a key might open',
      tree(
        node('lockboxes', repeated(node('lockbox-7', cells(3, 128, 0), new Uint8Array(128)), 2000)),
        'encrypted-symkey\0',
      ),
    ],
  ])('%s', (_, bytes) => {
    expect(verifyImage({ ...parts, operand: bytes }).length).toBeGreaterThan(0)
    expect(explainOperand(bytes, { crypto, keys: [owner] }).length).toBeGreaterThan(2000)
    expect(diffOperands(bytes, bytes, { crypto, keys: [owner] }).differences).toEqual([])
  })
})
