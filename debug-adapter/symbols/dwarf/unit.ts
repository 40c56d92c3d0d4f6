import { OffsetError } from '../../../server/esm/reader.ts'
import type { ByteReader } from '../byte-reader.ts'
import { type Abbrev, readAbbrevs } from './abbrev.ts'
import { At, UnitType } from './constants.ts'
import { type FormContext, formSize, type RawValue, readForm } from './forms.ts'
import type { Sections } from './sections.ts'

/** Where a unit finds entries of other units. */
export interface UnitFinder {
  /** The unit of the same file that an offset of the section lies in. */
  unitAt(sections: Sections, offset: number): Unit | undefined
  typeBySignature(signature: bigint): Die | undefined
}

/** Links from entry to entry (origins, specifications) are followed so far; a longer chain is a circle. */
const MAX_ORIGINS = 8

/** One compilation, as `.debug_info` holds it: a tree of entries that is read where it is asked for. */
export class Unit implements FormContext {
  /** The unit's bytes from its length field on: offsets of entries count from here. */
  readonly reader: ByteReader
  #abbrevs: ReadonlyMap<number, Abbrev> | undefined
  #root: Die | undefined
  /** What `.dwo` files have of this unit; set where the unit is a skeleton and the file is there. */
  split: Unit | undefined
  /** The skeleton of a unit that was split off: addresses stand there. */
  skeleton: Unit | undefined

  constructor(
    readonly finder: UnitFinder,
    readonly sections: Sections,
    /** Offset in the section. */
    readonly start: number,
    bytes: ByteReader,
    readonly version: number,
    readonly wide: boolean,
    readonly addressSize: number,
    readonly type: number,
    private readonly abbrevOffset: number,
    private readonly firstEntry: number,
    readonly signature: bigint | undefined,
    readonly isSplit: boolean,
    /** Of a type unit: the offset of the type. */
    readonly typeOffset: number,
  ) {
    this.reader = bytes
  }

  get root(): Die {
    this.#root ??= this.entry(this.firstEntry)
    if (!this.#root)
      throw new OffsetError('.debug_info: a unit without entries', this.firstEntry, 1, this.reader.length)
    return this.#root
  }

  /** The identity that a skeleton and what was split off share. */
  get splitId(): bigint | undefined {
    return this.signature ?? this.root.number(At.GnuDwoId)
  }

  /** @returns undefined where the place holds the end of a list. @throws OffsetError where it holds no entry */
  entry(offset: number): Die | undefined {
    this.reader.seek(offset)
    const code = this.reader.ulebNumber()
    return code === 0 ? undefined : new Die(this, offset, this.abbrev(code), this.reader.offset)
  }

  abbrev(code: number): Abbrev {
    if (!this.#abbrevs) {
      if (!this.sections.abbrev) throw new OffsetError('.debug_abbrev, which is missing', 0, 1, 0)
      this.#abbrevs = readAbbrevs(this.sections.abbrev, this.abbrevOffset)
    }
    const abbrev = this.#abbrevs.get(code)
    if (!abbrev)
      throw new OffsetError(
        `.debug_info: abbreviation ${code}, which is none`,
        this.reader.offset,
        1,
        this.reader.length,
      )
    return abbrev
  }

  text(value: RawValue | undefined): string | undefined {
    if (value?.kind === 'text') return value.value
    if (value?.kind === 'text at') return this.sections[value.section]?.cstringAt(value.value)
    if (value?.kind !== 'text index' || !this.sections.strOffsets) return undefined
    const offset = this.#indexed(this.sections.strOffsets, this.#stringBase, value.value, this.wide ? 8 : 4)
    return this.sections.str?.cstringAt(Number(offset))
  }

  address(value: RawValue | undefined): bigint | undefined {
    if (value?.kind === 'address') return value.value
    return value?.kind === 'address index' ? this.addressAt(value.value) : undefined
  }

  /** An entry of `.debug_addr`. */
  addressAt(index: number): bigint | undefined {
    const owner = this.skeleton ?? this
    const { addr } = owner.sections
    const base = owner.root.offsetOf(At.AddrBase) ?? owner.root.offsetOf(At.GnuAddrBase)
    return addr && this.#indexed(addr, base ?? (this.version >= 5 ? 8 : 0), index, this.addressSize)
  }

  get #stringBase(): number {
    const given = this.isSplit ? undefined : this.root.offsetOf(At.StrOffsetsBase)
    return given ?? (this.version >= 5 ? (this.wide ? 16 : 8) : 0)
  }

  #indexed(table: ByteReader, base: number, index: number, size: number): bigint {
    table.seek(base + index * size)
    return size === 8 ? table.u64() : BigInt(table.u32())
  }
}

/** An entry (DIE). Its attributes are decoded when one of them is asked for. */
export class Die {
  #attributes: Map<number, RawValue> | undefined
  #end = 0

  constructor(
    readonly unit: Unit,
    /** In the unit. */
    readonly offset: number,
    readonly abbrev: Abbrev,
    private readonly values: number,
  ) {}

  get tag(): number {
    return this.abbrev.tag
  }

  raw(name: number): RawValue | undefined {
    return this.#read().get(name)
  }

  /** Its own attribute, or that of the entry which it is an instance or the definition of. */
  inherited(name: number): { readonly die: Die; readonly value: RawValue } | undefined {
    let die: Die | undefined = this
    for (let i = 0; die && i < MAX_ORIGINS; i++) {
      const value = die.raw(name)
      if (value) return { die, value }
      die = die.entry(At.AbstractOrigin) ?? die.entry(At.Specification)
    }
    return undefined
  }

  /** The name in the source. */
  get name(): string | undefined {
    const found = this.inherited(At.Name)
    return found?.die.unit.text(found.value)
  }

  number(name: number): bigint | undefined {
    const value = this.raw(name)
    return value?.kind === 'number' ? value.value : undefined
  }

  flag(name: number): boolean {
    const value = this.raw(name)
    return value?.kind === 'flag' && value.value
  }

  text(name: number): string | undefined {
    return this.unit.text(this.raw(name))
  }

  /** An offset in another section. */
  offsetOf(name: number): number | undefined {
    const value = this.raw(name)
    if (value?.kind === 'section offset') return value.value
    return value?.kind === 'number' ? Number(value.value) : undefined
  }

  /** The entry that an attribute refers to. */
  entry(name: number): Die | undefined {
    const value = this.raw(name)
    if (value?.kind === 'signature') return this.unit.finder.typeBySignature(value.value)
    if (value?.kind !== 'entry') return undefined
    if (value.ofUnit) return this.unit.entry(value.value)
    const unit = this.unit.finder.unitAt(this.unit.sections, value.value)
    return unit?.entry(value.value - unit.start)
  }

  /** Entries one level below, in the order of the file. */
  *children(): Generator<Die> {
    if (!this.abbrev.hasChildren) return
    this.#read()
    let at = this.#end
    for (;;) {
      const child = this.unit.entry(at)
      if (!child) return
      yield child
      at = child.after()
    }
  }

  /** Where the next entry of the same level stands. */
  after(): number {
    this.#read()
    if (!this.abbrev.hasChildren) return this.#end
    const sibling = this.raw(At.Sibling)
    if (sibling?.kind === 'entry' && sibling.ofUnit && sibling.value > this.offset) return sibling.value
    return skipChildren(this.unit, this.#end)
  }

  #read(): Map<number, RawValue> {
    if (this.#attributes) return this.#attributes
    const { reader } = this.unit
    reader.seek(this.values)
    const attributes = new Map<number, RawValue>()
    for (const { name, form, implicit } of this.abbrev.attributes) {
      const value = readForm(reader, form, this.unit, implicit)
      if (!attributes.has(name)) attributes.set(name, value)
    }
    this.#end = reader.offset
    this.#attributes = attributes
    return attributes
  }
}

/** @returns the offset behind the list of entries that begins at `at`, with everything below them */
export function skipChildren(unit: Unit, at: number): number {
  const { reader } = unit
  reader.seek(at)
  for (let depth = 1; depth > 0; ) {
    const code = reader.ulebNumber()
    if (code === 0) depth--
    else {
      const abbrev = unit.abbrev(code)
      skipAttributes(unit, abbrev)
      if (abbrev.hasChildren) depth++
    }
  }
  return reader.offset
}

/** Moves the unit's reader behind the attributes that it stands before. */
export function skipAttributes(unit: Unit, abbrev: Abbrev): void {
  for (const { form } of abbrev.attributes) {
    const size = formSize(form, unit)
    if (size === undefined) readForm(unit.reader, form, unit)
    else if (size > 0) unit.reader.skip(size)
  }
}

/**
 * The units of `.debug_info` (or `.debug_types`), by their headers only (DWARF 5 §7.5.1). Ends at the first that cannot be
 * read: behind it no beginning is known.
 */
export function readUnits(
  finder: UnitFinder,
  sections: Sections,
  isSplit: boolean,
  part: 'info' | 'types' = 'info',
): Unit[] {
  const units: Unit[] = []
  const section = sections[part]
  if (!section) return units
  try {
    for (let start = 0; start + 4 < section.length; ) {
      const unit = readUnit(finder, sections, section, start, isSplit, part)
      if (!unit) break
      units.push(unit)
      start += unit.reader.length
    }
  } catch (error) {
    if (!(error instanceof OffsetError)) throw error
  }
  return units
}

function readUnit(
  finder: UnitFinder,
  sections: Sections,
  section: ByteReader,
  start: number,
  isSplit: boolean,
  part: 'info' | 'types',
): Unit | undefined {
  section.seek(start)
  let length = section.u32()
  const wide = length === 0xffffffff
  if (wide) length = section.size64()
  const bytes = section.slice(start, length + (wide ? 12 : 4))
  bytes.seek(wide ? 12 : 4)
  const offset = () => (wide ? bytes.size64() : bytes.u32())
  const version = bytes.u16()
  if (version < 2 || version > 5) return undefined
  let type: number = part === 'types' ? UnitType.Type : UnitType.Compile
  let abbrevs: number
  let addressSize: number
  let signature: bigint | undefined
  let typeOffset = 0
  if (version >= 5) {
    type = bytes.u8()
    addressSize = bytes.u8()
    abbrevs = offset()
    if (type === UnitType.Skeleton || type === UnitType.SplitCompile) signature = bytes.u64()
  } else {
    abbrevs = offset()
    addressSize = bytes.u8()
  }
  if (type === UnitType.Type || type === UnitType.SplitType) {
    signature = bytes.u64()
    typeOffset = offset()
  }
  if (addressSize !== 8 && addressSize !== 4) return undefined
  return new Unit(
    finder,
    sections,
    start,
    bytes,
    version,
    wide,
    addressSize,
    type,
    abbrevs,
    bytes.offset,
    signature,
    isSplit,
    typeOffset,
  )
}
