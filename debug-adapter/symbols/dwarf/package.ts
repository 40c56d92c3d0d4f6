import type { ByteReader } from '../byte-reader.ts'
import type { ElfImage } from '../elf.ts'
import type { Sections } from './sections.ts'

/** Which section a column of the index is about, in GNU's version 2 and in version 5 (DWARF 5 §7.3.5.3). */
const COLUMNS: Readonly<Record<2 | 5, Readonly<Record<number, keyof Sections>>>> = {
  2: { 1: 'info', 2: 'types', 3: 'abbrev', 5: 'loc', 6: 'strOffsets' },
  5: { 1: 'info', 3: 'abbrev', 5: 'loclists', 6: 'strOffsets', 8: 'rnglists' },
}
const MAX_UNITS = 1_000_000

/**
 * The units of a package (`.dwp`): for each the shares of the sections that are its own (DWARF 5 §7.3.5). Empty where the
 * file is none. @throws OffsetError where the index reaches past the file
 */
export function readPackage(file: ElfImage, sections: Sections): Sections[] {
  return ['.debug_cu_index', '.debug_tu_index'].flatMap((name) => {
    const index = file.open(name)
    return index ? readIndex(index, sections) : []
  })
}

function readIndex(index: ByteReader, sections: Sections): Sections[] {
  const version = index.u32()
  // Version 5 has two bytes for it and two that are 0; in big-endian files those come second.
  const layout = version === 2 ? 2 : 5
  const columns = index.u32()
  const units = index.u32()
  const slots = index.u32()
  if (columns > 16 || units > MAX_UNITS || slots > MAX_UNITS * 4) return []
  index.skip(slots * 12)
  const kinds = Array.from({ length: columns }, () => COLUMNS[layout][index.u32()])
  const offsets = Array.from({ length: units * columns }, () => index.u32())
  const sizes = Array.from({ length: units * columns }, () => index.u32())
  return Array.from({ length: units }, (_, unit) => {
    const own: Partial<Record<keyof Sections, ByteReader>> = {}
    for (const [column, kind] of kinds.entries()) {
      const at = unit * columns + column
      if (kind) own[kind] = sections[kind]?.slice(offsets[at]!, sizes[at]!)
    }
    return { ...sections, info: undefined, types: undefined, ...own }
  })
}
