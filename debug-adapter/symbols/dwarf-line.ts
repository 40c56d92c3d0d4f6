/**
 * Line number programs of DWARF 2 to 5 (DWARF 5 §6.2): the state machine and both forms of its header.
 */
import { OffsetError } from '../../server/esm/reader.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ElfImage } from './elf.ts'

export interface LineRow {
  readonly address: bigint
  readonly file: string
  readonly line: number
  readonly isStatement: boolean
  /** The first address behind a sequence: no code of it any more. */
  readonly isEnd: boolean
}

enum Standard {
  Copy = 1,
  AdvancePc,
  AdvanceLine,
  SetFile,
  SetColumn,
  NegateStatement,
  SetBasicBlock,
  ConstAddPc,
  FixedAdvancePc,
  SetPrologueEnd,
  SetEpilogueBegin,
  SetIsa,
}

enum Extended {
  EndSequence = 1,
  SetAddress,
  DefineFile,
  SetDiscriminator,
}

enum Content {
  Path = 1,
  DirectoryIndex = 2,
}

enum Form {
  Block2 = 0x03,
  Block4 = 0x04,
  Data2 = 0x05,
  Data4 = 0x06,
  Data8 = 0x07,
  String = 0x08,
  Block = 0x09,
  Block1 = 0x0a,
  Data1 = 0x0b,
  Sdata = 0x0d,
  Strp = 0x0e,
  Udata = 0x0f,
  Data16 = 0x1e,
  LineStrp = 0x1f,
}

interface Header {
  readonly minInstruction: number
  readonly defaultIsStatement: boolean
  readonly lineBase: number
  readonly lineRange: number
  readonly opcodeBase: number
  readonly operandCounts: readonly number[]
  /** Where the tables of files begin, and whose offsets are 64 bits wide; they are read when a path is asked for. */
  readonly tables: number
  readonly version: number
  readonly wide: boolean
}

/** The line program of one compilation. A kernel has thousands, so its rows are worked out only when they are asked for. */
export interface LineUnit {
  /** In `.debug_line`: how the compilation names its program. */
  readonly offset: number
  /** Paths of its table of files, whether they have code or not. */
  readonly files: readonly string[]
  /** Ranges of addresses that it has rows for, `end` excluded. */
  readonly sequences: readonly { readonly start: bigint; readonly end: bigint }[]
  rows(): LineRow[]
}

/** The programs of `.debug_line`. One that cannot be read is left out: a program without lines can still be debugged. */
export function readLineUnits(elf: ElfImage): LineUnit[] {
  const section = elf.open('.debug_line')
  const units: LineUnit[] = []
  if (!section) return units
  const strings = { line: elf.open('.debug_line_str'), debug: elf.open('.debug_str') }
  while (section.remaining >= 4) {
    const offset = section.offset
    let length = section.u32()
    let wide = false
    if (length === 0xffffffff) {
      wide = true
      length = Number(section.u64())
    }
    if (length > section.remaining) break
    const unit = section.slice(section.offset, length)
    section.skip(length)
    try {
      const header = readHeader(unit, wide)
      if (header) units.push(lineUnit(offset, unit, header, strings))
    } catch (error) {
      if (!(error instanceof OffsetError)) throw error
    }
  }
  return units
}

/** @param unit stands at the beginning of the program */
function lineUnit(offset: number, unit: ByteReader, header: Header, strings: Strings): LineUnit {
  const program = unit.offset
  let files: readonly string[] | undefined
  const readFiles = () => (files ??= readFileTables(unit, header, strings))
  const sequences: { start: bigint; end: bigint }[] = []
  let start: bigint | undefined
  try {
    runProgram(unit, header, (state, isEnd) => {
      start ??= state.base + BigInt(state.offset)
      if (!isEnd) return
      sequences.push({ start, end: state.base + BigInt(state.offset) })
      start = undefined
    })
  } catch (error) {
    // What stands before the damage is believed.
    if (!(error instanceof OffsetError)) throw error
  }
  const rows = (): LineRow[] => {
    const list: LineRow[] = []
    const paths = readFiles()
    unit.seek(program)
    try {
      runProgram(unit, header, (state, isEnd) =>
        list.push({
          address: BigInt.asUintN(64, state.base + BigInt(state.offset)),
          file: paths[state.file] ?? '',
          line: state.line,
          isStatement: state.isStatement,
          isEnd,
        }),
      )
    } catch (error) {
      if (!(error instanceof OffsetError)) throw error
    }
    return list
  }
  return {
    offset,
    get files() {
      return readFiles()
    },
    sequences,
    rows,
  }
}

/** Empty where the tables are damaged. */
function readFileTables(unit: ByteReader, { tables, version, wide }: Header, strings: Strings): string[] {
  try {
    unit.seek(tables)
    return version >= 5 ? readTables5(unit, wide, strings) : readTables(unit)
  } catch (error) {
    if (!(error instanceof OffsetError)) throw error
    return []
  }
}

type Strings = { readonly line: ByteReader | undefined; readonly debug: ByteReader | undefined }

function readHeader(unit: ByteReader, wide: boolean): Header | undefined {
  const version = unit.u16()
  if (version < 2 || version > 5) return undefined
  if (version >= 5) unit.skip(2)
  const headerLength = wide ? Number(unit.u64()) : unit.u32()
  const program = unit.offset + headerLength
  const minInstruction = unit.u8()
  if (version >= 4) unit.skip(1)
  const defaultIsStatement = unit.u8() !== 0
  const lineBase = unit.i8()
  const lineRange = unit.u8()
  const opcodeBase = unit.u8()
  if (lineRange === 0) throw new OffsetError('.debug_line: line_range of 0', unit.offset - 2, 1, 1)
  const operandCounts = [0]
  for (let i = 1; i < opcodeBase; i++) operandCounts.push(unit.u8())
  const tables = unit.offset
  unit.seek(program)
  return { minInstruction, defaultIsStatement, lineBase, lineRange, opcodeBase, operandCounts, tables, version, wide }
}

/** DWARF 2 to 4: lists of texts; files count from 1, directory 0 is that of the compilation. */
function readTables(unit: ByteReader): string[] {
  const directories = ['']
  for (let name = unit.cstring(); name !== ''; name = unit.cstring()) directories.push(name)
  const files = ['']
  for (let name = unit.cstring(); name !== ''; name = unit.cstring()) {
    const directory = directories[Number(unit.uleb())] ?? ''
    unit.uleb()
    unit.uleb()
    files.push(join(directory, name))
  }
  return files
}

/** DWARF 5: self-describing tables; directories and files count from 0. */
function readTables5(unit: ByteReader, wide: boolean, strings: Strings): string[] {
  const directories = readEntries(unit, wide, strings).map((entry) => entry.path)
  return readEntries(unit, wide, strings).map((entry) => join(directories[entry.directory] ?? '', entry.path))
}

function readEntries(unit: ByteReader, wide: boolean, strings: Strings): { path: string; directory: number }[] {
  const formats: { content: number; form: number }[] = []
  for (let count = unit.u8(); count > 0; count--)
    formats.push({ content: Number(unit.uleb()), form: Number(unit.uleb()) })
  const entries: { path: string; directory: number }[] = []
  const count = Number(unit.uleb())
  // Every entry takes at least one byte, so a count beyond the rest of the unit is no count.
  if (count > unit.remaining || formats.length === 0) {
    if (count === 0) return entries
    throw new OffsetError(`${unit.what}: a table of files`, unit.offset, count, unit.remaining)
  }
  for (let i = 0; i < count; i++) {
    const entry = { path: '', directory: 0 }
    for (const { content, form } of formats) {
      const value = readForm(unit, form, wide, strings)
      if (content === Content.Path) entry.path = String(value)
      else if (content === Content.DirectoryIndex) entry.directory = Number(value)
    }
    entries.push(entry)
  }
  return entries
}

function readForm(unit: ByteReader, form: number, wide: boolean, strings: Strings): string | bigint | number {
  const offset = () => (wide ? Number(unit.u64()) : unit.u32())
  switch (form) {
    case Form.String:
      return unit.cstring()
    case Form.LineStrp:
      return strings.line?.cstringAt(offset()) ?? skipped(offset())
    case Form.Strp:
      return strings.debug?.cstringAt(offset()) ?? skipped(offset())
    case Form.Udata:
      return unit.uleb()
    case Form.Sdata:
      return unit.sleb()
    case Form.Data1:
      return unit.u8()
    case Form.Data2:
      return unit.u16()
    case Form.Data4:
      return unit.u32()
    case Form.Data8:
      return unit.u64()
    case Form.Data16:
      return skipped(unit.take(16).length)
    case Form.Block1:
      return skipped(unit.take(unit.u8()).length)
    case Form.Block2:
      return skipped(unit.take(unit.u16()).length)
    case Form.Block4:
      return skipped(unit.take(unit.u32()).length)
    case Form.Block:
      return skipped(unit.take(Number(unit.uleb())).length)
    default:
      throw new OffsetError(
        `${unit.what}: form 0x${form.toString(16)} in a table of files`,
        unit.offset,
        1,
        unit.remaining,
      )
  }
}

/** A value that was read past and means nothing here. */
const skipped = (_: number): string => ''

function join(directory: string, name: string): string {
  return directory === '' || name.startsWith('/') ? name : `${directory.replace(/\/$/, '')}/${name}`
}

/** Registers of the state machine. The address is a sum, so that a row costs no arithmetic on 64-bit numbers. */
interface State {
  base: bigint
  offset: number
  file: number
  line: number
  isStatement: boolean
}

function runProgram(unit: ByteReader, header: Header, emit: (state: State, isEnd: boolean) => void): void {
  const initial = (): State => ({ base: 0n, offset: 0, file: 1, line: 1, isStatement: header.defaultIsStatement })
  let state = initial()
  const setAddress = (address: bigint) => {
    state.base = address
    state.offset = 0
  }
  const advance = (operations: number) => {
    state.offset += operations * header.minInstruction
  }
  while (unit.remaining > 0) {
    const opcode = unit.u8()
    if (opcode >= header.opcodeBase) {
      const adjusted = opcode - header.opcodeBase
      advance(Math.trunc(adjusted / header.lineRange))
      state.line += header.lineBase + (adjusted % header.lineRange)
      emit(state, false)
    } else if (opcode === 0) {
      const length = Number(unit.uleb())
      const end = unit.offset + length
      const extended = length > 0 ? unit.u8() : 0
      if (extended === Extended.EndSequence) {
        emit(state, true)
        state = initial()
      } else if (extended === Extended.SetAddress) setAddress(length === 9 ? unit.u64() : BigInt(unit.u32()))
      unit.seek(end)
    } else runStandard(opcode)
  }

  function runStandard(opcode: number): void {
    switch (opcode) {
      case Standard.Copy:
        emit(state, false)
        break
      case Standard.AdvancePc:
        advance(Number(unit.uleb()))
        break
      case Standard.AdvanceLine:
        state.line += Number(unit.sleb())
        break
      case Standard.SetFile:
        state.file = Number(unit.uleb())
        break
      case Standard.NegateStatement:
        state.isStatement = !state.isStatement
        break
      case Standard.ConstAddPc:
        advance(Math.trunc((255 - header.opcodeBase) / header.lineRange))
        break
      case Standard.FixedAdvancePc:
        state.offset += unit.u16()
        break
      default:
        for (let i = header.operandCounts[opcode] ?? 0; i > 0; i--) unit.uleb()
    }
  }
}
