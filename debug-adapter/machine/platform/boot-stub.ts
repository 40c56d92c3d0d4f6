/**
 * Guest code that calls UV_ESM for a kernel that does not do so itself. It lies outside everything that is hashed, so the
 * operand is judged as if the kernel had called.
 */
import { RTAS_TOKENS } from './rtas-tokens.ts'

/** The stub and its data: guest physical addresses in the first pages, which no kernel uses before it runs. */
export const BOOT_STUB = { start: 0x1_0000n, bytes: 0x1000n, args: 0x1_0200n, text: 0x1_0240n } as const

const UV_ESM = 0xf110n
const H_RTAS = 0xf000n
/** What the VM's end says; ibm,os-term puts it into the log. */
const REFUSED = 'boot stub: UV_ESM was refused'

// Encodings (Power ISA 3.0C I 2.4, 2.7, 3.3.9, 3.3.10, 3.3.13, 3.3.17). Registers are 0 to 31, immediates 16 bits.
const half = (value: bigint): number => Number(value & 0xffffn)
const li = (rt: number, value: bigint) => 0x3800_0000 | (rt << 21) | half(value)
const ori = (ra: number, rs: number, value: bigint) => 0x6000_0000 | (rs << 21) | (ra << 16) | half(value)
const oris = (ra: number, rs: number, value: bigint) => 0x6400_0000 | (rs << 21) | (ra << 16) | half(value)
/** A number of 32 bits, without its sign: li alone would extend it. */
const load32 = (rt: number, value: bigint) => [li(rt, 0n), oris(rt, rt, value >> 16n), ori(rt, rt, value)]
const sc = (level: number) => 0x4400_0002 | (level << 5)
/** Compares as signed doublewords into CR0. */
const cmpdi = (ra: number, value: bigint) => 0x2c20_0000 | (ra << 16) | half(value)
/** Branches by so many bytes where CR0 is not "equal". */
const bne = (bytes: number) => 0x4082_0000 | (bytes & 0xfffc)
const mtctr = (rs: number) => 0x7c09_03a6 | (rs << 21)
const BCTR = 0x4e80_0420
const BRANCH_TO_SELF = 0x4800_0000

export interface BootStubTargets {
  readonly kernelBase: bigint
  readonly kernelEntry: bigint
  readonly fdt: bigint
  /** Byte order of the kernel, and so of the stub: the ultravisor resumes in the order of the caller. */
  readonly littleEndian: boolean
}

/** The instructions of the stub. All addresses are below 4 GiB. */
export function bootStubCode({ kernelBase, kernelEntry, fdt }: BootStubTargets): readonly number[] {
  // UV_ESM resumes at the kernel itself. A plain return with 0 means that the VM is secure already: go there too.
  const enterKernel = [
    ...load32(3, fdt),
    ...load32(4, kernelBase),
    li(5, 0n),
    ...load32(12, kernelEntry),
    mtctr(12),
    BCTR,
  ]
  const giveUp = [...load32(4, BOOT_STUB.args), ...load32(3, H_RTAS), sc(1), BRANCH_TO_SELF]
  return [
    ...load32(4, kernelBase),
    ...load32(5, fdt),
    ...load32(3, UV_ESM),
    sc(2),
    cmpdi(3, 0n),
    bne(4 * (enterKernel.length + 1)),
    ...enterKernel,
    ...giveUp,
  ]
}

/** The stub, and the argument block of ibm,os-term that it ends the VM with when UV_ESM is refused: addresses and bytes. */
export function bootStub(targets: BootStubTargets): [bigint, Uint8Array][] {
  const code = bootStubCode(targets)
  const bytes = new Uint8Array(code.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of code.entries()) view.setUint32(i * 4, word >>> 0, targets.littleEndian)
  // Token, one argument, one result; big-endian always.
  const args = new Uint8Array(20)
  const block = new DataView(args.buffer)
  for (const [i, word] of [RTAS_TOKENS['ibm,os-term'], 1, 1, Number(BOOT_STUB.text)].entries())
    block.setUint32(i * 4, word)
  return [
    [BOOT_STUB.start, bytes],
    [BOOT_STUB.args, args],
    [BOOT_STUB.text, new TextEncoder().encode(`${REFUSED}\0`)],
  ]
}
