/** Call frame information, `.debug_frame` and `.eh_frame` (DWARF 5 §6.4): how to find a function's caller from any place in it. */

import { OffsetError } from '../../../server/esm/reader.ts'
import { lastAt } from '../../sorted.ts'
import type { ByteReader } from '../byte-reader.ts'
import type { ElfImage } from '../elf.ts'

/** Where the caller's value of a register is. Offsets count from the CFA. */
export type RegisterRule =
  | { readonly kind: 'same' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'saved'; readonly offset: bigint }
  | { readonly kind: 'cfa plus'; readonly offset: bigint }
  | { readonly kind: 'register'; readonly number: number }

export interface FrameRules {
  /** The CFA is this register plus this. */
  readonly cfa: { readonly register: number; readonly offset: bigint }
  readonly registers: ReadonlyMap<number, RegisterRule>
  /** The register whose caller's value is the return address. */
  readonly returnColumn: number
}

interface Common {
  readonly codeAlignment: bigint
  readonly dataAlignment: bigint
  readonly returnColumn: number
  readonly encoding: number
  readonly addressSize: number
  readonly instructions: { readonly start: number; readonly end: number }
  readonly hasAugmentationData: boolean
}

interface Description {
  readonly start: bigint
  readonly end: bigint
  readonly section: ByteReader
  readonly common: Common
  readonly instructions: { readonly start: number; readonly end: number }
}

interface State {
  cfa: FrameRules['cfa'] | undefined
  registers: Map<number, RegisterRule>
}

const MAX_REMEMBERED = 64

export class CallFrameInfo {
  readonly #descriptions: readonly Description[]

  /** Reads the heads of the descriptions; a table that is damaged ends there. */
  constructor(elf: ElfImage) {
    const list: Description[] = []
    for (const name of ['.debug_frame', '.eh_frame'] as const)
      try {
        const section = elf.open(name)
        if (section) readSection(section, name === '.eh_frame' ? elf.section(name)!.address : undefined, list)
      } catch (error) {
        if (!(error instanceof OffsetError)) throw error
      }
    this.#descriptions = list.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  }

  /**
   * @param pc as linked; of a caller, inside its call
   * @returns undefined where nothing is known, or by an expression only
   */
  rulesAt(pc: bigint): FrameRules | undefined {
    const description = this.#descriptions[lastAt(this.#descriptions, ({ start }) => start <= pc)]
    if (!description || pc >= description.end) return undefined
    try {
      return run(description, pc)
    } catch (error) {
      if (error instanceof OffsetError) return undefined
      throw error
    }
  }
}

/** @param ehAddress where the section lies, for `.eh_frame`, whose pointers count from their own place */
function readSection(section: ByteReader, ehAddress: bigint | undefined, list: Description[]): void {
  const commons = new Map<number, Common | undefined>()
  const isEh = ehAddress !== undefined
  while (section.remaining >= 4) {
    const start = section.offset
    let length = section.u32()
    if (length === 0) {
      if (isEh) return
      continue
    }
    const wide = length === 0xffffffff
    if (wide) length = section.size64()
    const body = section.offset
    const end = body + length
    section.slice(body, length)
    const id = wide && !isEh ? section.u64() : BigInt(section.u32())
    const isCommon = isEh ? id === 0n : id === (wide ? 2n ** 64n - 1n : 0xffffffffn)
    if (!isCommon) {
      const at = isEh ? body - Number(id) : Number(id)
      if (!commons.has(at)) {
        const here = section.offset
        commons.set(at, readCommonAt(section, at, isEh))
        section.seek(here)
      }
      const common = commons.get(at)
      if (common) list.push(...describe(section, common, end, ehAddress))
    } else if (!commons.has(start)) commons.set(start, readCommon(section, end, isEh))
    section.seek(end)
  }
}

function readCommonAt(section: ByteReader, at: number, isEh: boolean): Common | undefined {
  section.seek(at)
  let length = section.u32()
  const wide = length === 0xffffffff
  if (wide) length = section.size64()
  const end = section.offset + length
  section.skip(wide && !isEh ? 8 : 4)
  return readCommon(section, end, isEh)
}

/** @returns undefined for an augmentation that is not known: then nothing behind it can be read */
function readCommon(section: ByteReader, end: number, isEh: boolean): Common | undefined {
  const version = section.u8()
  const augmentation = section.cstring()
  let addressSize = 8
  if (version >= 4) {
    addressSize = section.u8()
    section.skip(1)
  }
  const codeAlignment = section.uleb()
  const dataAlignment = section.sleb()
  const returnColumn = version === 1 ? section.u8() : section.ulebNumber()
  let encoding = 0
  let start: number | undefined
  if (augmentation.startsWith('z')) {
    const data = section.ulebNumber()
    start = section.offset + data
    for (const letter of augmentation.slice(1))
      if (letter === 'R') encoding = section.u8()
      else if (letter === 'L') section.u8()
      else if (letter === 'P') readPointer(section, section.u8(), 0n)
      else if (letter !== 'S' && letter !== 'B') return undefined
  } else if (augmentation !== '') return undefined
  if (addressSize !== 8 && !isEh) return undefined
  return {
    codeAlignment,
    dataAlignment,
    returnColumn,
    encoding,
    addressSize,
    instructions: { start: start ?? section.offset, end },
    hasAugmentationData: start !== undefined,
  }
}

function describe(section: ByteReader, common: Common, end: number, ehAddress: bigint | undefined): Description[] {
  const start = readPointer(section, common.encoding, ehAddress ?? 0n)
  // The size has the same form, but counts from nowhere.
  const size = readPointer(section, common.encoding & 0x0f, 0n)
  if (common.hasAugmentationData) section.skip(section.ulebNumber())
  if (start === undefined || size === undefined || size <= 0n) return []
  return [{ start, end: start + size, section, common, instructions: { start: section.offset, end } }]
}

/** A pointer of `.eh_frame` (Linux Standard Base 5.0 Core §10.5.1, DW_EH_PE); undefined for a form that is not used here. */
function readPointer(section: ByteReader, encoding: number, sectionAddress: bigint): bigint | undefined {
  const at = sectionAddress + BigInt(section.offset)
  const signed = (bits: number, value: bigint | number) => BigInt.asIntN(bits, BigInt(value))
  let value: bigint
  switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      value = section.u64()
      break
    case 0x01:
      value = section.uleb()
      break
    case 0x02:
      value = BigInt(section.u16())
      break
    case 0x03:
      value = BigInt(section.u32())
      break
    case 0x09:
      value = section.sleb()
      break
    case 0x0a:
      value = signed(16, section.u16())
      break
    case 0x0b:
      value = signed(32, section.u32())
      break
    default:
      return undefined
  }
  const relative = encoding & 0x70
  if (relative !== 0 && relative !== 0x10) return undefined
  return BigInt.asUintN(64, relative === 0x10 ? value + at : value)
}

/** Runs the instructions of the common part, then those of the function up to `pc`. */
function run({ section, common, instructions, start }: Description, pc: bigint): FrameRules | undefined {
  const state: State = { cfa: undefined, registers: new Map() }
  execute(section, common, common.instructions, state, undefined, 0n, pc)
  const initial = new Map(state.registers)
  execute(section, common, instructions, state, initial, start, pc)
  return state.cfa && { cfa: state.cfa, registers: state.registers, returnColumn: common.returnColumn }
}

function execute(
  section: ByteReader,
  common: Common,
  { start, end }: { readonly start: number; readonly end: number },
  state: State,
  initial: ReadonlyMap<number, RegisterRule> | undefined,
  from: bigint,
  pc: bigint,
): void {
  const reader = section.slice(start, end - start)
  const remembered: State[] = []
  let location = from
  const data = (value: bigint) => value * common.dataAlignment
  /** @returns whether the row that begins is behind the place asked for */
  const advance = (delta: number | bigint) => {
    location += BigInt(delta) * common.codeAlignment
    return initial !== undefined && location > pc
  }
  const set = (register: number, rule: RegisterRule) => void state.registers.set(register, rule)
  const restore = (register: number) => {
    const rule = initial?.get(register)
    if (rule) state.registers.set(register, rule)
    else state.registers.delete(register)
  }
  const base = (register: number, offset: bigint) => {
    state.cfa = { register, offset }
  }
  while (reader.remaining > 0) {
    const op = reader.u8()
    const low = op & 0x3f
    if (op >= 0xc0) restore(low)
    else if (op >= 0x80) set(low, { kind: 'saved', offset: data(reader.uleb()) })
    else if (op >= 0x40) {
      if (advance(low)) return
    } else
      switch (op) {
        case 0x00: // nop
          break
        case 0x01: // set_loc
          location = readPointer(reader, common.encoding & 0x0f, 0n) ?? location
          if (initial && location > pc) return
          break
        case 0x02:
          if (advance(reader.u8())) return
          break
        case 0x03:
          if (advance(reader.u16())) return
          break
        case 0x04:
          if (advance(reader.u32())) return
          break
        case 0x05: // offset_extended
          set(reader.ulebNumber(), { kind: 'saved', offset: data(reader.uleb()) })
          break
        case 0x06: // restore_extended
          restore(reader.ulebNumber())
          break
        case 0x07: // undefined
          set(reader.ulebNumber(), { kind: 'unknown' })
          break
        case 0x08: // same_value
          set(reader.ulebNumber(), { kind: 'same' })
          break
        case 0x09: // register
          set(reader.ulebNumber(), { kind: 'register', number: reader.ulebNumber() })
          break
        case 0x0a: // remember_state
          if (remembered.length >= MAX_REMEMBERED) throw new OffsetError('remembered states', reader.offset, 1, 0)
          remembered.push({ cfa: state.cfa, registers: new Map(state.registers) })
          break
        case 0x0b: {
          const last = remembered.pop()
          if (last) Object.assign(state, last)
          break
        }
        case 0x0c: // def_cfa
          base(reader.ulebNumber(), reader.uleb())
          break
        case 0x0d: // def_cfa_register
          base(reader.ulebNumber(), state.cfa?.offset ?? 0n)
          break
        case 0x0e: // def_cfa_offset
          base(state.cfa?.register ?? 1, reader.uleb())
          break
        case 0x0f: // def_cfa_expression
          reader.skip(reader.ulebNumber())
          state.cfa = undefined
          break
        case 0x10: // expression
        case 0x16: // val_expression
          set(reader.ulebNumber(), { kind: 'unknown' })
          reader.skip(reader.ulebNumber())
          break
        case 0x11: // offset_extended_sf
          set(reader.ulebNumber(), { kind: 'saved', offset: data(reader.sleb()) })
          break
        case 0x12: // def_cfa_sf
          base(reader.ulebNumber(), data(reader.sleb()))
          break
        case 0x13: // def_cfa_offset_sf
          base(state.cfa?.register ?? 1, data(reader.sleb()))
          break
        case 0x14: // val_offset
          set(reader.ulebNumber(), { kind: 'cfa plus', offset: data(reader.uleb()) })
          break
        case 0x15: // val_offset_sf
          set(reader.ulebNumber(), { kind: 'cfa plus', offset: data(reader.sleb()) })
          break
        case 0x2e: // GNU_args_size
          reader.ulebNumber()
          break
        case 0x2f: // GNU_negative_offset_extended
          set(reader.ulebNumber(), { kind: 'saved', offset: -data(reader.uleb()) })
          break
        default:
          throw new OffsetError(`call frame instruction 0x${op.toString(16)}`, reader.offset, 1, reader.length)
      }
  }
}
