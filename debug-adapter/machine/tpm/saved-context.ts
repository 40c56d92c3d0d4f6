import { equal, FieldReader, pack, sized, u8, u16, u32, u64 } from './bytes.ts'
import { ALG, RC, TpmError } from './constants.ts'
import { hmacSha512, kdfa } from './key-derivation.ts'
import { externalObject, makeObject, readSensitive, type TpmObject, writeSensitive } from './object.ts'
import { readPublic } from './public-area.ts'
import { newPolicy, type Session } from './session.ts'
import type { TpmState } from './state.ts'

/** What a saved context says about itself in clear (TPM 2.0 part 2, 14.5). */
export interface ContextHead {
  readonly sequence: bigint
  readonly savedHandle: number
  readonly hierarchy: number
}

/** Saved handle of an object that Startup(CLEAR) invalidates. */
export const ST_CLEAR_OBJECT = 0x8000_0002

/** Key and IV of one context: nobody but this TPM has them (part 1, 30.3.1). */
function protection(tpm: TpmState, { sequence, savedHandle, hierarchy }: ContextHead): [Uint8Array, Uint8Array] {
  const both = kdfa(tpm.crypto, tpm.proofOf(hierarchy), 'CONTEXT', u64(sequence), pack(u32(savedHandle)), 256 + 128)
  return [both.slice(0, 32), both.slice(32)]
}

function integrity(tpm: TpmState, head: ContextHead, encrypted: Uint8Array): Uint8Array {
  const { sequence, savedHandle, hierarchy } = head
  const clears = savedHandle === ST_CLEAR_OBJECT ? [u32(tpm.clearCount)] : []
  const parts = pack(u32(tpm.totalResets), ...clears, u64(sequence), u32(savedHandle))
  return hmacSha512(tpm.crypto, tpm.proofOf(hierarchy), parts, encrypted)
}

/** The contextBlob of what is saved. */
export function sealContext(tpm: TpmState, head: ContextHead, content: Uint8Array): Uint8Array {
  const [key, iv] = protection(tpm, head)
  const encrypted = tpm.crypto.aesCfbEncrypt(key, iv, pack(u64(head.sequence), content))
  return pack(sized(integrity(tpm, head, encrypted)), encrypted)
}

/** @throws TpmError TPM_RC_INTEGRITY where the context is not of this TPM, was changed, or is of before a reset */
export function openContext(tpm: TpmState, head: ContextHead, blob: Uint8Array): FieldReader {
  const reader = new FieldReader(blob)
  const found = reader.sized(64)
  const encrypted = reader.rest()
  if (found.length !== 64 || encrypted.length < 8) throw TpmError.parameter(RC.SIZE, 1)
  if (!equal(found, integrity(tpm, head, encrypted))) throw TpmError.parameter(RC.INTEGRITY, 1)
  const [key, iv] = protection(tpm, head)
  const content = new FieldReader(tpm.crypto.aesCfbDecrypt(key, iv, encrypted))
  content.u64()
  return content
}

const EXTERNAL = 1

export function writeObject(object: TpmObject): Uint8Array {
  const { area, publicBytes, sensitive, qualifiedName } = object
  const flags = (object.external ? EXTERNAL : 0) | (object.stClear ? 2 : 0)
  const secret = sensitive ? writeSensitive(area, sensitive) : new Uint8Array(0)
  return pack(u8(flags), sized(publicBytes), sized(secret), sized(qualifiedName))
}

export function readObject(tpm: TpmState, reader: FieldReader, hierarchy: number): TpmObject {
  const flags = reader.u8()
  const area = reader.structure(() => readPublic(reader, true))
  const secret = new FieldReader(reader.sized())
  const sensitive = secret.left > 0 ? readSensitive(secret, area) : undefined
  const qualifiedName = reader.sized()
  const object =
    (flags & EXTERNAL) !== 0
      ? externalObject(tpm.crypto, area, sensitive, hierarchy)
      : makeObject(tpm.crypto, area, sensitive!, { qualifiedName, hierarchy })
  return { ...object, qualifiedName, stClear: (flags & 2) !== 0 }
}

const KINDS = ['hmac', 'policy', 'trial'] as const
const GUARDS = ['nothing', 'entity', 'lockout'] as const

/** An optional value: a byte that says whether it is there. */
const optional = (value: Uint8Array | undefined): Uint8Array => (value ? pack(u8(1), sized(value)) : pack(u8(0)))
const readOptional = (reader: FieldReader): Uint8Array | undefined => (reader.u8() === 1 ? reader.sized() : undefined)
const number = (value: number | undefined): Uint8Array | undefined =>
  value === undefined ? undefined : u64(BigInt(value))
const readNumber = (reader: FieldReader): number | undefined => {
  const bytes = readOptional(reader)
  return bytes && Number(new FieldReader(bytes).u64())
}

export function writeSession(session: Session): Uint8Array {
  const { kind, guards, key, bound, symmetric, nonceTpm, auditDigest, policy } = session
  return pack(
    u8(KINDS.indexOf(kind)),
    u8(GUARDS.indexOf(guards)),
    sized(key),
    optional(bound?.name),
    optional(bound?.auth),
    u16(symmetric?.algorithm ?? ALG.NULL),
    u16(symmetric?.keyBits ?? 0),
    u16(symmetric?.mode ?? 0),
    sized(nonceTpm),
    optional(auditDigest),
    sized(policy.digest),
    optional(number(policy.commandCode)),
    u8(policy.authValueNeeded ? 1 : 0),
    optional(number(policy.pcrCounter)),
    optional(policy.cpHash),
    optional(number(policy.expires)),
  )
}

export function readSession(reader: FieldReader, handle: number): Session {
  const kind = KINDS[reader.u8()]!
  const guards = GUARDS[reader.u8()]!
  const key = reader.sized()
  const name = readOptional(reader)
  const auth = readOptional(reader)
  const [algorithm, keyBits, mode] = [reader.u16(), reader.u16(), reader.u16()]
  return {
    handle,
    kind,
    guards,
    key,
    bound: name && auth && { name, auth },
    symmetric: algorithm === ALG.NULL ? undefined : { algorithm, keyBits, mode },
    nonceTpm: reader.sized(),
    auditDigest: readOptional(reader),
    policy: {
      ...newPolicy(),
      digest: reader.sized(),
      commandCode: readNumber(reader),
      authValueNeeded: reader.u8() === 1,
      pcrCounter: readNumber(reader),
      cpHash: readOptional(reader),
      expires: readNumber(reader),
    },
  }
}
