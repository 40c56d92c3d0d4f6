import { type LineRow, readLinePrograms } from './dwarf-line.ts'
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
  readonly #rows: readonly LineRow[]
  /** One row an address: the last that begins a statement, else the last. */
  readonly #byAddress: readonly LineRow[]
  readonly files: readonly string[]

  constructor(rows: readonly LineRow[]) {
    // At equal addresses a sequence's end comes first, so that the row which begins there wins.
    this.#rows = [...rows].sort((a, b) =>
      a.address === b.address ? Number(b.isEnd) - Number(a.isEnd) : a.address < b.address ? -1 : 1,
    )
    const best: LineRow[] = []
    for (const row of this.#rows) {
      const last = best.at(-1)
      if (last?.address !== row.address) best.push(row)
      else if (row.isStatement || !last.isStatement || last.isEnd) best[best.length - 1] = row
    }
    this.#byAddress = best
    this.files = [...new Set(rows.filter((row) => !row.isEnd).map((row) => row.file))]
  }

  /** Empty where the file has no line information, or one that cannot be read: then addresses have no lines. */
  static fromElf(elf: ElfImage): LineTable {
    return new LineTable(readLinePrograms(elf))
  }

  at(address: bigint): LineEntry | undefined {
    let low = 0
    let high = this.#byAddress.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#byAddress[middle]!.address <= address) low = middle + 1
      else high = middle
    }
    const row = this.#byAddress[low - 1]
    if (!row || row.isEnd || row.line === 0) return undefined
    return { file: row.file, line: row.line, address: row.address, isStatement: row.isStatement }
  }

  /**
   * Where the code of a line begins: of each run of rows for that line the first that starts a statement.
   * @param file path or the end of one
   * @returns the line found (the asked one, or the next with code), or undefined where the file has none from there on
   */
  addressesOf(file: string, line: number): { readonly line: number; readonly addresses: bigint[] } | undefined {
    const wanted = this.files.find((known) => samePath(known, file))
    if (wanted === undefined) return undefined
    let best = Number.POSITIVE_INFINITY
    for (const row of this.#rows)
      if (!row.isEnd && row.isStatement && row.file === wanted && row.line >= line && row.line < best) best = row.line
    if (best === Number.POSITIVE_INFINITY) return undefined
    const addresses: bigint[] = []
    for (const [i, row] of this.#rows.entries()) {
      if (row.isEnd || !row.isStatement || row.file !== wanted || row.line !== best) continue
      const before = this.#rows[i - 1]
      if (before && !before.isEnd && before.file === wanted && before.line === best) continue
      addresses.push(row.address)
    }
    return { line: best, addresses }
  }
}

/** Is one path the end of the other, by whole names? The compiler's paths and the editor's have different beginnings. */
export function samePath(a: string, b: string): boolean {
  const [long, short] = [normal(a), normal(b)].sort((x, y) => y.length - x.length) as [string, string]
  return long === short || long.endsWith(`/${short}`)
}

function normal(path: string): string {
  const parts: string[] = []
  for (const part of path.replaceAll('\\', '/').split('/'))
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  return parts.join('/')
}
