import { attachOperand } from '../../../server/esm/cpio.ts'
import { writeFdt } from '../../../server/esm/fdt.ts'
import { flattenKernel } from '../../../server/esm/kernel-image.ts'
import { RTAS_CODE } from '../../../server/esm/verify/digests.ts'
import type { MachineConfig } from '../config.ts'
import { guestTree } from './device-tree.ts'
import type { GuestMemory } from './guest-memory.ts'
import { RTAS_TOKENS } from './rtas-tokens.ts'

/** What the loader put where. Addresses are guest physical, sizes bytes. */
export interface LoadedGuest {
  readonly entry: bigint
  /** Registers at the entry: R3 the device tree, R4 the kernel base, R5 0 (spec/pseries.md §4.1). */
  readonly registers: ReadonlyMap<number, bigint>
  readonly littleEndian: boolean
  readonly kernelBase: bigint
  readonly kernelBytes: number
  /** Link address of the kernel's first byte, so that symbols find it. */
  readonly linkBase: bigint
  readonly fdt: bigint
  readonly fdtBytes: number
  readonly initrd: { readonly start: bigint; readonly end: bigint } | undefined
  readonly rtasBase: bigint
}

/** Where QEMU loads kernels; an image linked elsewhere is moved here (spec/pseries.md §4.1). */
const KERNEL_BASE = 0x40_0000n
const PAGE = 0x1_0000n
/** Room behind the tree for the reservations that the ultravisor adds. */
const TREE_SLACK = 4096
/** The boot stub lies in the first pages, which no kernel here uses before it runs. */
const STUB_BASE = 0x1_0000n
const STUB_ARGS = 0x1_0100n
const STUB_TEXT = 0x1_0140n

const up = (value: bigint): bigint => (value + PAGE - 1n) & -PAGE

/**
 * Loads a VM as QEMU would: kernel at 4 MiB, initrd behind it, RTAS and device tree under the top.
 * @throws RangeError naming what does not fit and how much memory it would need
 */
export function loadGuest(config: MachineConfig, memory: GuestMemory): LoadedGuest {
  const kernel = flattenKernel(config.kernel)
  const kernelEnd = KERNEL_BASE + BigInt(Math.max(kernel.bytes.length, kernel.memoryBytes))
  const given = config.initrd ?? (config.operand ? new Uint8Array(0) : undefined)
  const initrdBytes = given && (config.operand ? attachOperand(given, config.operand) : given)
  const initrdStart = config.interventions?.initrdAddress ?? up(kernelEnd)
  const initrdEnd = initrdStart + BigInt(initrdBytes?.length ?? 0)
  const rtasBase = memory.bytes - PAGE
  const tree = guestTree({
    memoryBytes: memory.bytes,
    bootargs: config.bootargs,
    initrd: initrdBytes && { start: initrdStart, end: initrdEnd },
    rtas: { base: rtasBase, codeBytes: RTAS_CODE.length, areaBytes: RTAS_CODE.length },
  })
  config.interventions?.deviceTree?.(tree)
  const fdt = writeFdt(tree)
  const fdtBase = (rtasBase - BigInt(fdt.length + TREE_SLACK)) & -PAGE
  const needed = (initrdBytes ? initrdEnd : kernelEnd) + (memory.bytes - fdtBase)
  if (needed > memory.bytes)
    throw new RangeError(
      `kernel (${kernel.memoryBytes} bytes) and initrd (${initrdBytes?.length ?? 0} bytes) do not fit into ${memory.bytes} bytes of memory: ${needed} would be needed`,
    )
  memory.write(KERNEL_BASE, kernel.bytes)
  if (initrdBytes) memory.write(initrdStart, initrdBytes)
  memory.write(rtasBase, RTAS_CODE)
  memory.write(fdtBase, fdt)
  const kernelEntry = KERNEL_BASE + BigInt(kernel.entryOffset)
  if (config.esm === 'stub') writeStub(memory, KERNEL_BASE, fdtBase)
  return {
    entry: config.esm === 'stub' ? STUB_BASE : kernelEntry,
    registers: new Map([
      [3, fdtBase],
      [4, KERNEL_BASE],
      [5, 0n],
    ]),
    littleEndian: config.esm === 'stub' || kernel.littleEndian,
    kernelBase: KERNEL_BASE,
    kernelBytes: kernel.bytes.length,
    linkBase: kernel.virtualAddress,
    fdt: fdtBase,
    fdtBytes: fdt.length,
    initrd: initrdBytes && { start: initrdStart, end: initrdEnd },
    rtasBase,
  }
}

/** Power ISA encodings that the stub is made of (Power ISA 3.0C I 3.3.9, 3.3.14; III 3.3.1). */
const lis = (rt: number, value: bigint) => 0x3c00_0000 | (rt << 21) | Number((value >> 16n) & 0xffffn)
const ori = (ra: number, rs: number, value: bigint) => 0x6000_0000 | (rs << 21) | (ra << 16) | Number(value & 0xffffn)
const load32 = (rt: number, value: bigint) => [lis(rt, value), ori(rt, rt, value)]
const sc = (level: number) => 0x4400_0002 | (level << 5)
const BRANCH_TO_SELF = 0x4800_0000
const UV_ESM = 0xf110n
const H_RTAS = 0xf000n

/**
 * Guest code that calls UV_ESM for a kernel that does not: R3 = UV_ESM, R4 = kernel base, R5 = device tree. Success goes on at
 * the kernel; after a failure it ends the VM by RTAS ibm,os-term. It lies outside everything that is hashed.
 */
function writeStub(memory: GuestMemory, kernelBase: bigint, fdt: bigint): void {
  const code = [
    ...load32(4, kernelBase),
    ...load32(5, fdt),
    ...load32(3, UV_ESM),
    sc(2),
    ...load32(4, STUB_ARGS),
    ...load32(3, H_RTAS),
    sc(1),
    BRANCH_TO_SELF,
  ]
  const bytes = new Uint8Array(code.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of code.entries()) view.setUint32(i * 4, word >>> 0, true)
  memory.write(STUB_BASE, bytes)
  const args = new Uint8Array(16)
  const block = new DataView(args.buffer)
  for (const [i, word] of [RTAS_TOKENS['ibm,os-term'], 1, 1, Number(STUB_TEXT)].entries()) block.setUint32(i * 4, word)
  memory.write(STUB_ARGS, args)
  memory.write(STUB_TEXT, new TextEncoder().encode('boot stub: UV_ESM was refused\0'))
}
