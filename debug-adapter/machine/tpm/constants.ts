/** Numbers of the TPM 2.0 library specification, part 2, that this TPM knows. */
export const TAG = {
  NO_SESSIONS: 0x8001,
  SESSIONS: 0x8002,
  ATTEST_CERTIFY: 0x8017,
  ATTEST_QUOTE: 0x8018,
  CREATION: 0x8021,
  VERIFIED: 0x8022,
  AUTH_SECRET: 0x8023,
  HASHCHECK: 0x8024,
} as const

/** First bytes of everything that a TPM itself says and signs (part 2, 6.2). */
export const GENERATED = 0xff54_4347

export const CC = {
  EvictControl: 0x120,
  NV_UndefineSpace: 0x122,
  Clear: 0x126,
  HierarchyChangeAuth: 0x129,
  NV_DefineSpace: 0x12a,
  CreatePrimary: 0x131,
  NV_Write: 0x137,
  DictionaryAttackLockReset: 0x139,
  PCR_Reset: 0x13d,
  SelfTest: 0x143,
  Startup: 0x144,
  Shutdown: 0x145,
  StirRandom: 0x146,
  ActivateCredential: 0x147,
  Certify: 0x148,
  NV_Read: 0x14e,
  ObjectChangeAuth: 0x150,
  PolicySecret: 0x151,
  Create: 0x153,
  Load: 0x157,
  Quote: 0x158,
  RSA_Decrypt: 0x159,
  Unseal: 0x15e,
  ContextLoad: 0x161,
  ContextSave: 0x162,
  FlushContext: 0x165,
  LoadExternal: 0x167,
  MakeCredential: 0x168,
  NV_ReadPublic: 0x169,
  PolicyAuthValue: 0x16b,
  PolicyCommandCode: 0x16c,
  PolicyOR: 0x171,
  ReadPublic: 0x173,
  RSA_Encrypt: 0x174,
  StartAuthSession: 0x176,
  VerifySignature: 0x177,
  GetCapability: 0x17a,
  GetRandom: 0x17b,
  GetTestResult: 0x17c,
  Hash: 0x17d,
  PCR_Read: 0x17e,
  PolicyPCR: 0x17f,
  PolicyRestart: 0x180,
  ReadClock: 0x181,
  PCR_Extend: 0x182,
  PolicyGetDigest: 0x189,
} as const

const commandNames = new Map<number, string>(Object.entries(CC).map(([name, code]) => [code, `TPM2_${name}`]))

/** Every command that has a name. */
export const tpmCommandNames: readonly string[] = [...commandNames.values()]

/** `TPM2_GetRandom` for 0x17B; the number for one that is not known. */
export const commandName = (code: number): string => commandNames.get(code) ?? `command 0x${code.toString(16)}`

export const ALG = {
  RSA: 0x0001,
  SHA1: 0x0004,
  AES: 0x0006,
  KEYEDHASH: 0x0008,
  SHA256: 0x000b,
  NULL: 0x0010,
  RSASSA: 0x0014,
  RSAES: 0x0015,
  RSAPSS: 0x0016,
  OAEP: 0x0017,
  CTR: 0x0040,
  OFB: 0x0041,
  CBC: 0x0042,
  CFB: 0x0043,
  ECB: 0x0044,
} as const

export const RH = {
  OWNER: 0x4000_0001,
  NULL: 0x4000_0007,
  PW: 0x4000_0009,
  LOCKOUT: 0x4000_000a,
  ENDORSEMENT: 0x4000_000b,
  PLATFORM: 0x4000_000c,
} as const

/** Attributes of an object (part 2, 8.3). */
export const ATTRIBUTE = {
  fixedTPM: 1 << 1,
  stClear: 1 << 2,
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
export const SESSION = {
  continueSession: 0x01,
  auditExclusive: 0x02,
  auditReset: 0x04,
  reserved: 0x18,
  decrypt: 0x20,
  encrypt: 0x40,
  audit: 0x80,
} as const

/** Response codes. Those of format one get their handle, parameter or session number added. */
export const RC = {
  SUCCESS: 0,
  BAD_TAG: 0x01e,
  INITIALIZE: 0x100,
  FAILURE: 0x101,
  EXCLUSIVE: 0x121,
  AUTH_TYPE: 0x124,
  AUTH_MISSING: 0x125,
  PCR_CHANGED: 0x128,
  AUTH_UNAVAILABLE: 0x12f,
  COMMAND_SIZE: 0x142,
  COMMAND_CODE: 0x143,
  AUTHSIZE: 0x144,
  AUTH_CONTEXT: 0x145,
  NV_RANGE: 0x146,
  NV_SIZE: 0x147,
  NV_LOCKED: 0x148,
  NV_AUTHORIZATION: 0x149,
  NV_UNINITIALIZED: 0x14a,
  NV_SPACE: 0x14b,
  NV_DEFINED: 0x14c,
  BAD_CONTEXT: 0x150,
  CPHASH: 0x151,
  NO_RESULT: 0x154,
  SENSITIVE: 0x155,
  OBJECT_MEMORY: 0x902,
  SESSION_MEMORY: 0x903,
  SESSION_HANDLES: 0x905,
  LOCALITY: 0x907,
  /** The first of seven: a handle of the command is that of nothing loaded. */
  REFERENCE_H0: 0x910,
  /** The first of seven: a session of the command is not loaded. */
  REFERENCE_S0: 0x918,
  LOCKOUT: 0x921,
  RETRY: 0x922,
  ATTRIBUTES: 0x082,
  HASH: 0x083,
  VALUE: 0x084,
  HIERARCHY: 0x085,
  KEY_SIZE: 0x087,
  MODE: 0x089,
  TYPE: 0x08a,
  HANDLE: 0x08b,
  KDF: 0x08c,
  RANGE: 0x08d,
  AUTH_FAIL: 0x08e,
  NONCE: 0x08f,
  SCHEME: 0x092,
  SIZE: 0x095,
  SYMMETRIC: 0x096,
  TAG: 0x097,
  SELECTOR: 0x098,
  INSUFFICIENT: 0x09a,
  SIGNATURE: 0x09b,
  KEY: 0x09c,
  POLICY_FAIL: 0x09d,
  INTEGRITY: 0x09f,
  TICKET: 0x0a0,
  RESERVED_BITS: 0x0a1,
  BAD_AUTH: 0x0a2,
  EXPIRED: 0x0a3,
  POLICY_CC: 0x0a4,
  BINDING: 0x0a5,
} as const

export const PARAMETER = 0x040
export const SESSION_NUMBER = 0x800

const rcNames = new Map<number, string>(Object.entries(RC).map(([name, code]) => [code, `TPM_RC_${name}`]))

/** `TPM_RC_BAD_AUTH, session 1` for 0x9A2 (part 2, 6.6.2: format one carries who is to blame). */
export function responseCodeName(code: number): string {
  const exact = rcNames.get(code)
  if (code > RC.REFERENCE_H0 && code < RC.REFERENCE_H0 + 7) return `TPM_RC_REFERENCE_H${code - RC.REFERENCE_H0}`
  if (code > RC.REFERENCE_S0 && code < RC.REFERENCE_S0 + 7) return `TPM_RC_REFERENCE_S${code - RC.REFERENCE_S0}`
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
