import { describe, expect, it } from 'vitest'
import { attachOperand, locateOperand, operandArchive } from '../../server/esm/cpio.ts'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import { type ScannedNode, scanFdt } from '../../server/esm/fdt-scan.ts'
import { digestList, makeOperand, OperandError, type OperandRecipe, writeDigestList } from '../../server/esm/make.ts'
import { hexBytes, latin1 } from '../../server/esm/reader.ts'
import { readAttachment } from '../../server/esm/verify/attachments.ts'
import { verifyImage } from '../../server/esm/verify/image.ts'
import { unwrap } from '../../server/esm/verify/lockboxes.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'
import { fixture, fixtureJson, fromHex, knownKeys, privateKey } from './fixtures.ts'

/** A stream of bytes that is the same at every run. */
function seeded(): (length: number) => Uint8Array {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32)
      bytes.set(crypto.sha256(new TextEncoder().encode(`seed ${count++}`)).subarray(0, length - at), at)
    return bytes
  }
}

const bootargs = 'root=/dev/sda2 ro svm=1 console=hvc0'
const kernel = fixture('inputs/vmlinux')
const key = (name: string) => fixture(`keys/${name}`)

/** Recipes of the fixtures' svm_blob.yml. */
const recipes: Record<string, Omit<OperandRecipe, 'crypto' | 'random'>> = {
  '01-one-recipient': {
    origin: { publicKey: key('origin.pub') },
    recipients: [{ publicKey: key('tpm.pem'), comment: 'TPM of the machine' }],
    digests: { kernel, initrd: fixture('inputs/initrd.img'), bootargs },
  },
  '02-three-recipients': {
    origin: { publicKey: key('origin.pub'), comment: 'owner' },
    recipients: [
      { publicKey: key('tpm.pem'), comment: 'TPM of the machine' },
      { publicKey: key('recipient-2.pem'), comment: 'second box' },
      { publicKey: key('recipient-3.pem') },
    ],
    digests: { kernel, initrd: fixture('inputs/initrd.img'), bootargs },
    digestsComment: 'digest comment',
  },
  '03-files': {
    origin: { publicKey: key('origin.pub') },
    recipients: [{ publicKey: key('tpm.pem'), comment: 'TPM of the machine' }],
    digests: { kernel, initrd: fixture('inputs/initrd-cpio.gz'), bootargs },
    files: [
      { name: 'rootd', bytes: fixture('inputs/att-rootd.bin'), comment: 'disk secret' },
      { name: 'crypttab', bytes: fixture('inputs/att-crypttab.bin') },
      { name: 'note.txt', bytes: fixture('inputs/att-note_txt.bin') },
      { name: 'plain-name', bytes: fixture('inputs/plain-name') },
    ],
  },
  '05-big-origin-key': {
    origin: { publicKey: key('origin-big.pub') },
    recipients: [{ publicKey: key('tpm.pem'), comment: 'TPM of the machine' }],
    digests: { kernel, initrd: fixture('inputs/initrd.img'), bootargs: '' },
  },
}

/** Nodes, properties and sizes in file order, and the nested tree of attachments. */
function shape(bytes: Uint8Array): unknown {
  const { root, header, problems } = scanFdt(bytes)
  expect(problems).toEqual([])
  const node = (n: ScannedNode): unknown => [
    n.name,
    n.properties.map((p) => [p.name, p.value.length, p.name === 'files-fdt' ? shape(p.value) : undefined]),
    n.children.map(node),
  ]
  const { stringsOffset, stringsSize } = header!
  return { header, strings: latin1(bytes.subarray(stringsOffset, stringsOffset + stringsSize)), tree: node(root!) }
}

describe('an operand that is made', () => {
  it.each(Object.entries(recipes))('%s is laid out as svm-tool does', (name, recipe) => {
    const blob = makeOperand({ ...recipe, crypto, random: seeded() })
    expect(shape(blob)).toEqual(shape(fixture(`good/${name}/blob.dtb`)))
    expect(makeOperand({ ...recipe, crypto, random: seeded() })).toEqual(blob)
  })

  it.each(Object.entries(recipes))('%s opens, and nothing is wrong with it', (name, recipe) => {
    const blob = makeOperand({ ...recipe, crypto, random: seeded() })
    const { operand } = inspectOperand(blob)
    const tpmPrivateKey = privateKey('keys/tpm-private-for-replay.pem')
    const masterKey = unwrap(operand!.lockbox1!, tpmPrivateKey, crypto)!
    expect(
      unwrap(
        operand!.originLockbox!,
        privateKey(name.includes('big') ? 'keys/origin-big.sec' : 'keys/origin.sec'),
        crypto,
      ),
    ).toEqual(masterKey)
    for (const { name: file, bytes } of recipe.files ?? [])
      expect(readAttachment(operand!.filesFdt!, file, masterKey, crypto).bytes).toEqual(bytes)
    const { initrd, bootargs: args } = recipe.digests as { initrd: Uint8Array; bootargs: string }
    const findings = verifyImage({
      crypto,
      esmbInitrd: attachOperand(initrd, blob),
      operand: blob,
      kernel,
      bootargs: args,
      tpmPublicKeyPem: key('tpm.pem'),
      tpmPrivateKey,
      knownKeys: knownKeys(),
    })
    const expected = [...(args === '' ? ['ESM059'] : []), ...(recipe.files ? [] : ['ESM060'])]
    expect(findings.map((f) => f.rule)).toEqual(expected)
  })

  it.each(Object.entries(recipes))('%s: the list of digests is the one of svm-tool, byte for byte', (name, recipe) => {
    const expected = fromHex(fixtureJson(`good/${name}/expected.json`).digests.plaintextHex)
    // libfdt does not clear padding: behind "SHA512" it leaves the `b` of "compatible", which stood there before.
    const padding = latin1(expected).indexOf('SHA512\0b') + 7
    expect(padding).toBe(435)
    expected[padding] = 0
    const list = digestList(recipe.digests as Parameters<typeof digestList>[0], crypto)
    expect(hexBytes(writeDigestList(list))).toBe(hexBytes(expected))
  })

  it('is refused with every reason', () => {
    const recipe = { ...recipes['03-files']!, crypto, random: seeded() }
    const faults = (change: Partial<OperandRecipe>) => {
      try {
        makeOperand({ ...recipe, ...change })
      } catch (error) {
        expect(error).toBeInstanceOf(OperandError)
        return (error as OperandError).findings.map((f) => f.rule)
      }
      return []
    }
    expect(faults({})).toEqual([])
    expect(faults({ recipients: [] })).toEqual(['ESM117'])
    expect(faults({ recipients: [recipe.origin] })).toEqual(['ESM116'])
    expect(faults({ origin: { publicKey: key('origin.sec') } })).toEqual(['ESM111'])
    expect(faults({ origin: { ...recipe.origin, comment: 'a\nb' } })).toEqual(['ESM109'])
    expect(faults({ masterKey: new Uint8Array(16) })).toEqual(['ESM027'])
    const file = (name: string, size: number) => ({ name, bytes: new Uint8Array(size) })
    expect(faults({ files: [file('1bad', 1), file('a', 65536), file('b', 1), file('b', 2)] })).toEqual([
      'ESM124',
      'ESM067',
      'ESM064',
    ])
    expect(faults({ files: [file('a', 40_000), file('b', 40_000)] })).toEqual(['ESM061'])
  })
})

describe('the archive in front of an initrd', () => {
  const blob = fixture('good/03-files/blob.dtb')

  it('is the one of svm-tool, but for times, inodes and devices', () => {
    const image = fixture('good/03-files/esmb-initrd.img')
    const made = attachOperand(fixture('inputs/initrd-cpio.gz'), blob, 'blob.dtb')
    const { esmbInitrd } = fixtureJson('good/03-files/expected.json')
    const masked = (bytes: Uint8Array) => {
      const copy = bytes.slice()
      // Fields 0 (ino), 5 (mtime), 7 and 8 (device) of each header.
      for (const { headerOffset } of esmbInitrd.entries)
        for (const field of [0, 5, 7, 8]) copy.fill(0x30, headerOffset + 6 + 8 * field, headerOffset + 14 + 8 * field)
      return copy
    }
    expect(masked(made)).toEqual(masked(image))
  })

  it.each([0, 1, 2, 3, 511, 512, 513])('is found again in front of %i bytes', (size) => {
    const initrd = new Uint8Array(size).fill(0xaa)
    const located = locateOperand(attachOperand(initrd, blob), 0x10000)
    expect(located.findings).toEqual([])
    expect(located.operand!.bytes).toEqual(blob)
    expect(attachOperand(initrd, blob).subarray(located.archiveBytes)).toEqual(initrd)
  })

  it('takes no name that leaves its folder', () => {
    for (const name of ['', 'a/b', 'a\0b']) expect(() => operandArchive(blob, name)).toThrow(RangeError)
  })
})
