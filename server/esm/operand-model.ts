/** An operand taken apart for people who look at it: in the editor, and as JSON of `pef esm explain`. */
import type { CryptoProvider } from './crypto/provider.ts'
import type { RsaPrivateKey } from './crypto/rsa.ts'
import { explainOperand } from './explain.ts'
import type { Finding } from './findings.ts'
import { hexBytes } from './reader.ts'
import { ruleOf } from './rules.ts'
import { verifyImage } from './verify/image.ts'
import { openAny } from './verify/lockboxes.ts'
import { inspectOperand, type Operand } from './verify/operand.ts'

/** An operand taken apart. Offsets and sizes are in bytes. */
export interface OperandModel {
  /** Of the operand in its file: 0 where it is the file. */
  readonly offset: number
  /** The operand's bytes. */
  readonly hex: string
  /** In the order of the bytes, nested by their depth; what was decrypted comes last and has no place. */
  readonly parts: readonly {
    readonly depth: number
    readonly name: string
    readonly value?: string
    readonly meaning?: string
    /** From the start of the file. */
    readonly offset?: number
    readonly length?: number
  }[]
  readonly findings: readonly {
    readonly rule: string
    readonly severity: 'error' | 'warning' | 'information'
    readonly message: string
    readonly effect: string
    readonly fix: string
    readonly offset?: number
    readonly length?: number
  }[]
  /** What protects which part, and what of that was looked at here. */
  readonly protection: readonly { readonly part: string; readonly how: string; readonly here: string }[]
  /** What opened it: the path of a key, or the emulated TPM. */
  readonly openedWith?: string
}

/** A private key that may open a lockbox, and what people know it as. */
export interface NamedKey {
  readonly name: string
  readonly key: RsaPrivateKey
}

/**
 * @param bytes  the operand
 * @param offset of the operand in its file, in bytes
 */
export function modelOf(
  bytes: Uint8Array,
  offset: number,
  named: readonly NamedKey[],
  crypto: CryptoProvider,
): OperandModel {
  const keys = named.map(({ key }) => key)
  const { operand } = inspectOperand(bytes)
  const opened = operand && openAny(operand, keys, crypto)
  const openedWith = opened && named.find(({ key }) => openAny(operand, [key], crypto))?.name
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
