/** Numbers of the TPM 2.0 library specification, part 2, that this TPM knows. */
export const TAG = { NO_SESSIONS: 0x8001, SESSIONS: 0x8002, CREATION: 0x8021 } as const

export const CC = {
  EvictControl: 0x120,
  CreatePrimary: 0x131,
  PCR_Reset: 0x13d,
  SelfTest: 0x143,
  Startup: 0x144,
  Shutdown: 0x145,
  ObjectChangeAuth: 0x150,
  Create: 0x153,
  Load: 0x157,
  RSA_Decrypt: 0x159,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  PolicyAuthValue: 0x16b,
  PolicyCommandCode: 0x16c,
  PolicyOR: 0x171,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
  GetRandom: 0x17b,
  PCR_Read: 0x17e,
  PolicyPCR: 0x17f,
  PCR_Extend: 0x182,
  PolicyGetDigest: 0x189,
} as const

/** Commands that are only decoded, for a view of somebody else's TPM. */
const DECODED_ONLY = {
  NV_UndefineSpace: 0x122,
  NV_DefineSpace: 0x12a,
  NV_Write: 0x137,
  NV_Read: 0x14e,
  GetTestResult: 0x17c,
  Hash: 0x17d,
  PolicyRestart: 0x180,
  ReadClock: 0x181,
} as const

const commandNames = new Map<number, string>(
  Object.entries({ ...CC, ...DECODED_ONLY }).map(([name, code]) => [code, `TPM2_${name}`]),
)

/** `TPM2_GetRandom` for 0x17B; the number for one that is not known. */
export const commandName = (code: number): string => commandNames.get(code) ?? `command 0x${code.toString(16)}`

export const ALG = {
  RSA: 0x0001,
  SHA1: 0x0004,
  AES: 0x0006,
  SHA256: 0x000b,
  NULL: 0x0010,
  OAEP: 0x0017,
  CFB: 0x0043,
} as const

export const RH = {
  OWNER: 0x4000_0001,
  NULL: 0x4000_0007,
  PW: 0x4000_0009,
  LOCKOUT: 0x4000_000a,
  ENDORSEMENT: 0x4000_000b,
  PLATFORM: 0x4000_000c,
} as const

export const ATTRIBUTE = {
  fixedTPM: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDA: 1 << 10,
  encryptedDuplication: 1 << 11,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const

/** Session attributes (part 2, 8.4). */
export const SESSION = { continueSession: 0x01, decrypt: 0x20, encrypt: 0x40 } as const

/** Response codes. Those of format one get their handle, parameter or session number added. */
export const RC = {
  SUCCESS: 0,
  BAD_TAG: 0x01e,
  INITIALIZE: 0x100,
  FAILURE: 0x101,
  AUTH_MISSING: 0x125,
  AUTH_UNAVAILABLE: 0x12f,
  COMMAND_SIZE: 0x142,
  COMMAND_CODE: 0x143,
  AUTHSIZE: 0x144,
  AUTH_CONTEXT: 0x145,
  NO_RESULT: 0x154,
  SENSITIVE: 0x155,
  SESSION_MEMORY: 0x903,
  OBJECT_MEMORY: 0x902,
  ATTRIBUTES: 0x082,
  HASH: 0x083,
  VALUE: 0x084,
  HIERARCHY: 0x085,
  KEY_SIZE: 0x087,
  TYPE: 0x08a,
  HANDLE: 0x08b,
  RANGE: 0x08d,
  AUTH_FAIL: 0x08e,
  SCHEME: 0x092,
  SIZE: 0x095,
  SYMMETRIC: 0x096,
  TAG: 0x097,
  INSUFFICIENT: 0x09a,
  POLICY_FAIL: 0x09d,
  INTEGRITY: 0x09f,
  BAD_AUTH: 0x0a2,
  POLICY_CC: 0x0a4,
} as const

export const PARAMETER = 0x040
export const SESSION_NUMBER = 0x800

const rcNames = new Map<number, string>(Object.entries(RC).map(([name, code]) => [code, `TPM_RC_${name}`]))

/** `TPM_RC_BAD_AUTH, session 1` for 0x9A2 (part 2, 6.6.2: format one carries who is to blame). */
export function responseCodeName(code: number): string {
  const exact = rcNames.get(code)
  if (exact || (code & 0x80) === 0) return exact ?? `response code 0x${code.toString(16)}`
  const base = rcNames.get(code & 0x0bf) ?? `error 0x${(code & 0x3f).toString(16)}`
  const number = (code >> 8) & 0xf
  if ((code & PARAMETER) !== 0) return `${base}, parameter ${number}`
  if (number === 0) return base
  return number >= 8 ? `${base}, session ${number - 8}` : `${base}, handle ${number}`
}

/** Ends a command with a response code. */
export class TpmError extends Error {
  constructor(readonly code: number) {
    super(responseCodeName(code))
    this.name = 'TpmError'
  }

  static handle(code: number, index: number): TpmError {
    return new TpmError(code | (index << 8))
  }

  static parameter(code: number, index: number): TpmError {
    return new TpmError(code | PARAMETER | (index << 8))
  }

  static session(code: number, index: number): TpmError {
    return new TpmError(code | SESSION_NUMBER | (index << 8))
  }
}

/** Largest command and response (spec/tpm.md §6.2). */
export const MAX_BUFFER = 4096
/** Largest digest that this TPM computes: GetRandom is clipped to it. */
export const MAX_DIGEST = 64
