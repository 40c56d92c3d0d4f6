/** An operand taken apart for the read-only editor. */
import { locateOperand } from '../../esm/cpio.ts'
import { KeyFormatError, parsePrivateKey } from '../../esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../esm/crypto/rsa.ts'
import { explainOperand } from '../../esm/explain.ts'
import type { Finding } from '../../esm/findings.ts'
import { hexBytes, latin1 } from '../../esm/reader.ts'
import { ruleOf } from '../../esm/rules.ts'
import { verifyImage } from '../../esm/verify/image.ts'
import { openAny } from '../../esm/verify/lockboxes.ts'
import { inspectOperand, type Operand } from '../../esm/verify/operand.ts'
import type { Files } from '../files.ts'
import { ownerKeys } from '../owner-keys.ts'
import type { OperandModel, PefServerRequests } from '../protocol.ts'
import { nameOf, parentOf } from '../uris.ts'

/** Bytes: an operand is at most some 130 KiB, and stands at the beginning of an initrd. */
const FILE_LIMIT = 1 << 20
const KEY_LIMIT = 1 << 16

/** @throws Error naming what the file is instead, or why the key cannot be used */
export async function operandModel(
  { uri, key: given }: PefServerRequests['pef/operand']['arguments'],
  files: Files,
): Promise<OperandModel> {
  const file = await files.host.read(uri, FILE_LIMIT)
  if (!file) throw new Error(`There is no file ${nameOf(uri)}.`)
  const { bytes, offset } = findOperand(file, nameOf(uri))
  const named = await ownerKeys(parentOf(uri), files)
  if (given) named.unshift({ path: nameOf(given.uri), key: await readKey(given, files) })
  const { crypto } = files.host
  const keys = named.map(({ key }) => key)
  const { operand } = inspectOperand(bytes)
  const opened = operand && openAny(operand, keys, crypto)
  const openedWith = opened && named.find(({ key }) => operand && openAny(operand, [key], crypto))?.path
  const findings = verifyImage({ crypto, operand: bytes, privateKeys: keys })
  return {
    offset,
    hex: hexBytes(bytes),
    parts: explainOperand(bytes, { crypto, keys: opened ? keys : [], offset }),
    findings: findings.map((found) => toModel(found, offset)),
    protection: protection(operand, findings, openedWith),
    ...(openedWith !== undefined && { openedWith }),
  }
}

function findOperand(file: Uint8Array, name: string): { bytes: Uint8Array; offset: number } {
  if (!latin1(file.subarray(0, 4)).startsWith('0707')) return { bytes: file, offset: 0 }
  const { operand } = locateOperand(file)
  if (!operand) throw new Error(`${name} is an initrd without an operand in front.`)
  return operand
}

async function readKey(
  { uri, passphrase }: { uri: string; passphrase?: string },
  files: Files,
): Promise<RsaPrivateKey> {
  const bytes = await files.host.read(uri, KEY_LIMIT)
  if (!bytes) throw new Error(`There is no file ${nameOf(uri)}.`)
  try {
    return parsePrivateKey(bytes, passphrase)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    throw new Error(`${nameOf(uri)}: ${error.message}`)
  }
}

const SEVERITIES = { E: 'error', X: 'error', W: 'warning', I: 'information', H: 'information' } as const

function toModel({ rule, severity, message, offset, length }: Finding, base: number): OperandModel['findings'][number] {
  const { effect, fix } = ruleOf(rule)
  const place = offset === undefined ? {} : { offset: offset + base, ...(length !== undefined && { length }) }
  return { rule, severity: SEVERITIES[severity], message, effect, fix, ...place }
}

/** In plain words: what is verified by whom, and what of it was possible here. */
function protection(
  operand: Operand | undefined,
  findings: readonly Finding[],
  openedWith: string | undefined,
): OperandModel['protection'] {
  if (!operand)
    return [{ part: 'Everything', how: 'Not readable as an operand.', here: 'See what is wrong with the container.' }]
  const failed = (...rules: string[]) => findings.some(({ rule }) => rules.includes(rule))
  const sealed = (rule: string) =>
    openedWith === undefined
      ? 'Not checked here: no private key that opens a lockbox.'
      : failed(rule)
        ? 'Checked here: the tag does not match.'
        : `Checked here with ${openedWith}: the tag matches.`
  return [
    {
      part: 'Structure of the device tree',
      how: 'Nothing authenticates it. UV_ESM follows it, mostly unchecked.',
      here: failed('ESM011', 'ESM012', 'ESM013', 'ESM014', 'ESM015')
        ? 'Checked here: it can be read, with findings.'
        : 'Checked here: it is sound.',
    },
    {
      part: 'Lockboxes',
      how: 'Names, comments and fingerprints are in clear and nobody authenticates them. The key inside opens for one private key only.',
      here: openedWith === undefined ? 'Not opened here.' : `One of them opened here with ${openedWith}.`,
    },
    {
      part: 'List of digests',
      how: 'Encrypted and authenticated with the master key (AES-256-GCM). UV_ESM checks it, then compares each digest with what is in memory.',
      here: sealed('ESM045'),
    },
    {
      part: 'Attachments',
      how: operand.filesFdt
        ? 'Each is encrypted and authenticated on its own, when the secure VM reads it. Their number, order, names and comments are not authenticated.'
        : 'There are none.',
      here: operand.filesFdt ? sealed('ESM066') : '',
    },
  ]
}
