/** Expressions that say where something is (DWARF 5 §2.5, §2.6): a machine with a stack of 64-bit numbers. */
import { ByteReader } from '../byte-reader.ts'
import { At, Encoding } from './constants.ts'
import type { Die, Unit } from './unit.ts'

/** Where a value is, or what it is, or why there is none. */
export type Place =
  | { readonly kind: 'memory'; readonly address: bigint }
  /** A register by its number in DWARF (64-bit ELF V2 ABI §2.4). */
  | { readonly kind: 'register'; readonly number: number }
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'pieces'; readonly pieces: readonly Piece[] }
  /** `why` in words, to be read behind "optimised out: ". */
  | { readonly kind: 'absent'; readonly why: string }

export interface Piece {
  readonly place: Place
  readonly bytes: number
}

/** What an expression may ask of the frame that it is worked out for. */
export interface FrameAccess {
  /** Where the processor stands in the frame, as linked; of a caller, inside its call. */
  readonly pc: bigint
  /** Run address = link address + delta. */
  readonly delta: bigint
  /** undefined where the register's value in this frame is not known any more. */
  register(number: number): bigint | undefined
  /** An unsigned integer of 1 to 8 bytes at an address of the running program. */
  read(address: bigint, bytes: number): bigint | undefined
  /** The stack pointer of the caller at its call. */
  cfa(): bigint | undefined
}

class Absent extends Error {}

const absent = (why: string): Place => ({ kind: 'absent', why })
const mask64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
const MAX_OPERATIONS = 10_000
const MAX_STACK = 256

/**
 * @param frameBase what DW_OP_fbreg counts from
 * @param start the stack at the beginning, as for a member's location
 */
export function evaluateLocation(
  unit: Unit,
  expression: Uint8Array,
  frame: FrameAccess,
  frameBase: () => bigint | undefined,
  start: readonly bigint[] = [],
): Place {
  if (expression.length === 0) return absent('the compiler kept no place for it here')
  try {
    return new Evaluation(unit, expression, frame, frameBase, start).place()
  } catch (error) {
    if (error instanceof Absent) return absent(error.message)
    if (error instanceof Error) return absent(`its location cannot be read: ${error.message}`)
    throw error
  }
}

class Evaluation {
  readonly #reader: ByteReader
  readonly #stack: bigint[]
  readonly #pieces: Piece[] = []
  /** What the last operation named, where that is no address. */
  #named: Place | undefined

  constructor(
    readonly unit: Unit,
    expression: Uint8Array,
    readonly frame: FrameAccess,
    readonly frameBase: () => bigint | undefined,
    start: readonly bigint[],
  ) {
    this.#reader = new ByteReader(expression, unit.reader.littleEndian, 'location expression')
    this.#stack = [...start]
  }

  place(): Place {
    for (let count = 0; this.#reader.remaining > 0; count++) {
      if (count >= MAX_OPERATIONS) throw new Absent('its location is worked out in a circle')
      this.#operation(this.#reader.u8())
    }
    if (this.#pieces.length > 0) return { kind: 'pieces', pieces: this.#pieces }
    return this.#result()
  }

  #result(): Place {
    const named = this.#named
    this.#named = undefined
    if (named) return named
    const address = this.#stack.pop()
    return address === undefined ? absent('the compiler kept no place for it here') : { kind: 'memory', address }
  }

  #push(value: bigint): void {
    if (this.#stack.length >= MAX_STACK) throw new Absent('its location needs too deep a stack')
    this.#stack.push(mask64(value))
  }

  #pop(): bigint {
    const value = this.#stack.pop()
    if (value === undefined) throw new Absent('its location takes more from the stack than there is')
    return value
  }

  #pick(index: number): bigint {
    const value = this.#stack.at(-1 - index)
    if (value === undefined) throw new Absent('its location takes more from the stack than there is')
    return value
  }

  #register(number: number): bigint {
    const value = this.frame.register(number)
    if (value === undefined) throw new Absent(`${registerName(number)} of this frame was not kept`)
    return value
  }

  #read(address: bigint, bytes: number): bigint {
    const value = bytes >= 1 && bytes <= 8 ? this.frame.read(address, bytes) : undefined
    if (value === undefined) throw new Absent(`nothing can be read at 0x${address.toString(16)}`)
    return value
  }

  #binary(operation: (a: bigint, b: bigint) => bigint): void {
    const b = this.#pop()
    const a = this.#pop()
    this.#push(operation(a, b))
  }

  #piece(bytes: number): void {
    const empty = !this.#named && this.#stack.length === 0
    this.#pieces.push({ place: empty ? absent('the compiler dropped this part of it') : this.#result(), bytes })
  }

  #operation(op: number): void {
    const reader = this.#reader
    if (op >= 0x30 && op <= 0x4f) return this.#push(BigInt(op - 0x30))
    if (op >= 0x50 && op <= 0x6f) {
      this.#named = { kind: 'register', number: op - 0x50 }
      return
    }
    if (op >= 0x70 && op <= 0x8f) return this.#push(this.#register(op - 0x70) + reader.sleb())
    switch (op) {
      case 0x03: // addr
        return this.#push((this.unit.addressSize === 8 ? reader.u64() : BigInt(reader.u32())) + this.frame.delta)
      case 0xa1: // addrx
      case 0xfb: {
        const address = this.unit.addressAt(reader.ulebNumber())
        if (address === undefined) throw new Absent('its address stands in .debug_addr, which is missing')
        return this.#push(address + this.frame.delta)
      }
      case 0xa2: // constx
      case 0xfc: {
        const value = this.unit.addressAt(reader.ulebNumber())
        if (value === undefined) throw new Absent('its value stands in .debug_addr, which is missing')
        return this.#push(value)
      }
      case 0x06: // deref
        return this.#push(this.#read(this.#pop(), 8))
      case 0x94: // deref_size
        return this.#push(this.#read(this.#pop(), reader.u8()))
      case 0x08:
        return this.#push(BigInt(reader.u8()))
      case 0x09:
        return this.#push(BigInt(reader.i8()))
      case 0x0a:
        return this.#push(BigInt(reader.u16()))
      case 0x0b:
        return this.#push(BigInt.asIntN(16, BigInt(reader.u16())))
      case 0x0c:
        return this.#push(BigInt(reader.u32()))
      case 0x0d:
        return this.#push(BigInt.asIntN(32, BigInt(reader.u32())))
      case 0x0e:
      case 0x0f:
        return this.#push(reader.u64())
      case 0x10:
        return this.#push(reader.uleb())
      case 0x11:
        return this.#push(reader.sleb())
      case 0x12:
        return this.#push(this.#pick(0))
      case 0x13:
        return void this.#pop()
      case 0x14:
        return this.#push(this.#pick(1))
      case 0x15:
        return this.#push(this.#pick(reader.u8()))
      case 0x16: // swap
        return this.#push(this.#stack.splice(-2, 1)[0] ?? this.#pop())
      case 0x17: // rot: the topmost becomes the third
        this.#pick(2)
        this.#stack.splice(-2, 0, this.#pop())
        return
      case 0x19:
        return this.#push(signed(this.#pick(0)) < 0n ? -this.#pop() : this.#pop())
      case 0x1a:
        return this.#binary((a, b) => a & b)
      case 0x1b:
        return this.#binary((a, b) => divide(signed(a), signed(b)))
      case 0x1c:
        return this.#binary((a, b) => a - b)
      case 0x1d:
        return this.#binary((a, b) => a - divide(a, b) * b)
      case 0x1e:
        return this.#binary((a, b) => a * b)
      case 0x1f:
        return this.#push(-this.#pop())
      case 0x20:
        return this.#push(~this.#pop())
      case 0x21:
        return this.#binary((a, b) => a | b)
      case 0x22:
        return this.#binary((a, b) => a + b)
      case 0x23:
        return this.#push(this.#pop() + reader.uleb())
      case 0x24:
        return this.#binary((a, b) => (b > 63n ? 0n : a << b))
      case 0x25:
        return this.#binary((a, b) => (b > 63n ? 0n : a >> b))
      case 0x26:
        return this.#binary((a, b) => signed(a) >> (b > 63n ? 63n : b))
      case 0x27:
        return this.#binary((a, b) => a ^ b)
      case 0x28: // bra
        return this.#jump(BigInt.asIntN(16, BigInt(reader.u16())), this.#pop() !== 0n)
      case 0x2f: // skip
        return this.#jump(BigInt.asIntN(16, BigInt(reader.u16())), true)
      case 0x29:
        return this.#binary((a, b) => (a === b ? 1n : 0n))
      case 0x2a:
        return this.#binary((a, b) => (signed(a) >= signed(b) ? 1n : 0n))
      case 0x2b:
        return this.#binary((a, b) => (signed(a) > signed(b) ? 1n : 0n))
      case 0x2c:
        return this.#binary((a, b) => (signed(a) <= signed(b) ? 1n : 0n))
      case 0x2d:
        return this.#binary((a, b) => (signed(a) < signed(b) ? 1n : 0n))
      case 0x2e:
        return this.#binary((a, b) => (a === b ? 0n : 1n))
      case 0x90: // regx
        this.#named = { kind: 'register', number: reader.ulebNumber() }
        return
      case 0x91: {
        // fbreg
        const base = this.frameBase()
        if (base === undefined) throw new Absent('the base of this frame is not known')
        return this.#push(base + reader.sleb())
      }
      case 0x92: // bregx
        return this.#push(this.#register(reader.ulebNumber()) + reader.sleb())
      case 0x93: // piece
        return this.#piece(reader.ulebNumber())
      case 0x9d: {
        // bit_piece
        const bits = reader.ulebNumber()
        if (reader.ulebNumber() !== 0 || bits % 8 !== 0) throw new Absent('it lies in pieces that are no whole bytes')
        return this.#piece(bits / 8)
      }
      case 0x96: // nop
        return
      case 0x9c: {
        // call_frame_cfa
        const cfa = this.frame.cfa()
        if (cfa === undefined) throw new Absent('the beginning of this frame is not known')
        return this.#push(cfa)
      }
      case 0x9e: // implicit_value
        this.#named = { kind: 'bytes', bytes: reader.take(reader.ulebNumber()) }
        return
      case 0x9f: // stack_value
        this.#named = { kind: 'value', value: this.#pop() }
        return
      case 0xa0: // implicit_pointer
      case 0xf2:
        throw new Absent('it is a pointer to something that has no address')
      case 0xa3: // entry_value
      case 0xf3:
        throw new Absent('it is the value that a register had when the function was entered')
      case 0xa4: // const_type
      case 0xf4: {
        const type = this.#baseType()
        const bytes = reader.take(reader.u8())
        return this.#push(type.convert(integerOf(bytes, reader.littleEndian)))
      }
      case 0xa5: // regval_type
      case 0xf5: {
        const value = this.#register(reader.ulebNumber())
        return this.#push(this.#baseType().convert(value))
      }
      case 0xa6: // deref_type
      case 0xf6: {
        const bytes = reader.u8()
        const type = this.#baseType()
        return this.#push(type.convert(this.#read(this.#pop(), bytes)))
      }
      case 0xa8: // convert
      case 0xf7:
      case 0xa9: // reinterpret
      case 0xf9:
        return this.#push(this.#baseType().convert(this.#pop()))
      case 0x9b: // form_tls_address
      case 0xe0:
        throw new Absent('it belongs to a thread, whose storage is not known')
      default:
        throw new Absent(`its location uses operation 0x${op.toString(16)}, which is not known here`)
    }
  }

  #jump(bytes: bigint, taken: boolean): void {
    if (taken) this.#reader.seek(this.#reader.offset + Number(bytes))
  }

  /** Types on the stack are integers here; what has other types cannot be worked out. */
  #baseType(): { convert(value: bigint): bigint } {
    const offset = this.#reader.ulebNumber()
    if (offset === 0) return { convert: mask64 }
    const die: Die | undefined = this.unit.entry(offset)
    const bytes = die?.number(At.ByteSize) ?? 0n
    const encoding = Number(die?.number(At.Encoding) ?? 0n)
    if (bytes < 1n || bytes > 8n || encoding === Encoding.Float || encoding === Encoding.ComplexFloat)
      throw new Absent('its location computes with numbers that are no integers of at most 64 bits')
    const bits = Number(bytes) * 8
    const isSigned = encoding === Encoding.Signed || encoding === Encoding.SignedChar
    return { convert: (value) => (isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) }
  }
}

function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new Absent('its location divides by zero')
  return a / b
}

/** An unsigned integer of up to 8 bytes. */
export function integerOf(bytes: Uint8Array, littleEndian: boolean): bigint {
  const ordered = littleEndian ? [...bytes].reverse() : [...bytes]
  return ordered.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** The name of a register by its number in DWARF (64-bit ELF V2 ABI §2.4). */
export function registerName(number: number): string {
  if (number < 32) return `r${number}`
  if (number < 64) return `f${number - 32}`
  if (number >= 77 && number < 109) return `v${number - 77}`
  if (number >= 68 && number < 76) return `cr${number - 68}`
  return SPECIAL[number] ?? `register ${number}`
}

const SPECIAL: Readonly<Record<number, string>> = { 64: 'cr', 65: 'lr', 66: 'ctr', 76: 'xer' }
