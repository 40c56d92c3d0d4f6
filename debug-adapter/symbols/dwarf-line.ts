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
  readonly minInstruction: bigint
  readonly defaultIsStatement: boolean
  readonly lineBase: number
  readonly lineRange: number
  readonly opcodeBase: number
  readonly operandCounts: readonly number[]
  readonly files: string[]
}

/** All rows of `.debug_line`. A unit that cannot be read is left out: a program without lines can still be debugged. */
export function readLinePrograms(elf: ElfImage): LineRow[] {
  const section = elf.open('.debug_line')
  const rows: LineRow[] = []
  if (!section) return rows
  const strings = { line: elf.open('.debug_line_str'), debug: elf.open('.debug_str') }
  while (section.remaining >= 4) {
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
      const header = readHeader(unit, wide, strings)
      if (header) runProgram(unit, header, rows)
    } catch (error) {
      if (!(error instanceof OffsetError)) throw error
    }
  }
  return rows
}

type Strings = { readonly line: ByteReader | undefined; readonly debug: ByteReader | undefined }

function readHeader(unit: ByteReader, wide: boolean, strings: Strings): Header | undefined {
  const version = unit.u16()
  if (version < 2 || version > 5) return undefined
  if (version >= 5) unit.skip(2)
  const headerLength = wide ? Number(unit.u64()) : unit.u32()
  const program = unit.offset + headerLength
  const minInstruction = BigInt(unit.u8())
  if (version >= 4) unit.skip(1)
  const defaultIsStatement = unit.u8() !== 0
  const lineBase = unit.i8()
  const lineRange = unit.u8()
  const opcodeBase = unit.u8()
  if (lineRange === 0) throw new OffsetError('.debug_line: line_range of 0', unit.offset - 2, 1, 1)
  const operandCounts = [0]
  for (let i = 1; i < opcodeBase; i++) operandCounts.push(unit.u8())
  const files = version >= 5 ? readTables5(unit, wide, strings) : readTables(unit)
  unit.seek(program)
  return { minInstruction, defaultIsStatement, lineBase, lineRange, opcodeBase, operandCounts, files }
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

function runProgram(unit: ByteReader, header: Header, rows: LineRow[]): void {
  const initial = () => ({ address: 0n, file: 1, line: 1, isStatement: header.defaultIsStatement })
  let state = initial()
  const emit = (isEnd: boolean) =>
    rows.push({
      address: state.address,
      file: header.files[state.file] ?? '',
      line: state.line,
      isStatement: state.isStatement,
      isEnd,
    })
  const advance = (operations: bigint) => {
    state.address = BigInt.asUintN(64, state.address + operations * header.minInstruction)
  }
  while (unit.remaining > 0) {
    const opcode = unit.u8()
    if (opcode >= header.opcodeBase) {
      const adjusted = opcode - header.opcodeBase
      advance(BigInt(Math.trunc(adjusted / header.lineRange)))
      state.line += header.lineBase + (adjusted % header.lineRange)
      emit(false)
    } else if (opcode === 0) {
      const length = Number(unit.uleb())
      const end = unit.offset + length
      const extended = length > 0 ? unit.u8() : 0
      if (extended === Extended.EndSequence) {
        emit(true)
        state = initial()
      } else if (extended === Extended.SetAddress) state.address = length === 9 ? unit.u64() : BigInt(unit.u32())
      unit.seek(end)
    } else runStandard(opcode)
  }

  function runStandard(opcode: number): void {
    switch (opcode) {
      case Standard.Copy:
        emit(false)
        break
      case Standard.AdvancePc:
        advance(unit.uleb())
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
        advance(BigInt(Math.trunc((255 - header.opcodeBase) / header.lineRange)))
        break
      case Standard.FixedAdvancePc:
        state.address = BigInt.asUintN(64, state.address + BigInt(unit.u16()))
        break
      default:
        for (let i = header.operandCounts[opcode] ?? 0; i > 0; i--) unit.uleb()
    }
  }
}
