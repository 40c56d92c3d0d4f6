import type { ByteReader } from '../byte-reader.ts'
import type { ElfImage } from '../elf.ts'

/** The sections that hold one kind of debugging information: those of a program, or of the file that it was split off to. */
export interface Sections {
  readonly info: ByteReader | undefined
  /** Type units of DWARF 4. */
  readonly types: ByteReader | undefined
  readonly abbrev: ByteReader | undefined
  readonly str: ByteReader | undefined
  readonly lineStr: ByteReader | undefined
  readonly strOffsets: ByteReader | undefined
  readonly addr: ByteReader | undefined
  readonly loc: ByteReader | undefined
  readonly loclists: ByteReader | undefined
  readonly ranges: ByteReader | undefined
  readonly rnglists: ByteReader | undefined
  readonly aranges: ByteReader | undefined
}

/** Sections of a program that is not split, or what it kept of one that is. */
export function programSections(elf: ElfImage): Sections {
  return {
    info: elf.open('.debug_info'),
    types: elf.open('.debug_types'),
    abbrev: elf.open('.debug_abbrev'),
    str: elf.open('.debug_str'),
    lineStr: elf.open('.debug_line_str'),
    strOffsets: elf.open('.debug_str_offsets'),
    addr: elf.open('.debug_addr'),
    loc: elf.open('.debug_loc'),
    loclists: elf.open('.debug_loclists'),
    ranges: elf.open('.debug_ranges'),
    rnglists: elf.open('.debug_rnglists'),
    aranges: elf.open('.debug_aranges'),
  }
}

/** Sections of a `.dwo` or `.dwp` file (DWARF 5 §7.3.2); addresses stay with the program. */
export function splitSections(elf: ElfImage): Sections {
  return {
    info: elf.open('.debug_info.dwo'),
    types: elf.open('.debug_types.dwo'),
    abbrev: elf.open('.debug_abbrev.dwo'),
    str: elf.open('.debug_str.dwo'),
    lineStr: undefined,
    strOffsets: elf.open('.debug_str_offsets.dwo'),
    addr: undefined,
    loc: elf.open('.debug_loc.dwo'),
    loclists: elf.open('.debug_loclists.dwo'),
    ranges: undefined,
    rnglists: elf.open('.debug_rnglists.dwo'),
    aranges: undefined,
  }
}
