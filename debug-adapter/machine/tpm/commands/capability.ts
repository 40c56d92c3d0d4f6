import { Procedure } from '../../steps.ts'
import { algorithmOf, BANKS } from '../algorithms.ts'
import { pack, u8, u16, u32 } from '../bytes.ts'
import { command, type Run } from '../command.ts'
import { ALG, CC, RC, RH, TpmError } from '../constants.ts'
import { PCR_COUNT } from '../handles.ts'
import { properties } from '../properties.ts'
import type { TpmState } from '../state.ts'

const GET_CAPABILITY = new Procedure('tpm', 'TPM2_GetCapability', 'TPM 2.0 Part 3 §30.2', {
  list: 'list what is asked for',
})

/** TPM_CAP (part 2, 6.12). */
const CAPABILITY = {
  ALGS: 0,
  HANDLES: 1,
  COMMANDS: 2,
  PP_COMMANDS: 3,
  AUDIT_COMMANDS: 4,
  PCRS: 5,
  TPM_PROPERTIES: 6,
  PCR_PROPERTIES: 7,
  ECC_CURVES: 8,
  AUTH_POLICIES: 9,
  ACT: 10,
} as const

/** TPMA_ALGORITHM: asymmetric 1, symmetric 2, hash 4, object 8, signing 0x100, encrypting 0x200, method 0x400. */
const ALGORITHMS: readonly (readonly [number, number])[] = [
  [ALG.RSA, 0x009],
  [ALG.SHA1, 0x004],
  [ALG.AES, 0x002],
  [ALG.KEYEDHASH, 0x30c],
  [ALG.SHA256, 0x004],
  [ALG.RSASSA, 0x101],
  [ALG.RSAES, 0x201],
  [ALG.RSAPSS, 0x101],
  [ALG.OAEP, 0x201],
  [ALG.CFB, 0x202],
]

/** Permanent handles (part 2, 7.4); the last is the NV part of the platform hierarchy. */
const PERMANENT = [RH.OWNER, RH.NULL, RH.PW, RH.LOCKOUT, RH.ENDORSEMENT, RH.PLATFORM, 0x4000_000d]
const numberOf = (handle: number): number => handle & 0xff_ffff

const POLICY_HOLDERS = [RH.OWNER, RH.LOCKOUT, RH.ENDORSEMENT, RH.PLATFORM]
const ACT_FIRST = 0x4000_0110

/**
 * TPM_PT_PCR (part 2, 6.14): registers, the first in the lowest bit of the first byte, that Shutdown keeps, that each
 * locality extends and resets, that do not count as changed, that a dynamic launch resets, that have a policy or authValue.
 */
const PCR_PROPERTIES: readonly (readonly [number, number])[] = [
  [0x00, 0xffff00],
  [0x01, 0xffff81],
  [0x02, 0x000081],
  [0x03, 0xffff91],
  [0x04, 0x000081],
  [0x05, 0xffffff],
  [0x06, 0x0000f1],
  [0x07, 0xffff9f],
  [0x08, 0x000081],
  [0x09, 0xffff87],
  [0x0a, 0x00007e],
  [0x11, 0x0000e1],
  [0x12, 0x00007e],
  [0x13, 0],
  [0x14, 0],
]

/** Handles of the kind that the first byte of the property names, from the property on, in order. */
function handlesFrom(tpm: TpmState, property: number): number[] {
  const kind = property >>> 24
  const sessionsIn = (handles: Iterable<number>) =>
    [...handles].filter((handle) => numberOf(handle) >= numberOf(property)).sort((a, b) => numberOf(a) - numberOf(b))
  switch (kind) {
    case 0x02:
      // Loaded sessions of whatever kind; 0x03 stands for the saved ones.
      return sessionsIn(tpm.sessions.keys())
    case 0x03:
      return sessionsIn(tpm.savedSessions.keys())
    case 0x00:
    case 0x01:
    case 0x40:
    case 0x80:
    case 0x81: {
      const pcrs = Array.from({ length: PCR_COUNT }, (_, i) => i)
      const all = [...pcrs, ...tpm.nv.keys(), ...PERMANENT, ...tpm.objects.keys()]
      return all.filter((handle) => handle >>> 24 === kind && handle >= property).sort((a, b) => a - b)
    }
    default:
      throw TpmError.parameter(RC.HANDLE, 2)
  }
}

/** What a capability lists from a property on, and the most that one response holds: 1024 bytes (part 3, 30.2). */
function list(tpm: TpmState, capability: number, property: number): Uint8Array[] {
  switch (capability) {
    case CAPABILITY.ALGS:
      return ALGORITHMS.filter(([id]) => id >= property).map(([id, what]) => pack(u16(id), u32(what)))
    case CAPABILITY.HANDLES:
      return handlesFrom(tpm, property).map((handle) => pack(u32(handle)))
    case CAPABILITY.COMMANDS:
      return tpm.commandAttributes
        .filter((attributes) => (attributes & 0xffff) >= property)
        .map((attributes) => pack(u32(attributes)))
    case CAPABILITY.PP_COMMANDS:
    case CAPABILITY.AUDIT_COMMANDS:
    case CAPABILITY.ECC_CURVES:
      // Nothing asks for physical presence, is audited as a command, or is on a curve.
      return []
    case CAPABILITY.PCRS:
      if (property !== 0) throw TpmError.parameter(RC.VALUE, 2)
      return BANKS.map((bank) => pack(u16(algorithmOf[bank]), u8(3), Uint8Array.of(0xff, 0xff, 0xff)))
    case CAPABILITY.PCR_PROPERTIES:
      return PCR_PROPERTIES.filter(([id]) => id >= property).map(([id, mask]) =>
        pack(u32(id), u8(3), u8(mask >> 16), u8((mask >> 8) & 0xff), u8(mask & 0xff)),
      )
    case CAPABILITY.AUTH_POLICIES:
      // No hierarchy has a policy.
      if (property >>> 24 !== 0x40) throw TpmError.parameter(RC.VALUE, 2)
      return POLICY_HOLDERS.filter((handle) => handle >= property).map((handle) => pack(u32(handle), u16(ALG.NULL)))
    case CAPABILITY.ACT:
      // There are no authenticated countdown timers.
      if (property < ACT_FIRST || property > ACT_FIRST + 15) throw TpmError.parameter(RC.VALUE, 2)
      return []
    case CAPABILITY.TPM_PROPERTIES:
      return properties(tpm, property).map(([id, value]) => pack(u32(id), u32(value)))
    default:
      throw TpmError.parameter(RC.VALUE, 1)
  }
}

/** The last TPM_CAP of the specification, and the one that is the vendor's. */
const LAST_CAPABILITY = 10
const VENDOR_CAPABILITY = 0x100
/** Bytes of the entries of one response. */
const MAX_LIST = 1016

const getCapability: Run = function* (tpm, _, parameters) {
  const capability = parameters.next().u32()
  if (capability > LAST_CAPABILITY && capability !== VENDOR_CAPABILITY) throw parameters.fail(RC.VALUE)
  const property = parameters.next().u32()
  const count = parameters.next().u32()
  yield GET_CAPABILITY.at('list', { capability, property: BigInt(property), count })
  const all = list(tpm, capability, property)
  // All banks of PCRs come at once, whatever the count.
  const wanted = capability === CAPABILITY.PCRS ? all.length : count
  const shown = all.slice(0, Math.min(wanted, Math.floor(MAX_LIST / (all[0]?.length ?? 1))))
  const more = shown.length < all.length ? 1 : 0
  return { parameters: pack(u8(more), u32(capability), u32(shown.length), ...shown) }
}

export const capabilityCommands = [command(CC.GetCapability, [], GET_CAPABILITY, getCapability)]
