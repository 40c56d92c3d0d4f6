import { ALG, MAX_BUFFER, MAX_DIGEST, RH } from './constants.ts'
import {
  isPersistent,
  isTransient,
  MAX_LOADED_SESSIONS,
  MAX_PERSISTENT,
  MAX_SESSIONS,
  MAX_TRANSIENT,
  PCR_COUNT,
} from './handles.ts'
import type { TpmState } from './state.ts'

const ascii = (text: string): number => new DataView(new TextEncoder().encode(text).buffer).getUint32(0)

/** Version of this TPM's firmware, as GetCapability and attestations show it: two words. */
export const FIRMWARE_VERSION = [1, 0] as const

/** TPM_PT of the fixed group that say something (TPM 2.0 part 2, 6.13); the specification is that of revision 1.59. */
const FIXED: readonly (readonly [number, number])[] = [
  [0x100, ascii('2.0\0')],
  [0x101, 0],
  [0x102, 159],
  [0x103, 312],
  [0x104, 2019],
  [0x105, ascii('PEFD')],
  [0x106, ascii('PEF ')],
  [0x107, ascii('debu')],
  [0x108, ascii('gger')],
  [0x109, 0],
  [0x10a, 1],
  [0x10b, FIRMWARE_VERSION[0]],
  [0x10c, FIRMWARE_VERSION[1]],
  [0x10d, 1024],
  [0x10e, MAX_TRANSIENT],
  [0x10f, 7],
  [0x110, MAX_LOADED_SESSIONS],
  [0x111, MAX_SESSIONS],
  [0x112, PCR_COUNT],
  [0x113, 3],
  [0x114, 0xffff],
  [0x116, 0],
  [0x117, 2048],
  // sharedNV, objectCopiedToRam.
  [0x118, 6],
  [0x119, 4096],
  [0x11a, 0x000d],
  [0x11b, ALG.AES],
  [0x11c, 256],
  [0x11d, 0xff],
  [0x11e, MAX_BUFFER],
  [0x11f, MAX_BUFFER],
  [0x120, MAX_DIGEST],
  // Bounds of saved contexts: an RSA-2048 storage key, a bound session with a policy.
  [0x121, 1024],
  [0x122, 512],
  // The platform's specification is that of the TPM.
  [0x123, ascii('2.0\0')],
  [0x124, 0],
  [0x125, 159],
  [0x126, 312],
  [0x127, 2019],
  [0x128, 0],
]

/** TPM_PT of the variable group. */
function variable(tpm: TpmState): readonly (readonly [number, number])[] {
  const set = (hierarchy: number, bit: number) => (tpm.hierarchyAuth(hierarchy).length > 0 ? 1 << bit : 0)
  const handles = [...tpm.objects.keys()]
  const active = tpm.sessions.size + tpm.savedSessions.size
  const persistent = handles.filter(isPersistent).length
  const { attacks } = tpm
  // The TPM made its endorsement seed itself.
  const permanent = set(RH.OWNER, 0) | set(RH.ENDORSEMENT, 1) | set(RH.LOCKOUT, 2) | (1 << 10)
  const lockedOut = attacks.tries >= attacks.maxTries ? 1 << 9 : 0
  return [
    [0x200, permanent | lockedOut],
    [0x201, (0xf | (tpm.wasOrderly ? 1 << 31 : 0)) >>> 0],
    [0x202, tpm.nv.size],
    [0x203, tpm.sessions.size],
    [0x204, MAX_LOADED_SESSIONS - tpm.sessions.size],
    [0x205, active],
    [0x206, MAX_SESSIONS - active],
    [0x207, MAX_TRANSIENT - handles.filter(isTransient).length],
    [0x208, persistent],
    [0x209, MAX_PERSISTENT - persistent],
    [0x20a, 0],
    [0x20b, 0],
    [0x20c, 0],
    [0x20d, 0],
    [0x20e, attacks.tries],
    [0x20f, attacks.maxTries],
    [0x210, attacks.recoveryMilliseconds / 1000],
    [0x211, attacks.recoveryMilliseconds / 1000],
    [0x212, 0],
    [0x213, 0],
    [0x214, 0],
  ]
}

/** The properties from `first` on that are of the same group, as numbers and values. */
export function properties(tpm: TpmState, first: number): readonly (readonly [number, number])[] {
  const commands: readonly (readonly [number, number])[] = [
    [0x129, tpm.commandAttributes.length],
    [0x12a, tpm.commandAttributes.length],
    [0x12b, 0],
    [0x12c, 1024],
    [0x12d, 0],
    [0x12e, 1024],
  ]
  const group = first >>> 8
  return [...FIXED, ...commands, ...variable(tpm)].filter(([id]) => id >= first && id >>> 8 === Math.max(group, 1))
}
