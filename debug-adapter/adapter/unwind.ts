/**
 * Call stack of the guest. Where call frame information tells of a function, by that; else by the back chain of the 64-bit
 * ELF V2 ABI: the doubleword at the stack pointer is the caller's stack pointer, and a function saves its link register in
 * the doubleword at 16 of its *caller's* frame. What the present function has done so far is read from its instructions up
 * to the present one. Behind the frame that Linux makes for an interrupt comes what was interrupted.
 */
import { MSR } from '../machine/cpu/msr.ts'
import { readGuestInteger, readGuestWord } from './guest-memory.ts'
import { interruptedBy } from './linux-frames.ts'
import type { GuestContext, Target } from './target.ts'

/** A register of a frame: its value, and where in memory the frame's callees keep it. */
export interface KeptRegister {
  readonly value: bigint
  readonly address?: bigint
}

export interface GuestFrame {
  /** Present instruction, or for a caller the one behind its call. */
  readonly address: bigint
  readonly stackPointer: bigint
  /** Is `address` a return address? Then the call is the instruction before it. */
  readonly isCaller: boolean
  /** A process of the guest's operating system, not its kernel. */
  readonly isUser: boolean
  /** Its own vector where the frame was interrupted rather than left by a call. */
  readonly trap?: number
  /** By the number in DWARF; undefined where nobody kept it. */
  register(number: number): KeptRegister | undefined
}

const LR_SAVE = 16n
const MAX_FRAMES = 256
/** How far back a function's beginning is looked for, in instructions. */
const MAX_SCAN = 4096n
const STACK_POINTER = 1

/** Frames of the guest, innermost first. Ends where a link leads nowhere, downwards, or in a circle. */
export function guestFrames(target: Target, limit = MAX_FRAMES): GuestFrame[] {
  const guest = target.guest
  if (!guest) return []
  const innermost = innermostFrame(guest, target)
  const frames: GuestFrame[] = [innermost]
  let next = callerOfInnermost(target, guest, innermost)
  while (next && frames.length < limit) {
    frames.push(next)
    next = callerOfFrame(target, next)
  }
  return frames
}

/** Where the present function returns to; undefined for the outermost one. */
export function callerOf(target: Target): GuestFrame | undefined {
  const guest = target.guest
  return guest && callerOfInnermost(target, guest, innermostFrame(guest, target))
}

/** The frame that the processor stands in. */
export function innermostFrame(guest: GuestContext, target: Target): GuestFrame {
  return {
    address: guest.nia,
    stackPointer: guest.gpr[STACK_POINTER]!,
    isCaller: false,
    isUser: (guest.msr & MSR.PR) !== 0n && target.symbols.isKernel,
    // Asked for anew each time: a person may have set it since.
    register: (number) => {
      const { gpr, cr, lr, ctr, xer } = target.guest ?? guest
      const special: Readonly<Record<number, bigint>> = { 64: BigInt(cr >>> 0), 65: lr, 66: ctr, 76: xer }
      const value = gpr[number] ?? special[number]
      return value === undefined ? undefined : { value }
    },
  }
}

function callerOfInnermost(target: Target, guest: GuestContext, frame: GuestFrame): GuestFrame | undefined {
  if (!frame.isUser && target.symbols.isEntry(guest.nia)) return undefined
  const known = callerByRules(target, frame) ?? interruptedBy(target, frame)
  if (known) return known
  const { stackPointer } = frame
  const { framePushed, linkSaved } = prologueState(target, guest.nia)
  if (!framePushed) {
    const address = linkSaved ? readGuestInteger(target, stackPointer + LR_SAVE, 8) : guest.lr
    return callerAt(target, frame, address, stackPointer)
  }
  // A function may have made its frame and not (yet) saved the link register: then that is still the way back.
  if (!linkSaved) return callerAt(target, frame, guest.lr, readGuestInteger(target, stackPointer, 8))
  return callerByBackChain(target, frame)
}

function callerOfFrame(target: Target, frame: GuestFrame): GuestFrame | undefined {
  if (!frame.isUser && target.symbols.isEntry(frame.address)) return undefined
  return callerByRules(target, frame) ?? interruptedBy(target, frame) ?? callerByBackChain(target, frame)
}

function callerByBackChain(target: Target, frame: GuestFrame): GuestFrame | undefined {
  const backChain = readGuestInteger(target, frame.stackPointer, 8)
  if (backChain === undefined || backChain <= frame.stackPointer) return undefined
  return callerAt(target, frame, readGuestInteger(target, backChain + LR_SAVE, 8), backChain)
}

/** The caller by call frame information; undefined where there is none, or it leads nowhere. */
function callerByRules(target: Target, frame: GuestFrame): GuestFrame | undefined {
  if (frame.isUser) return undefined
  // A call may be the last instruction of its function.
  const found = target.symbols.debugAt(frame.isCaller ? frame.address - 4n : frame.address)
  const rules = found?.info.callFrames.rulesAt(frame.isCaller ? found.link + 3n : found.link)
  const base = rules && frame.register(rules.cfa.register)
  if (!rules || !base) return undefined
  const cfa = BigInt.asUintN(64, base.value + rules.cfa.offset)
  if (cfa < frame.stackPointer || (cfa === frame.stackPointer && frame.isCaller)) return undefined
  const register = (number: number): KeptRegister | undefined => {
    const rule = rules.registers.get(number)
    if (number === STACK_POINTER && !rule) return { value: cfa }
    if (!rule) return isPreserved(number) || number === rules.returnColumn ? frame.register(number) : undefined
    switch (rule.kind) {
      case 'same':
        return frame.register(number)
      case 'register':
        return frame.register(rule.number)
      case 'cfa plus':
        return { value: BigInt.asUintN(64, cfa + rule.offset) }
      case 'saved': {
        const address = BigInt.asUintN(64, cfa + rule.offset)
        const value = readGuestInteger(target, address, 8)
        return value === undefined ? undefined : { value, address }
      }
      default:
        return undefined
    }
  }
  const returned = register(rules.returnColumn)
  return callerAt(target, frame, returned?.value, cfa, register)
}

/** r2, r14 to r31, f14 to f31, v20 to v31 and CR2 to CR4 belong to the caller (64-bit ELF V2 ABI §2.2.1.1). */
function isPreserved(number: number): boolean {
  return (
    number === 2 ||
    (number >= 14 && number < 32) ||
    (number >= 46 && number < 64) ||
    (number >= 70 && number <= 72) ||
    (number >= 97 && number < 109)
  )
}

/** A return address is taken for one only where an instruction that links stands before it. */
function callerAt(
  target: Target,
  { isUser }: GuestFrame,
  address: bigint | undefined,
  stackPointer: bigint | undefined,
  register: GuestFrame['register'] = (number) => (number === STACK_POINTER ? { value: stackPointer! } : undefined),
): GuestFrame | undefined {
  if (!address || stackPointer === undefined) return undefined
  const aligned = address & ~3n
  const call = readGuestWord(target, aligned - 4n)
  return call !== undefined && isLinkingBranch(call)
    ? { address: aligned, stackPointer, isCaller: true, isUser, register }
    : undefined
}

/** `b`, `bc`, `bclr`, `bcctr` and `bctar` with LK = 1. */
export function isLinkingBranch(word: number): boolean {
  if ((word & 1) === 0) return false
  const opcode = word >>> 26
  if (opcode === 16 || opcode === 18) return true
  const extended = (word >>> 1) & 0x3ff
  return opcode === 19 && (extended === 16 || extended === 528 || extended === 560)
}

/**
 * What the function around `nia` has done on its way: is its frame on the stack, is its link register saved?
 * Follows the instructions in the order of their addresses; a return in the middle does not undo the prologue for what
 * follows it.
 */
function prologueState(target: Target, nia: bigint): { framePushed: boolean; linkSaved: boolean } {
  const symbol = target.symbols.at(nia)
  // Without a symbol nothing is known of the way here: most of a function's instructions come after its prologue.
  if (!symbol || symbol.offset > MAX_SCAN * 4n) return { framePushed: true, linkSaved: true }
  let framePushed = false
  let linkSaved = false
  let linkInR0 = false
  let body = { framePushed, linkSaved }
  for (let at = nia - symbol.offset; at < nia; at += 4n) {
    const word = readGuestWord(target, at)
    if (word === undefined) break
    if (isStackStoreUpdate(word)) framePushed = true
    else if (isMoveFromLink(word)) linkInR0 = true
    else if (isLinkStore(word) && linkInR0) linkSaved = true
    else if (isStackRelease(word)) framePushed = false
    else if (isMoveToLink(word)) linkSaved = false
    else if (isReturn(word)) ({ framePushed, linkSaved } = body)
    if (framePushed || linkSaved) body = mostAdvanced(body, { framePushed, linkSaved })
  }
  return { framePushed, linkSaved }
}

function mostAdvanced(a: { framePushed: boolean; linkSaved: boolean }, b: typeof a): typeof a {
  return { framePushed: a.framePushed || b.framePushed, linkSaved: a.linkSaved || b.linkSaved }
}

/** `stdu r1,-N(r1)` or `stdux r1,r1,rN`. */
const isStackStoreUpdate = (word: number): boolean =>
  (word & 0xffff0003) >>> 0 === 0xf8210001 || (word & 0xffff07ff) >>> 0 === 0x7c21016a
/** `mflr r0` */
const isMoveFromLink = (word: number): boolean => word >>> 0 === 0x7c0802a6
/** `std r0,D(r1)`: GCC and Clang keep the link register in r0 between `mflr` and here. */
const isLinkStore = (word: number): boolean => (word & 0xffff0003) >>> 0 === 0xf8010000
/** `addi r1,r1,N` with N above 0. */
const isStackRelease = (word: number): boolean => (word & 0xffff8000) >>> 0 === 0x38210000
/** `mtlr rN` */
const isMoveToLink = (word: number): boolean => (word & 0xfc1fffff) >>> 0 === 0x7c0803a6
/** `blr` */
const isReturn = (word: number): boolean => word >>> 0 === 0x4e800020
