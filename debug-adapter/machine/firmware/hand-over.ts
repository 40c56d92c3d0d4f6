/** What OPAL writes for the ultravisor before it starts it (spec/ultravisor.md §7.2). All numbers are big-endian. */
import { cells, type FdtTree, newFdt, newNode, strings, writeFdt } from '../../../server/esm/fdt.ts'
import { Actor } from '../memory/actor.ts'
import { RefusalError } from '../refusal.ts'
import type { WrappingKey } from '../tss/provision.ts'
import { SYSTEM_FDT, secureAddress, ULTRAVISOR, UV_CONSOLE, UV_FDT, UV_MEMCONS, UV_OPAL } from './memory-map.ts'
import type { BootParts } from './parts.ts'

/** Fields of `struct uv_opal`, offsets in bytes. */
export const UV_OPAL_FIELDS = { returnCode: 8, base: 16, systemFdt: 24, uvFdt: 32, memcons: 40 } as const

/** Marks a console descriptor (spec/ultravisor.md §7.5). */
const MEMCONS_MAGIC = 0x6630_6965_6772_6173n

/**
 * Writes `struct uv_opal` and the descriptor of the ultravisor's console into normal memory. Magic and version stay 0: OPAL
 * allocates the structure zeroed and never fills them.
 */
export function writeUvOpal({ memory }: BootParts): void {
  const at = BigInt(UV_OPAL.start)
  const firmware = memory.as(Actor.Firmware)
  memory.assign(at, UV_OPAL.bytes >> 16, { owner: 'firmware', use: 'struct uv_opal' })
  memory.assign(BigInt(UV_CONSOLE.start), UV_CONSOLE.bytes >> 16, {
    owner: 'firmware',
    use: 'console of the ultravisor: the host may read it',
  })
  firmware.fill(at, 0, UV_OPAL.bytes)
  firmware.setU64(at + BigInt(UV_OPAL_FIELDS.base), secureAddress(ULTRAVISOR.base))
  firmware.setU64(at + BigInt(UV_OPAL_FIELDS.systemFdt), BigInt(SYSTEM_FDT.start))
  firmware.setU64(at + BigInt(UV_OPAL_FIELDS.uvFdt), secureAddress(UV_FDT.offset))
  firmware.setU64(at + BigInt(UV_OPAL_FIELDS.memcons), BigInt(UV_MEMCONS.start))
  const memcons = BigInt(UV_MEMCONS.start)
  firmware.setU64(memcons, MEMCONS_MAGIC)
  // Output buffer; there is no input buffer, so its address at +16 stays 0.
  firmware.setU64(memcons + 8n, BigInt(UV_CONSOLE.start))
  firmware.setU32(memcons + 24n, UV_CONSOLE.bytes)
}

/** Writes the device tree of the host into normal memory. @throws RefusalError BOOT-003 where it does not fit */
export function writeSystemTree({ memory }: BootParts, tree: FdtTree): void {
  const bytes = fitting(writeFdt(tree), SYSTEM_FDT.bytes, 'the device tree of the host')
  memory.assign(BigInt(SYSTEM_FDT.start), SYSTEM_FDT.bytes >> 16, { owner: 'firmware', use: 'device tree of the host' })
  memory.as(Actor.Firmware).write(BigInt(SYSTEM_FDT.start), bytes)
}

/**
 * Writes uv_fdt into secure memory: `/ibm,uv-fdt/ibm,uv-tpm` with the wrapping key's properties (spec/tpm.md §1.1).
 * @param key absent where provisioning failed: the properties are missing then, and every UV_ESM is refused (ESM130)
 * @returns its real address
 * @throws RefusalError BOOT-003 where it does not fit
 */
export function writeUvFdt({ memory, interventions }: BootParts, key: WrappingKey | undefined): bigint {
  // The ultravisor takes the password as a C string.
  const password = key && Uint8Array.of(...key.password, 0)
  const properties = new Map<string, Uint8Array>()
  if (key && password) {
    properties.set('wrapping-key-handle', cells(key.handle))
    properties.set('wrapping-key-passwd', password)
    properties.set('wrapping-key-publicname', key.publicName)
    properties.set('wrapping-key-policy-a', key.policyA)
    properties.set('wrapping-key-policy-b', key.policyB)
  }
  interventions?.wrappingKeyProperties?.(properties)
  const node = newNode('ibm,uv-tpm', { compatible: strings('ibm,uv-tpm'), ...Object.fromEntries(properties) })
  const tree = newFdt()
  tree.root.children.push(newNode('ibm,uv-fdt', { compatible: strings('ibm,uv-fdt') }, [node]))
  const bytes = fitting(writeFdt(tree), UV_FDT.bytes, 'uv_fdt')
  const at = secureAddress(UV_FDT.offset)
  memory.assign(at, UV_FDT.bytes >> 16, { owner: 'ultravisor', use: 'uv_fdt: from OPAL' })
  memory.as(Actor.Firmware).write(at, bytes)
  // The tree was built outside the machine's memory: no copy of the password stays there either.
  bytes.fill(0)
  password?.fill(0)
  return at
}

function fitting(bytes: Uint8Array, room: number, what: string): Uint8Array {
  if (bytes.length <= room) return bytes
  throw new RefusalError({
    rule: 'BOOT-003',
    expected: `at most ${room} bytes for ${what}`,
    found: `${bytes.length} bytes`,
    source: 'spec/ultravisor.md §7.2',
  })
}
