import { RH } from './constants.ts'

/** Handle ranges (TPM 2.0 part 2, 7): the first byte says what a handle stands for. */
export const PCR_COUNT = 24
export const TRANSIENT = 0x8000_0000
const PERSISTENT = 0x8100_0000
const PERSISTENT_PLATFORM = 0x8180_0000
const PERSISTENT_END = 0x81ff_ffff
export const HMAC_SESSION = 0x0200_0000
export const POLICY_SESSION = 0x0300_0000
const NV_INDEX = 0x0100_0000

/** As many as the PC Client profile asks for at least. */
export const MAX_TRANSIENT = 3
export const MAX_LOADED_SESSIONS = 3
export const MAX_SESSIONS = 64
export const MAX_PERSISTENT = 64

const HIERARCHIES: readonly number[] = [RH.OWNER, RH.PLATFORM, RH.ENDORSEMENT, RH.LOCKOUT, RH.NULL]

export const isPcr = (handle: number): boolean => handle < PCR_COUNT
export const isNvIndex = (handle: number): boolean => handle >= NV_INDEX && handle < HMAC_SESSION
export const isHmacSession = (handle: number): boolean => handle >= HMAC_SESSION && handle < HMAC_SESSION + MAX_SESSIONS
export const isPolicySession = (handle: number): boolean =>
  handle >= POLICY_SESSION && handle < POLICY_SESSION + MAX_SESSIONS
export const isSession = (handle: number): boolean => isHmacSession(handle) || isPolicySession(handle)
/** HMAC and policy sessions share their numbers: the handle of the other kind with the same one. */
export const otherKind = (session: number): number => session ^ HMAC_SESSION ^ POLICY_SESSION
export const isHierarchy = (handle: number): boolean => HIERARCHIES.includes(handle)
export const isTransient = (handle: number): boolean => handle >= TRANSIENT && handle < TRANSIENT + MAX_TRANSIENT
export const isPersistent = (handle: number): boolean => handle >= PERSISTENT && handle <= PERSISTENT_END
export const isPlatformHandle = (handle: number): boolean => handle >= PERSISTENT_PLATFORM && handle <= PERSISTENT_END
export const isObject = (handle: number): boolean => isTransient(handle) || isPersistent(handle)

/** What may stand at one place of the handle area of a command (part 2, 9: the TPMI_ types). */
export type HandleType = (handle: number) => boolean

const oneOf =
  (...handles: number[]): HandleType =>
  (handle) =>
    handles.includes(handle)

const either =
  (...types: HandleType[]): HandleType =>
  (handle) =>
    types.some((type) => type(handle))

const { OWNER, PLATFORM, ENDORSEMENT, LOCKOUT, NULL } = RH
export const none = oneOf(NULL)
export const objectOrNull = either(isObject, none)
export const pcrOrNull = either(isPcr, none)
/** TPMI_RH_HIERARCHY+. */
export const hierarchyOrNull = oneOf(OWNER, PLATFORM, ENDORSEMENT, NULL)
export const hierarchyAuth = oneOf(OWNER, PLATFORM, ENDORSEMENT, LOCKOUT)
export const ownerOrPlatform = oneOf(OWNER, PLATFORM)
export const lockoutOrPlatform = oneOf(LOCKOUT, PLATFORM)
export const lockout = oneOf(LOCKOUT)
export const nvAuth = either(ownerOrPlatform, isNvIndex)
/** TPM_RH_AUTH_00 to FF, for what a vendor may add: nothing here. */
export const isVendorAuth: HandleType = (handle) => handle >= 0x4000_0010 && handle <= 0x4000_010f
/** TPMI_DH_ENTITY: whatever has an authValue. */
export const entity = either(hierarchyAuth, isObject, isNvIndex, isPcr, isVendorAuth)
export const entityOrNull = either(entity, none)
/** TPMI_DH_CONTEXT: what can be saved and flushed. */
export const context = either(isTransient, isSession)
