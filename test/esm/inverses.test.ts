/** What one verb does another takes back, whatever it was done with. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { attachOperand, locateOperand } from '../../server/esm/cpio.ts'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import {
  attach,
  authorize,
  createOperand,
  detach,
  openWith,
  readOperand,
  revoke,
  sealDigests,
} from '../../server/esm/edit.ts'
import { parseFdt } from '../../server/esm/fdt.ts'
import { openAttachments } from '../../server/esm/verify/attachments.ts'
import { openDigests } from '../../server/esm/verify/digests.ts'
import { fixture } from './fixtures.ts'

const key = (name: string) => fixture(`keys/${name}`)
const owner = { publicKey: key('origin.pub') }
const holders = ['tpm.pem', 'recipient-2.pem', 'recipient-3.pem'].map((name) => ({ publicKey: key(name) }))
const runs = { numRuns: 40 }

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const name = fc.stringMatching(/^[A-Za-z][0-9A-Za-z,._+-]{0,30}$/)
const comment = fc.stringMatching(/^[ -~]{0,40}$/)
const files = fc.uniqueArray(fc.record({ name, bytes: fc.uint8Array({ maxLength: 3000 }), comment }), {
  selector: (file) => file.name,
  minLength: 1,
  maxLength: 4,
})
/** A generator that gives the same again, so that a failure can be tried again. */
const sealing = (seed: number) => {
  let count = seed
  const random = (length: number) => crypto.sha512(Uint8Array.of(count >> 8, count++)).slice(0, length)
  return { crypto, random: (length: number) => (length <= 64 ? random(length) : new Uint8Array(length).fill(seed)) }
}
const seed = fc.integer({ min: 0, max: 1000 })

it('what is attached is read back, and detached leaves what was before', () => {
  fc.assert(
    fc.property(bytes(32), files, seed, (master, attached, seed) => {
      const blank = createOperand(owner, master, sealing(seed))
      const [last, ...others] = attached
      const before = attach(blank, others, master, sealing(seed))
      const full = attach(before, [last!], master, sealing(seed + 1))
      const opened = openAttachments(readOperand(full).filesFdt!, master, crypto)
      expect(Object.fromEntries(opened.map(({ name, bytes }) => [name, bytes]))).toEqual(
        Object.fromEntries(attached.map(({ name, bytes }) => [name, bytes])),
      )
      expect(parseFdt(detach(full, last!.name))).toEqual(parseFdt(before))
      expect(() => detach(before, last!.name)).toThrow('not attached')
    }),
    runs,
  )
})

it('who is authorized opens it, and revoked leaves what was before', () => {
  const secrets = ['recipient-2.sec', 'recipient-3.sec'].map((name) => parsePrivateKey(key(name)))
  fc.assert(
    fc.property(bytes(32), fc.shuffledSubarray([0, 1], { minLength: 1 }), seed, (master, chosen, seed) => {
      const blank = authorize(createOperand(owner, master, sealing(seed)), [holders[0]!], master, sealing(seed))
      const wanted = chosen.map((i) => holders[i + 1]!)
      const more = authorize(blank, wanted, master, sealing(seed + 1))
      for (const i of chosen) expect(openWith(more, secrets[i]!, crypto)).toEqual(master)
      const back = wanted.reduce((blob, { publicKey }) => revoke(blob, publicKey, crypto), more)
      expect(parseFdt(back)).toEqual(parseFdt(blank))
      for (const i of chosen) expect(() => openWith(back, secrets[i]!, crypto)).toThrow('Not an authorized key')
    }),
    runs,
  )
})

it('the list of digests is read back, with the key that it was sealed with and no other', () => {
  const list = fc.record({
    rtas: bytes(64),
    kernel: bytes(64),
    initrd: bytes(64),
    bootargs: bytes(64),
    kernelSize: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  })
  fc.assert(
    fc.property(bytes(32), bytes(32), list, comment, seed, (master, other, digests, comment, seed) => {
      fc.pre(Buffer.compare(master, other) !== 0)
      const blank = createOperand(owner, master, sealing(seed))
      const operand = readOperand(sealDigests(blank, digests, comment, master, sealing(seed)))
      expect(openDigests(operand, master, crypto)).toEqual({ digests, findings: [] })
      expect(openDigests(operand, other, crypto).findings.map(({ rule }) => rule)).toEqual(['ESM045'])
    }),
    runs,
  )
})

it('an operand put in front of an initrd is found there, and the initrd behind it is as it was', () => {
  fc.assert(
    fc.property(bytes(32), fc.uint8Array({ minLength: 1, maxLength: 5000 }), seed, (master, initrd, seed) => {
      const operand = createOperand(owner, master, sealing(seed))
      const both = attachOperand(initrd, operand)
      const found = locateOperand(both)
      expect(found.operand!.bytes).toEqual(operand)
      expect(both.subarray(found.archiveBytes)).toEqual(initrd)
    }),
    runs,
  )
})
