import { OffsetError } from '../../../server/esm/reader.ts'
import type { ByteReader } from '../byte-reader.ts'
import { At, Form } from './constants.ts'

export interface AttributeSpec {
  readonly name: number
  readonly form: number
  /** The value of DW_FORM_implicit_const. */
  readonly implicit: bigint | undefined
}

/** The shape of an entry (DWARF 5 §7.5.3). */
export interface Abbrev {
  readonly tag: number
  readonly hasChildren: boolean
  readonly attributes: readonly AttributeSpec[]
  readonly hasSibling: boolean
}

/** @throws OffsetError where the table does not end, or names a code twice */
export function readAbbrevs(section: ByteReader, offset: number): ReadonlyMap<number, Abbrev> {
  const table = new Map<number, Abbrev>()
  section.seek(offset)
  for (let code = section.ulebNumber(); code !== 0; code = section.ulebNumber()) {
    if (table.has(code)) throw new OffsetError(`abbreviation ${code}, a second time`, section.offset, 1, section.length)
    const tag = section.ulebNumber()
    const hasChildren = section.u8() !== 0
    const attributes: AttributeSpec[] = []
    for (;;) {
      const name = section.ulebNumber()
      const form = section.ulebNumber()
      if (name === 0 && form === 0) break
      attributes.push({ name, form, implicit: form === Form.ImplicitConst ? section.sleb() : undefined })
    }
    table.set(code, { tag, hasChildren, attributes, hasSibling: attributes.some(({ name }) => name === At.Sibling) })
  }
  return table
}
