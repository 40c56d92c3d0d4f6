import type { CryptoProvider } from '../crypto/provider.ts'
import { nodeAt } from '../fdt.ts'
import { type ScannedNode, scanFdt } from '../fdt-scan.ts'
import { type Finding, finding } from '../findings.ts'
import { hexBytes, Reader, sameBytes } from '../reader.ts'
import type { Operand } from './operand.ts'
import { CIPHER, commentFault, isText, missingParts, openSealed, propertyOf, type Sealed, showValue } from './sealed.ts'

/** What the decrypted list holds: SHA-512, 64 bytes each, and the size of the flat kernel in bytes (spec/esm-operand.md §4). */
export interface DigestList {
  readonly rtas: Uint8Array
  readonly kernel: Uint8Array
  readonly kernelSize: number
  readonly initrd: Uint8Array
  readonly bootargs: Uint8Array
}

export type DigestName = 'rtas' | 'kernel' | 'initrd' | 'bootargs'

/** In the order in which the ultravisor compares them. */
export const DIGEST_NAMES: readonly DigestName[] = ['rtas', 'kernel', 'initrd', 'bootargs']

/**
 * The code that SLOF puts at linux,rtas-base: mr r4,r3; lis r3,0; ori r3,r3,0xf000; sc 1; blr (spec/esm-operand.md §4.2).
 * Operands hold its digest.
 */
export const RTAS_CODE: Uint8Array = Uint8Array.of(
  ...[0x7c, 0x64, 0x1b, 0x78, 0x3c, 0x60, 0x00, 0x00, 0x60, 0x63],
  ...[0xf0, 0x00, 0x44, 0x00, 0x00, 0x22, 0x4e, 0x80, 0x00, 0x20],
)

const PATH = '/digest/digests-fdt'
/** The buffer that the ultravisor decrypts into, and what is left of its page behind it, in bytes (spec/esm-operand.md §8). */
const BUFFER_BYTES = 4096
const PAGE_LEFT_BYTES = 61_440

/** ESM040 to ESM047: what can be said without the key. */
export function inspectDigestNode(sealed: Sealed | undefined, comment: Uint8Array | undefined): Finding[] {
  if (!sealed) return [finding('ESM040', { path: PATH })]
  const { path, offset, algorithm, iv, mac, ciphertext } = sealed
  const at = { path, offset }
  const findings: Finding[] = []
  const missing = missingParts(sealed)
  if (missing.length > 0) findings.push(finding('ESM041', { found: `no ${missing.join(', ')}`, ...at }))
  if (algorithm && !isText(algorithm, CIPHER)) findings.push(finding('ESM042', { found: showValue(algorithm), ...at }))
  if (iv && iv.length !== 16)
    findings.push(finding('ESM043', { found: `${iv.length} bytes`, severity: iv.length === 0 ? 'E' : 'I', ...at }))
  if (mac && mac.length !== 16) {
    const severity = mac.length < 4 || mac.length > 16 ? 'E' : 'W'
    findings.push(finding('ESM044', { found: `${mac.length} bytes`, severity, ...at }))
  }
  const size = ciphertext?.length ?? 0
  if (size >= 0x1_0000) findings.push(finding('ESM047', { found: `${size} bytes`, ...at }))
  else if (size > BUFFER_BYTES)
    findings.push(finding('ESM046', { found: `${size} bytes`, severity: size > PAGE_LEFT_BYTES ? 'X' : 'W', ...at }))
  const fault = comment && commentFault(comment)
  if (fault) findings.push(finding('ESM033', { found: `${fault} in the comment of ${path}`, ...at }))
  return findings
}

/**
 * ESM027: the size of the unwrapped key. The list of digests opens with AES of that size; attachments always take 32 bytes, so
 * 16 or 24 bytes boot without attachments (spec/esm-operand.md §2.2).
 */
export function checkMasterKey(key: Uint8Array): Finding[] {
  if (key.length === 32) return []
  const severity = key.length === 16 || key.length === 24 ? 'W' : 'E'
  return [finding('ESM027', { found: `${key.length} bytes`, severity })]
}

export interface OpenedDigests {
  /** Absent where something is missing that the ultravisor stops at; a digest of the wrong size (ESM051) is present. */
  readonly digests?: DigestList
  readonly findings: readonly Finding[]
}

/**
 * Decrypts the list of digests and reads it: ESM040, ESM041, ESM043 to ESM045 and ESM048 to ESM052. Never throws.
 * @param masterKey 16, 24 or 32 bytes; any other size is ESM027
 */
export function openDigests(operand: Operand, masterKey: Uint8Array, crypto: CryptoProvider): OpenedDigests {
  const sealed = operand.digestsFdt
  const refusals = inspectDigestNode(sealed, undefined).filter((f) => f.severity === 'E' || f.severity === 'X')
  const keyFault = checkMasterKey(masterKey).filter((f) => f.severity === 'E')
  if (!sealed || refusals.length > 0 || keyFault.length > 0) return { findings: [...keyFault, ...refusals] }
  const plaintext = openSealed(sealed, masterKey, crypto)
  if (!plaintext) {
    const found = 'a tag that does not match'
    return { findings: [finding('ESM045', { found, path: sealed.path, offset: sealed.offset })] }
  }
  return readDigestList(plaintext)
}

/** Reads the plaintext of the list. Offsets in the findings are into the plaintext. Never throws. */
export function readDigestList(plaintext: Uint8Array): OpenedDigests {
  const scan = scanFdt(plaintext)
  const problem = scan.problems[0]
  if (problem || !scan.root)
    return {
      findings: [finding('ESM048', { found: problem?.message ?? 'no root node', offset: problem?.offset ?? 0 })],
    }
  const node = nodeAt(scan.root, '/digests')
  if (!node) {
    const names = scan.root.children.map((child) => child.name).join(', ') || 'no nodes'
    return { findings: [finding('ESM049', { found: names, path: '/digests' })] }
  }
  return readDigestsNode(node)
}

function readDigestsNode(node: ScannedNode): OpenedDigests {
  const at = { path: node.path, offset: node.offset }
  const missing = ['rtas', 'kernel', 'kernel-size', 'initrd', 'bootargs'].filter((name) => !propertyOf(node, name))
  if (missing.length > 0) return { findings: [finding('ESM050', { found: `no ${missing.join(', ')}`, ...at })] }
  const findings: Finding[] = []
  const value = (name: string) => propertyOf(node, name)!
  const size = value('kernel-size')
  if (size.length < 4) return { findings: [finding('ESM052', { found: `${size.length} bytes`, ...at })] }
  const kernelSize = new Reader(size).u32(0, 'kernel-size')
  if (kernelSize === 0) return { findings: [finding('ESM052', { found: '0', severity: 'E', ...at })] }
  for (const name of DIGEST_NAMES)
    if (value(name).length !== 64)
      findings.push(
        finding('ESM051', { found: `${value(name).length} bytes in ${name}`, path: `${node.path}/${name}` }),
      )
  const digests = { rtas: value('rtas'), kernel: value('kernel'), initrd: value('initrd'), bootargs: value('bootargs') }
  return { digests: { ...digests, kernelSize }, findings }
}

const MISMATCH: Readonly<Record<DigestName, string>> = {
  rtas: 'ESM053',
  kernel: 'ESM054',
  initrd: 'ESM056',
  bootargs: 'ESM057',
}

/**
 * ESM053, ESM054, ESM056 or ESM057 where the digests differ.
 * @param expected as the operand has it; of another size than 64 bytes it never matches
 * @param actual   SHA-512 of what is there, 64 bytes
 */
export function compareDigest(what: DigestName, expected: Uint8Array, actual: Uint8Array): Finding | undefined {
  if (expected.length === 64 && sameBytes(expected, actual)) return undefined
  return finding(MISMATCH[what], {
    expected: `SHA-512 ${hexBytes(expected)}`,
    found: hexBytes(actual),
    path: `/digests/${what}`,
  })
}

/**
 * ESM055: only the kernel as a file tells how long its image is; UV_ESM takes the list's word for it.
 * @param expected kernel-size of the list
 * @param actual   bytes of the flat image
 */
export function compareKernelSize(expected: number, actual: number): Finding | undefined {
  if (expected === actual) return undefined
  const path = '/digests/kernel-size'
  return finding('ESM055', { expected: `${actual} bytes`, found: `${expected} bytes`, path })
}
