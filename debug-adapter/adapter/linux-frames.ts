/**
 * Frames that Linux makes on its stack for an interrupt: the interrupted registers (`struct pt_regs`), marked by a number
 * (STACK_FRAME_REGS_MARKER in arch/powerpc/include/asm/ptrace.h).
 */
import { MSR } from '../machine/cpu/msr.ts'
import { readGuestInteger, readGuestWord } from './guest-memory.ts'
import type { Target } from './target.ts'
import type { GuestFrame, KeptRegister } from './unwind.ts'

/** "regshere", read as a big-endian number. */
const MARKER = 0x7265_6773_6865_7265n
/** Where the marker and the registers stand from the stack pointer on: from Linux 6.2 on, and before. */
const LAYOUTS = [
  { marker: 32n, registers: 48n },
  { marker: 96n, registers: 112n },
] as const
/** Doublewords of `struct pt_regs` behind the 32 general registers. */
const NIP = 32
const SAVED_MSR = 33
const TRAP = 40
/** By the number in DWARF. */
const SPECIAL: Readonly<Record<number, number>> = { 66: 35, 65: 36, 76: 37, 64: 38 }

/** What was interrupted where the frame is one that Linux made for an interrupt; undefined where it is none. */
export function interruptedBy(target: Target, { stackPointer, isUser }: GuestFrame): GuestFrame | undefined {
  if (isUser) return undefined
  const layout = LAYOUTS.find(({ marker }) => readGuestInteger(target, stackPointer + marker, 8) === MARKER)
  if (!layout) return undefined
  const place = (index: number) => stackPointer + layout.registers + BigInt(index) * 8n
  const read = (index: number) => readGuestInteger(target, place(index), 8)
  const [address, msr, interruptedStack] = [read(NIP), read(SAVED_MSR), read(1)]
  if (address === undefined || msr === undefined || interruptedStack === undefined || (address & 3n) !== 0n)
    return undefined
  const interruptedUser = (msr & MSR.PR) !== 0n
  // A kernel's instruction can be read; a frame that lies there from earlier times has anything.
  if (!interruptedUser && readGuestWord(target, address) === undefined) return undefined
  return {
    address,
    stackPointer: interruptedStack,
    isCaller: false,
    isUser: interruptedUser,
    trap: Number((read(TRAP) ?? 0n) & 0xffffn & ~0xfn),
    register: (number): KeptRegister | undefined => {
      const index = number < 32 ? number : SPECIAL[number]
      const value = index === undefined ? undefined : read(index)
      return value === undefined ? undefined : { value, address: place(index!) }
    },
  }
}
