import { FieldReader, pack, sized, u8, u16, u32 } from '../tpm/bytes.ts'
import { ALG, CC, RH, TAG } from '../tpm/constants.ts'

/** A response taken apart: its code, and a reader at its first parameter. */
export interface Response {
  readonly code: number
  readonly body: FieldReader
}

function packet(tag: number, code: number, ...parts: Uint8Array[]): Uint8Array {
  const body = pack(...parts)
  return pack(u16(tag), u32(10 + body.length), u32(code), body)
}

/** A command without sessions. */
export const plain = (code: number, ...parts: Uint8Array[]): Uint8Array => packet(TAG.NO_SESSIONS, code, ...parts)

/** A command with an authorization area between handles and parameters. */
export function withSessions(
  code: number,
  handles: readonly number[],
  sessions: Uint8Array,
  parameters: Uint8Array,
): Uint8Array {
  return packet(
    TAG.SESSIONS,
    code,
    ...handles.map((h) => pack(u32(h))),
    pack(u32(sessions.length)),
    sessions,
    parameters,
  )
}

/** The empty password: 9 bytes (spec/tpm.md §3). */
export const EMPTY_PASSWORD = pack(u32(RH.PW), u16(0), u8(0), u16(0))

/** @throws RangeError where the packet is no response */
export function readResponse(bytes: Uint8Array): Response {
  if (bytes.length < 10) throw new RangeError(`a TPM response of ${bytes.length} bytes, less than its header`)
  const body = new FieldReader(bytes, 10)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (view.getUint32(2) !== bytes.length)
    throw new RangeError(`a TPM response that says ${view.getUint32(2)} bytes and has ${bytes.length}`)
  return { code: view.getUint32(6), body }
}

export const startup = () => plain(CC.Startup, pack(u16(0)))
export const getRandom = (bytes: number) => plain(CC.GetRandom, pack(u16(bytes)))
export const getHandles = (first: number) => plain(CC.GetCapability, pack(u32(1), u32(first), u32(64)))
export const readPublic = (handle: number) => plain(CC.ReadPublic, pack(u32(handle)))
export const flushContext = (handle: number) => plain(CC.FlushContext, pack(u32(handle)))
export const nvReadPublic = (index: number) => plain(CC.NV_ReadPublic, pack(u32(index)))
export const selfTest = () => plain(CC.SelfTest, pack(u8(1)))
export const policyCommandCode = (session: number, code: number) =>
  plain(CC.PolicyCommandCode, pack(u32(session), u32(code)))
export const policyAuthValue = (session: number) => plain(CC.PolicyAuthValue, pack(u32(session)))
export const policyGetDigest = (session: number) => plain(CC.PolicyGetDigest, pack(u32(session)))
export const policyOr = (session: number, digests: readonly Uint8Array[]) =>
  plain(CC.PolicyOR, pack(u32(session), u32(digests.length)), ...digests.map(sized))

/** PolicyPCR over one PCR of the SHA-256 bank. */
export const policyPcr = (session: number, index: number) =>
  plain(CC.PolicyPCR, pack(u32(session), u16(0), u32(1), u16(ALG.SHA256), u8(3), pcrMask(index)))

const pcrMask = (index: number): Uint8Array => {
  const mask = new Uint8Array(3)
  mask[index >> 3]! |= 1 << (index & 7)
  return mask
}

/** A policy session: unsalted, unbound, AES-128-CFB, SHA-256 (spec/tpm.md §4.2). */
export const startPolicySession = (nonceCaller: Uint8Array) =>
  plain(
    CC.StartAuthSession,
    pack(u32(RH.NULL), u32(RH.NULL)),
    sized(nonceCaller),
    pack(u16(0), u8(1), u16(ALG.AES), u16(128), u16(ALG.CFB), u16(ALG.SHA256)),
  )

/** PCR_Extend of both banks, with the empty password. */
export const pcrExtend = (index: number, sha256: Uint8Array, sha1: Uint8Array) =>
  withSessions(CC.PCR_Extend, [index], EMPTY_PASSWORD, pack(u32(2), u16(ALG.SHA256), sha256, u16(ALG.SHA1), sha1))

/** Template of the storage key under the platform hierarchy (spec/tpm.md §2.1). */
const PARENT_TEMPLATE = pack(
  u16(ALG.RSA),
  u16(ALG.SHA256),
  u32(0x0003_0472),
  u16(0),
  u16(ALG.AES),
  u16(128),
  u16(ALG.CFB),
  u16(ALG.NULL),
  u16(2048),
  u32(0),
  u16(0),
)

export const createPrimary = () =>
  withSessions(
    CC.CreatePrimary,
    [RH.PLATFORM],
    EMPTY_PASSWORD,
    pack(u16(4), u16(0), u16(0), sized(PARENT_TEMPLATE), u16(0), u32(0)),
  )

/** Create of the wrapping key (spec/tpm.md §2.2). */
export const createWrappingKey = (parent: number, password: Uint8Array, policy: Uint8Array) => {
  const template = pack(
    u16(ALG.RSA),
    u16(ALG.SHA256),
    u32(0x0002_0c20),
    sized(policy),
    u16(ALG.NULL),
    u16(ALG.OAEP),
    u16(ALG.SHA256),
    u16(2048),
    u32(0),
    u16(0),
  )
  const sensitive = sized(pack(sized(password), u16(0)))
  return withSessions(CC.Create, [parent], EMPTY_PASSWORD, pack(sensitive, sized(template), u16(0), u32(0)))
}

export const load = (parent: number, privateArea: Uint8Array, publicArea: Uint8Array) =>
  withSessions(CC.Load, [parent], EMPTY_PASSWORD, pack(sized(privateArea), sized(publicArea)))

export const evictControl = (object: number, persistent: number) =>
  withSessions(CC.EvictControl, [RH.PLATFORM, object], EMPTY_PASSWORD, pack(u32(persistent)))
