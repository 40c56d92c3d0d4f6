import { lastAt } from '../sorted.ts'
import { type LineRow, type LineUnit, readLineUnits } from './dwarf-line.ts'
import type { ElfImage } from './elf.ts'

export interface LineEntry {
  /** Path of the source file as the compiler noted it. */
  readonly file: string
  readonly line: number
  /** Where the code of this row begins, as linked. */
  readonly address: bigint
  /** Is it a place where a statement begins, in the compiler's opinion? */
  readonly isStatement: boolean
}

/** Line of the source for each address of the code, from the DWARF line programs of one file. */
export class LineTable {
  readonly #units: readonly LineUnit[]
  /** By ascending start. */
  readonly #sequences: readonly { readonly start: bigint; readonly end: bigint; readonly unit: LineUnit }[]
  readonly #rows = new Map<LineUnit, UnitRows>()

  constructor(units: readonly LineUnit[]) {
    this.#units = units
    this.#sequences = units
      .flatMap((unit) => unit.sequences.map(({ start, end }) => ({ start, end, unit })))
      .filter(({ start, end }) => start < end)
      .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  }

  /** Empty where the file has no line information, or one that cannot be read: then addresses have no lines. */
  static fromElf(elf: ElfImage): LineTable {
    return new LineTable(readLineUnits(elf))
  }

  /** Paths of the source files that the compilations with code name. */
  get files(): readonly string[] {
    return [...new Set(this.#units.flatMap((unit) => (unit.sequences.length > 0 ? unit.files : [])))].filter(
      (file) => file !== '',
    )
  }

  /** A file by its number in the table of the line program at an offset of `.debug_line`. */
  fileOf(offset: number, number: number): string | undefined {
    return this.#units.find((unit) => unit.offset === offset)?.files[number] || undefined
  }

  at(address: bigint): LineEntry | undefined {
    const sequence = this.#sequences[lastAt(this.#sequences, (one) => one.start <= address)]
    if (!sequence || address >= sequence.end) return undefined
    const { byAddress } = this.#rowsOf(sequence.unit)
    const row = byAddress[lastAt(byAddress, (one) => one.address <= address)]
    if (!row || row.isEnd || row.line === 0) return undefined
    return { file: row.file, line: row.line, address: row.address, isStatement: row.isStatement }
  }

  /**
   * Where the code of a line begins: of each run of rows for that line the first that starts a statement.
   * @param file path or the end of one
   * @returns the line found (the asked one, or the next with code), or undefined where the file has none from there on
   */
  addressesOf(file: string, line: number): { readonly line: number; readonly addresses: bigint[] } | undefined {
    const units = this.#units.filter((unit) => unit.files.some((known) => samePath(known, file)))
    let best = Number.POSITIVE_INFINITY
    let wanted: string | undefined
    for (const unit of units)
      for (const row of this.#rowsOf(unit).all) {
        if (row.isEnd || !row.isStatement || row.line < line || row.line >= best) continue
        if (row.file !== wanted && (wanted !== undefined || !samePath(row.file, file))) continue
        wanted = row.file
        best = row.line
      }
    if (wanted === undefined) return undefined
    const addresses: bigint[] = []
    for (const unit of units) {
      const { all } = this.#rowsOf(unit)
      for (const [i, row] of all.entries()) {
        if (row.isEnd || !row.isStatement || row.file !== wanted || row.line !== best) continue
        const before = all[i - 1]
        if (before && !before.isEnd && before.file === wanted && before.line === best) continue
        addresses.push(row.address)
      }
    }
    return { line: best, addresses: addresses.sort((a, b) => (a < b ? -1 : 1)) }
  }

  #rowsOf(unit: LineUnit): UnitRows {
    let rows = this.#rows.get(unit)
    if (!rows) this.#rows.set(unit, (rows = sortedRows(unit.rows())))
    return rows
  }
}

interface UnitRows {
  /** By ascending address. */
  readonly all: readonly LineRow[]
  /** One row an address: the last that begins a statement, else the last. */
  readonly byAddress: readonly LineRow[]
}

function sortedRows(rows: readonly LineRow[]): UnitRows {
  // At equal addresses a sequence's end comes first, so that the row which begins there wins.
  const all = [...rows].sort((a, b) =>
    a.address === b.address ? Number(b.isEnd) - Number(a.isEnd) : a.address < b.address ? -1 : 1,
  )
  const byAddress: LineRow[] = []
  for (const row of all) {
    const last = byAddress.at(-1)
    if (last?.address !== row.address) byAddress.push(row)
    else if (row.isStatement || !last.isStatement || last.isEnd) byAddress[byAddress.length - 1] = row
  }
  return { all, byAddress }
}

/** Is one path the end of the other, by whole names? The compiler's paths and the editor's have different beginnings. */
export function samePath(a: string, b: string): boolean {
  // Nearly all pairs differ in their last letters already.
  if (a.at(-1) !== b.at(-1) || lastName(a) !== lastName(b)) return false
  const [long, short] = [normal(a), normal(b)].sort((x, y) => y.length - x.length) as [string, string]
  return long === short || long.endsWith(`/${short}`)
}

const lastName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)

function normal(path: string): string {
  const parts: string[] = []
  for (const part of path.replaceAll('\\', '/').split('/'))
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  return parts.join('/')
}
