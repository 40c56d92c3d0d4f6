/** Names of what stands outside of functions, found in one quick pass over the entries of the first level. */
import { OffsetError } from '../../../server/esm/reader.ts'
import type { Abbrev } from './abbrev.ts'
import { At, Form, Tag } from './constants.ts'
import { formSize, type RawValue, readForm } from './forms.ts'
import { type Die, skipAttributes, skipChildren, type Unit } from './unit.ts'

/** Names of different kinds do not get into each other's way in C, but for those of the last. */
export type NameKind = 'struct' | 'union' | 'enum' | 'plain'

interface Found {
  readonly unit: Unit
  readonly offset: number
}

const KINDS: Readonly<Record<number, NameKind>> = {
  [Tag.StructureType]: 'struct',
  [Tag.ClassType]: 'struct',
  [Tag.UnionType]: 'union',
  [Tag.EnumerationType]: 'enum',
  [Tag.Typedef]: 'plain',
  [Tag.BaseType]: 'plain',
  [Tag.Variable]: 'plain',
  [Tag.Enumerator]: 'plain',
  [Tag.Subprogram]: 'plain',
}

/** Of several units that have something of one name, the first that defines it. */
export class NameIndex {
  readonly #names: Readonly<Record<NameKind, Map<string, Found>>> = {
    struct: new Map(),
    union: new Map(),
    enum: new Map(),
    plain: new Map(),
  }

  constructor(units: readonly Unit[]) {
    // Most names come in many units: one that was seen is known by its place in the table of texts.
    const seen = new Map<unknown, Record<NameKind, Set<number>>>()
    for (const unit of units) {
      const table = unit.sections.str
      let known = seen.get(table)
      if (!known) {
        known = { struct: new Set(), union: new Set(), enum: new Set(), plain: new Set() }
        seen.set(table, known)
      }
      try {
        scan(unit, known, this.#names)
      } catch (error) {
        // What stands before the damage is believed.
        if (!(error instanceof OffsetError)) throw error
      }
    }
  }

  find(kind: NameKind, name: string): Die | undefined {
    const found = this.#names[kind].get(name)
    return found?.unit.entry(found.offset)
  }

  names(kind: NameKind): Iterable<string> {
    return this.#names[kind].keys()
  }
}

type Seen = Record<NameKind, Set<number>>
type Names = Readonly<Record<NameKind, Map<string, Found>>>

function scan(unit: Unit, seen: Seen, names: Names): void {
  const { reader } = unit
  // Decodes the root, so that the reader's place behind it is known.
  const first = [...firstChild(unit)][0]
  if (!first) return
  reader.seek(first.offset)
  const shapes = new Map<Abbrev, Shape | null>()
  for (let depth = 1; depth > 0; ) {
    const offset = reader.offset
    const code = reader.ulebNumber()
    if (code === 0) {
      depth--
      continue
    }
    const abbrev = unit.abbrev(code)
    let shape = shapes.get(abbrev)
    if (shape === undefined) shapes.set(abbrev, (shape = shapeOf(unit, abbrev)))
    const begin = reader.offset
    if (shape) {
      reader.seek(begin + shape.nameAt)
      const text = reader.u32()
      if (shape.isPassed || seen[shape.kind].has(text)) {
        if (shape.siblingAt < 0) reader.seek(begin + shape.size)
        else {
          reader.seek(begin + shape.siblingAt)
          reader.seek(Math.max(reader.u32(), begin))
        }
        continue
      }
      reader.seek(begin)
    }
    const kind = KINDS[abbrev.tag]
    if (kind === undefined && !abbrev.hasSibling) {
      skipAttributes(unit, abbrev)
      if (abbrev.hasChildren) reader.seek(skipChildren(unit, reader.offset))
      continue
    }
    let name: RawValue | undefined
    let origin: RawValue | undefined
    let sibling = 0
    let isDeclaration = false
    let isPlaced = abbrev.tag !== Tag.Variable
    for (const spec of abbrev.attributes) {
      if (spec.name === At.Name) name = readForm(reader, spec.form, unit, spec.implicit)
      else if (spec.name === At.Specification || spec.name === At.AbstractOrigin)
        origin = readForm(reader, spec.form, unit, spec.implicit)
      else if (spec.name === At.Sibling) {
        const value = readForm(reader, spec.form, unit, spec.implicit)
        if (value.kind === 'entry' && value.ofUnit) sibling = value.value
      } else {
        if (spec.name === At.Declaration) isDeclaration = true
        else if (spec.name === At.Location || spec.name === At.ConstValue) isPlaced = true
        const size = formSize(spec.form, unit)
        if (size === undefined) readForm(reader, spec.form, unit, spec.implicit)
        else if (size > 0) reader.skip(size)
      }
    }
    const after = reader.offset
    if (kind !== undefined && !isDeclaration && isPlaced && (name ?? origin)) {
      add(unit, offset, name, origin, seen[kind], names[kind])
      reader.seek(after)
    }
    if (!abbrev.hasChildren) continue
    // Enumerators are names of the level around them.
    if (abbrev.tag === Tag.EnumerationType) depth++
    else reader.seek(sibling > after ? sibling : skipChildren(unit, after))
  }
}

/** Entries of one abbreviation that can be judged by their name alone. Places count from the first attribute. */
interface Shape {
  readonly kind: NameKind
  readonly nameAt: number
  /** -1 where the entry has no children. */
  readonly siblingAt: number
  readonly size: number
  /** It defines nothing. */
  readonly isPassed: boolean
}

/** @returns null where entries of this abbreviation have to be read attribute by attribute */
function shapeOf(unit: Unit, abbrev: Abbrev): Shape | null {
  const kind = KINDS[abbrev.tag]
  if (kind === undefined || unit.wide || abbrev.tag === Tag.EnumerationType) return null
  let size = 0
  let nameAt = -1
  let siblingAt = -1
  let isDeclaration = false
  let isPlaced = false
  for (const { name, form } of abbrev.attributes) {
    const bytes = formSize(form, unit)
    if (bytes === undefined) return null
    if (name === At.Name && form === Form.Strp) nameAt = size
    if (name === At.Sibling && form === Form.Ref4) siblingAt = size
    if (name === At.Declaration) isDeclaration = true
    if (name === At.ConstValue || name === At.Location) isPlaced = true
    size += bytes
  }
  if (nameAt < 0 || (abbrev.hasChildren && siblingAt < 0)) return null
  return { kind, nameAt, siblingAt, size, isPassed: isDeclaration || (abbrev.tag === Tag.Variable && !isPlaced) }
}

function* firstChild(unit: Unit): Generator<Die> {
  for (const child of unit.root.children()) {
    yield child
    return
  }
}

function add(
  unit: Unit,
  offset: number,
  name: RawValue | undefined,
  origin: RawValue | undefined,
  seen: Set<number>,
  names: Map<string, Found>,
): void {
  if (name?.kind === 'text at' && name.section === 'str') {
    if (seen.has(name.value)) return
    seen.add(name.value)
  }
  const text = name ? unit.text(name) : origin && unit.entry(offset)?.name
  if (text && !names.has(text)) names.set(text, { unit, offset })
}
