import { attachOperand } from '../../../server/esm/cpio.ts'
import { type FdtTree, writeFdt } from '../../../server/esm/fdt.ts'
import { flattenKernel, type KernelImage } from '../../../server/esm/kernel-image.ts'
import { RTAS_CODE } from '../../../server/esm/verify/digests.ts'
import type { MachineConfig } from '../config.ts'
import { BOOT_STUB, bootStub } from './boot-stub.ts'
import { guestTree } from './device-tree.ts'
import type { GuestMemory } from './guest-memory.ts'
import { CLIENT_ENTRY, CLIENT_STUB, FIRMWARE_BYTES, FIRMWARE_STACK } from './open-firmware/client-interface.ts'
import { MemoryClaims } from './open-firmware/memory-claims.ts'
import { deviceIdentities } from './virtio/devices.ts'

/** What the loader put where. Addresses are guest physical, sizes bytes. */
export interface LoadedGuest {
  readonly entry: bigint
  /**
   * Registers at the entry (spec/pseries.md §4.1): R3 the device tree, R4 the kernel base, R5 0; by Open Firmware R1 a stack, R3 and R4 place
   * and size of the initrd, R5 the client interface.
   */
  readonly registers: ReadonlyMap<number, bigint>
  readonly littleEndian: boolean
  readonly kernelBase: bigint
  /** Of the image, without the .bss behind it. */
  readonly kernelBytes: number
  /** Link address of the kernel's first byte, so that symbols find it. */
  readonly linkBase: bigint
  readonly fdt: bigint
  readonly fdtBytes: number
  readonly initrd: { readonly start: bigint; readonly end: bigint } | undefined
  readonly rtasBase: bigint
}

/** Everything that is loaded before the first instruction, worked out and checked, but not yet written. */
export interface PreparedGuest {
  readonly loaded: LoadedGuest
  /** Guest physical address and bytes. */
  readonly contents: readonly (readonly [bigint, Uint8Array])[]
  readonly tree: FdtTree
  /** Memory that is taken, for a kernel that is started by Open Firmware; absent: it gets the flattened tree. */
  readonly claims: MemoryClaims | undefined
}

/** Where QEMU loads kernels; an image linked elsewhere is moved here (spec/pseries.md §4.1). */
const KERNEL_BASE = 0x40_0000n
const PAGE = 0x1_0000n
const FOUR_GIB = 1n << 32n
/** Room behind the tree for the reservations that the ultravisor adds. */
const TREE_SLACK = 4096
/** The RTAS code, and behind it the room where reports of machine checks are left (spec/pseries.md §4.1). */
const RTAS_AREA_BYTES = 0x82c

interface Region {
  readonly what: string
  readonly start: bigint
  readonly end: bigint
}

const up = (value: bigint): bigint => (value + PAGE - 1n) & -PAGE

/**
 * Lays a VM out as QEMU would: kernel at 4 MiB, initrd at the next multiple of 64 KiB behind it, RTAS in the last 64 KiB and the
 * device tree below it.
 * @throws RangeError naming what does not fit, and how much memory it would need
 * @throws KernelImageError where the kernel is no kernel
 */
export function prepareGuest(config: MachineConfig): PreparedGuest {
  const memoryBytes = BigInt(config.memoryBytes)
  const kernel = flattenKernel(config.kernel)
  const kernelEnd = KERNEL_BASE + BigInt(Math.max(kernel.bytes.length, kernel.memoryBytes))
  const given = config.initrd ?? (config.operand ? new Uint8Array(0) : undefined)
  const initrdBytes = given && (config.operand ? attachOperand(given, config.operand) : given)
  const initrdStart = config.interventions?.initrdAddress ?? up(kernelEnd)
  const told = config.interventions?.initrdBytes ?? ((bytes: number) => bytes)
  const initrd = initrdBytes && { start: initrdStart, end: initrdStart + BigInt(told(initrdBytes.length)) }
  const operandStart = up(initrd ? initrd.end : kernelEnd)
  const kernelOperand = config.kernelOperand && {
    start: operandStart,
    end: operandStart + BigInt(config.kernelOperand.length),
  }
  const rtasBase = memoryBytes - PAGE
  const tree = guestTree({
    memoryBytes,
    bootargs: config.bootargs,
    initrd,
    kernelOperand,
    devices: deviceIdentities(config),
    rtas: { base: rtasBase, codeBytes: RTAS_CODE.length, areaBytes: RTAS_AREA_BYTES },
  })
  config.interventions?.deviceTree?.(tree)
  const fdt = writeFdt(tree)
  const fdtRoom = up(BigInt(fdt.length + TREE_SLACK))
  const fdtBase = rtasBase - fdtRoom

  checkLayout(memoryBytes, fdtRoom + PAGE, [
    ...(config.esm === 'stub'
      ? [{ what: 'the boot stub', start: BOOT_STUB.start, end: BOOT_STUB.start + BOOT_STUB.bytes }]
      : []),
    { what: `the kernel (${kernel.memoryBytes} bytes with its .bss)`, start: KERNEL_BASE, end: kernelEnd },
    ...(initrd ? [{ what: `the initrd (${initrdBytes.length} bytes)`, ...initrd }] : []),
    ...(kernelOperand ? [{ what: `the operand of the zImage`, ...kernelOperand }] : []),
    { what: `the device tree (${fdt.length} bytes)`, start: fdtBase, end: rtasBase },
  ])
  const byFirmware = startsByFirmware(config, kernel)
  const contents: [bigint, Uint8Array][] = [
    [KERNEL_BASE, kernel.bytes],
    ...(initrdBytes ? ([[initrdStart, initrdBytes]] as [bigint, Uint8Array][]) : []),
    ...(config.kernelOperand ? ([[operandStart, config.kernelOperand]] as [bigint, Uint8Array][]) : []),
    ...(byFirmware ? ([[CLIENT_ENTRY, CLIENT_STUB]] as [bigint, Uint8Array][]) : []),
    ...(byFirmware
      ? []
      : ([
          [rtasBase, RTAS_CODE],
          [fdtBase, fdt],
        ] as [bigint, Uint8Array][])),
  ]
  const kernelEntry = KERNEL_BASE + BigInt(kernel.entryOffset)
  const { littleEndian } = kernel
  if (config.esm === 'stub')
    contents.push(...bootStub({ kernelBase: KERNEL_BASE, kernelEntry, fdt: fdtBase, littleEndian }))
  const loaded: LoadedGuest = {
    entry: config.esm === 'stub' ? BOOT_STUB.start : kernelEntry,
    registers: new Map(
      byFirmware
        ? [
            [1, FIRMWARE_STACK],
            [3, initrd?.start ?? 0n],
            [4, initrd ? initrd.end - initrd.start : 0n],
            [5, CLIENT_ENTRY],
          ]
        : [
            [3, fdtBase],
            [4, KERNEL_BASE],
            [5, 0n],
          ],
    ),
    littleEndian,
    kernelBase: KERNEL_BASE,
    kernelBytes: kernel.bytes.length,
    linkBase: kernel.virtualAddress,
    fdt: fdtBase,
    fdtBytes: fdt.length,
    initrd,
    rtasBase,
  }
  const claims = byFirmware ? new MemoryClaims(memoryBytes < FOUR_GIB ? memoryBytes : FOUR_GIB) : undefined
  claims?.reserve(0n, FIRMWARE_BYTES)
  claims?.reserve(KERNEL_BASE, kernelEnd - KERNEL_BASE)
  for (const taken of [initrd, kernelOperand]) if (taken) claims?.reserve(taken.start, taken.end - taken.start)
  return { loaded, contents, tree, claims }
}

/**
 * A kernel for this platform says so in a note, and asks Open Firmware for what it needs; it is also the only way to its own
 * UV_ESM (spec/pseries.md §4.1). Other code gets a flattened tree.
 */
function startsByFirmware({ esm, firmware }: MachineConfig, { notes }: KernelImage): boolean {
  if (esm === 'stub') return false
  return firmware === undefined ? notes.has('PowerPC') : firmware === 'open-firmware'
}

/** Writes what was prepared into the VM's memory. */
export function loadGuest({ loaded, contents }: PreparedGuest, memory: GuestMemory): LoadedGuest {
  for (const [address, bytes] of contents) memory.write(address, bytes)
  return loaded
}

/**
 * @param memoryBytes size of the VM's memory
 * @param topBytes    what the device tree and RTAS take at its end
 * @param regions     everything that is loaded; the last is the device tree
 * @throws RangeError where one runs past the memory or into another
 */
function checkLayout(memoryBytes: bigint, topBytes: bigint, regions: readonly Region[]): void {
  const top = regions.at(-1)!
  for (const region of regions.slice(0, -1)) {
    const { what, start, end } = region
    if (start < 0n) throw new RangeError(`${what} cannot be at ${start}: expected an address from 0 on`)
    // Whole pages of 2 MiB, which is what a VM's memory comes in.
    const needed = roundUp(end + topBytes, 0x20_0000n)
    if (end > top.start)
      throw new RangeError(
        `${what} at 0x${start.toString(16)} does not fit into ${memoryBytes} bytes of memory below the device tree: ` +
          `at least ${needed} bytes (${needed >> 20n} MiB) are needed`,
      )
  }
  const sorted = [...regions].sort((a, b) => (a.start < b.start ? -1 : 1))
  for (const [i, region] of sorted.entries()) {
    const next = sorted[i + 1]
    if (next && next.start < region.end)
      throw new RangeError(
        `${region.what} at 0x${region.start.toString(16)} to 0x${region.end.toString(16)} and ${next.what} at ` +
          `0x${next.start.toString(16)} overlap: expected 0x${region.end.toString(16)} or more`,
      )
  }
}

const roundUp = (value: bigint, multiple: bigint): bigint => ((value + multiple - 1n) / multiple) * multiple
