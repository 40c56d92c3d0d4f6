import { describe, expect, it } from 'vitest'
import { attachOperand, locateOperand } from '../../server/esm/cpio.ts'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import { isFatal } from '../../server/esm/findings.ts'
import { hexBytes } from '../../server/esm/reader.ts'
import { ruleOf } from '../../server/esm/rules.ts'
import { listAttachments, readAttachment } from '../../server/esm/verify/attachments.ts'
import { openDigests } from '../../server/esm/verify/digests.ts'
import { type ImageParts, inspectBootargs, verifyImage } from '../../server/esm/verify/image.ts'
import { explainUnwrapFailure, inspectRecipients, unwrap } from '../../server/esm/verify/lockboxes.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'
import { fixture, fixtureJson, fromHex, knownKeys, privateKey } from './fixtures.ts'

const bad = fixtureJson('bad/expected.json')
const tpmPrivateKey = privateKey('keys/tpm-private-for-replay.pem')
const common: ImageParts = {
  crypto,
  tpmPublicKeyPem: fixture('keys/tpm.pem'),
  tpmPrivateKey,
  privateKeys: [privateKey('keys/origin.sec'), privateKey('keys/recipient-2.sec'), privateKey('keys/recipient-3.sec')],
  knownKeys: knownKeys(),
  kernel: fixture('inputs/vmlinux'),
  bootargs: bad.bootargs,
  initrd: fixture(bad.initrd),
}

const ids = (findings: readonly { rule: string }[]) => [...new Set(findings.map((f) => f.rule))].sort()

interface BadCase {
  id: string
  kind: 'blob' | 'initrd'
  file: string
  mutation: string
  diagnostics: string[]
  ultravisor: {
    accepted: boolean
    memoryUnsafe: boolean
    readsPastEnd?: boolean
    files?: Record<string, { rc: number; sha512?: string }>
  }
}

describe('altered operands and initrds (verdicts of the real ultravisor code)', () => {
  const cases: BadCase[] = bad.cases
  it('are the 71 of the fixtures', () => expect(cases).toHaveLength(71))

  it.each(cases)('$id', ({ kind, file, diagnostics, ultravisor }) => {
    const bytes = fixture(`bad/${file}`)
    const findings = verifyImage({ ...common, ...(kind === 'blob' ? { operand: bytes } : { esmbInitrd: bytes }) })
    expect(ids(findings)).toEqual([...diagnostics].sort())
    const accepted = ultravisor.accepted && !ultravisor.memoryUnsafe && !ultravisor.readsPastEnd
    expect(findings.some(isFatal)).toBe(!accepted)
    for (const { message } of findings) expect(message).toMatch(/expected .+/)
  })

  it.each(cases.filter((c) => c.kind === 'blob' && c.ultravisor.accepted))(
    '$id: attachments',
    ({ file, ultravisor }) => {
      const { operand } = inspectOperand(fixture(`bad/${file}`))
      const key = unwrap(operand!.lockbox1!, tpmPrivateKey, crypto)!
      for (const [name, { rc, sha512 }] of Object.entries(ultravisor.files ?? {})) {
        const { bytes } = readAttachment(operand!.filesFdt ?? new Uint8Array(0), name, key, crypto)
        expect(bytes ? 0 : -1, name).toBe(rc === 0 ? 0 : -1)
        if (bytes) expect(hexBytes(crypto.sha512(bytes)), name).toBe(sha512)
      }
    },
  )

  it.each(cases.filter((c) => c.kind === 'blob'))('$id in front of an initrd', ({ file, ultravisor }) => {
    const esmbInitrd = attachOperand(fixture(bad.initrd), fixture(`bad/${file}`), 'blob.dtb')
    const findings = verifyImage({ ...common, esmbInitrd })
    const accepted = ultravisor.accepted && !ultravisor.memoryUnsafe && !ultravisor.readsPastEnd
    expect(findings.some(isFatal)).toBe(!accepted)
  })
})

describe('operands made by svm-tool', () => {
  const cases: string[] = fixtureJson('manifest.json').good.map((good: { case: string }) => good.case)

  it.each(cases)('%s', (name) => {
    const expected = fixtureJson(`good/${name}/expected.json`)
    const { operand, findings } = inspectOperand(fixture(`good/${name}/blob.dtb`))
    expect(operand!.lockboxes.map((box) => [box.name, box.comment, hexBytes(box.fingerprint!)]).sort()).toEqual(
      expected.lockboxes
        .map((box: { name: string; comment: string; fingerprint: string }) => [box.name, box.comment, box.fingerprint])
        .sort(),
    )
    const overflows = expected.filesFdt && !expected.filesFdt.fitsUltravisorPage
    const level1 = [
      ...(overflows ? ['ESM061', 'ESM067'] : []),
      ...(expected.filesFdt ? [] : ['ESM060']),
      ...(expected.digests ? [] : ['ESM040']),
      ...(operand!.lockbox1 ? [] : ['ESM021']),
    ]
    expect(ids(findings)).toEqual(level1.sort())

    const box = operand!.lockboxes.find((b) => unwrap(b, tpmPrivateKey, crypto))!
    const key = unwrap(box, tpmPrivateKey, crypto)!
    expect(hexBytes(key)).toBe(expected.masterKey)
    if (expected.digests) {
      const { digests, findings: none } = openDigests(operand!, key, crypto)
      expect(none).toEqual([])
      const { rtas, kernel, kernelSize, initrd, bootargs } = expected.digests
      expect({ ...digests, ...mapHex(digests!) }).toEqual({ rtas, kernel, kernelSize, initrd, bootargs })
    }
    const listed = listAttachments(operand!.filesFdt)
    expect(listed.map((file) => file.name).sort()).toEqual(
      (expected.files ?? []).map((file: { name: string }) => file.name).sort(),
    )
    for (const file of expected.files ?? []) {
      const { bytes } = readAttachment(operand!.filesFdt!, file.name, key, crypto)
      if (file.length < 0x10000) expect(hexBytes(crypto.sha512(bytes!))).toBe(file.sha512)
    }
  })

  it.each(cases)('%s as an image', (name) => {
    const expected = fixtureJson(`good/${name}/expected.json`)
    const esmbInitrd = fixture(`good/${name}/esmb-initrd.img`)
    const located = locateOperand(esmbInitrd, 0x2000000)
    expect(located.findings).toEqual([])
    expect(located.operand!.bytes).toEqual(fixture(`good/${name}/blob.dtb`))
    expect(located.operand!.offset).toBe(expected.esmbInitrd.blobOffset)
    expect(located.operand!.name).toBe(expected.esmbInitrd.blobPath)
    expect(located.archiveBytes).toBe(expected.esmbInitrd.archiveBytes)
    const bootargs = expected.digests?.bootargsText
    const kernel = name === '06-debian-kernel' ? undefined : common.kernel
    const findings = verifyImage({ ...common, esmbInitrd, kernel, bootargs })
    expect(findings.some(isFatal)).toBe(expected.ultravisor.svm_esm_blob_chk !== 0)
    if (name === '07-tpm-is-second-recipient') expect(ids(findings.filter(isFatal))).toEqual(['ESM022', 'ESM023'])
    if (name === '10-single-verbs') expect(ids(findings.filter(isFatal))).toEqual(['ESM021', 'ESM040'])
  })
})

const mapHex = (digests: object) =>
  Object.fromEntries(
    Object.entries(digests).map(([name, value]) => [name, value instanceof Uint8Array ? hexBytes(value) : value]),
  )

describe('what the machine asks', () => {
  const { operand } = inspectOperand(fixture('bad/base/blob.dtb'))

  it('takes the load address into account', () => {
    const image = fixture('bad/base/esmb-initrd.img')
    const at = (address: number) => locateOperand(image, address)
    expect(at(0x2000200).findings).toEqual([])
    expect(at(0x2000200).archiveBytes).toBe(at(0).archiveBytes)
    expect(ids(at(0x2000100).findings)).toEqual(['ESM077'])
    expect(at(0x2000100).archiveBytes % 512).toBe(0x100)
    expect(ids(at(0x2000202).findings)).toEqual(['ESM077'])
    expect(at(0x2000202).operand).toBeUndefined()
    const crossing = at(0x2200000 - 1024)
    expect(ids(crossing.findings)).toEqual(['ESM083'])
    expect(crossing.operand).toBeUndefined()
  })

  it('does not run on behind a member whose size is no multiple of 4', () => {
    const image = attachOperand(fixture('inputs/initrd.img'), new Uint8Array(101).fill(7))
    const { findings, operand: none } = locateOperand(image)
    expect(findings.map((f) => [f.rule, f.severity])).toEqual([['ESM075', 'X']])
    expect(none).toBeUndefined()
  })

  it('says why a lockbox did not open', () => {
    const swapped = inspectOperand(fixture('bad/blob/lockboxes-swapped.dtb')).operand!
    const pem = fixture('keys/tpm.pem')
    expect(ids(explainUnwrapFailure(swapped, { crypto, tpmPublicKeyPem: pem }))).toEqual(['ESM022', 'ESM023'])
    const short = inspectOperand(fixture('bad/blob/symkey-255-bytes.dtb')).operand!
    expect(ids(explainUnwrapFailure(short, { crypto, tpmPublicKeyPem: pem }))).toEqual(['ESM025'])
    const [failed] = explainUnwrapFailure(operand!, { crypto, tpmPublicKeyPem: pem, found: 'TPM_RC_FAILURE' })
    expect(failed!.rule).toBe('ESM026')
    expect(failed!.message).toContain('TPM_RC_FAILURE')
    // With the TPM's key as the only one at hand, a fingerprint that is not its own cannot be told from a stale one.
    expect(
      ids(inspectRecipients(inspectOperand(fixture('bad/blob/wrong-fingerprint.dtb')).operand!, pem, crypto)),
    ).toEqual(['ESM036'])
    expect(inspectRecipients(operand!, new TextDecoder().decode(pem), crypto)).toEqual([])
  })

  it('judges bootargs as the property has them', () => {
    const text = (t: string) => new TextEncoder().encode(t)
    expect(inspectBootargs(text('svm=on\0'))).toEqual([])
    expect(ids(inspectBootargs(text('svm=on \0')))).toEqual(['ESM058'])
    expect(inspectBootargs(undefined).map((f) => [f.rule, isFatal(f)])).toEqual([['ESM081', true]])
    expect(inspectBootargs(text('svm=on')).map((f) => [f.rule, isFatal(f)])).toEqual([['ESM081', false]])
    expect(ids(inspectBootargs(text('svm=on\0\0')))).toEqual(['ESM081'])
  })

  it('opens nothing with another key, and never throws for sizes', () => {
    for (const size of [0, 1, 15, 16, 24, 31, 32, 33, 64]) {
      const { digests, findings } = openDigests(operand!, new Uint8Array(size), crypto)
      expect(digests).toBeUndefined()
      expect(ids(findings)).toEqual([[16, 24, 32].includes(size) ? 'ESM045' : 'ESM027'])
    }
    expect(openDigests(operand!, fromHex(bad.masterKey), crypto).digests).toBeDefined()
  })
})

describe('every flipped bit', () => {
  const base = fixture('bad/base/blob.dtb')
  const key = fromHex(bad.masterKey)

  it('of the operand is harmless, named, or caught by a key', () => {
    const reference = openDigests(inspectOperand(base).operand!, key, crypto).digests
    let refused = 0
    for (let at = 0; at < base.length; at++) {
      const altered = base.slice()
      altered[at]! ^= 1 << (at % 8)
      const { operand, findings } = inspectOperand(altered)
      for (const f of findings) expect(ruleOf(f.rule)).toBeDefined()
      if (!operand || findings.some(isFatal)) {
        refused++
        expect(findings.some(isFatal)).toBe(true)
        continue
      }
      // Still an operand: then the digests are the very same, or do not open at all.
      const { digests, findings: sealed } = openDigests(operand, key, crypto)
      if (digests) expect(digests).toEqual(reference)
      else expect(sealed.some(isFatal)).toBe(true)
    }
    expect(refused).toBeGreaterThan(100)
  })
})
