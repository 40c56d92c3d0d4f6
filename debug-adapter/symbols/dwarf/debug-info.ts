import { OffsetError } from '../../../server/esm/reader.ts'
import { lastAt } from '../../sorted.ts'
import type { ElfImage } from '../elf.ts'
import { type Activation, activationsAt, placeOf, placeOfEntry, type Variable, variablesOf } from './activation.ts'
import { CallFrameInfo } from './cfi.ts'
import { At, Tag, UnitType } from './constants.ts'
import { type AddressRange, rangesOf } from './lists.ts'
import type { FrameAccess, Place } from './location.ts'
import { NameIndex, type NameKind } from './name-index.ts'
import { readPackage } from './package.ts'
import { programSections, type Sections, splitSections } from './sections.ts'
import { type CType, TypeMaker } from './types.ts'
import { type Die, readUnits, type Unit, type UnitFinder } from './unit.ts'

interface UnitRange extends AddressRange {
  readonly unit: Unit
}

interface FunctionRange extends AddressRange {
  readonly die: Die
}

/**
 * What a program's debugging information (DWARF 2 to 5) says of functions, variables and types. Of a kernel it has tens of
 * megabytes, so only headers are read at the beginning, and a compilation when an address or a name leads to it.
 * Damage is never an exception here: what cannot be read is not there.
 */
export class DebugInfo implements UnitFinder {
  readonly #units: readonly Unit[]
  /** Of every file, by section. */
  readonly #all = new Map<Sections, Unit[]>()
  readonly #elf: ElfImage
  readonly types: TypeMaker
  #ranges: readonly UnitRange[] | undefined
  #names: NameIndex | undefined
  readonly #unitNames = new Map<Unit, NameIndex>()
  readonly #functions = new Map<Unit, readonly FunctionRange[]>()
  #signatures: Map<bigint, Unit> | undefined
  #frames: CallFrameInfo | undefined

  /** @param splitFiles `.dwo` and `.dwp` files that belong to the program */
  constructor(elf: ElfImage, splitFiles: readonly ElfImage[] = []) {
    this.#elf = elf
    this.types = new TypeMaker(elf.littleEndian, (name, tag) =>
      this.find(tag === Tag.UnionType ? 'union' : 'struct', name),
    )
    const sections = readable(() => programSections(elf))
    this.#units = sections ? this.#add(sections, false) : []
    for (const file of splitFiles) readable(() => this.#addSplit(file))
    this.#joinSplit()
  }

  /** Does the program say anything of itself? */
  get isEmpty(): boolean {
    return this.#units.length === 0
  }

  /** Names of the files that parts of the information were split off to, each as the compiler noted it, and its folder. */
  get splitNames(): readonly { readonly name: string; readonly folder: string }[] {
    return this.#units.flatMap((unit) => {
      if (unit.split) return []
      const name = readable(() => unit.root.text(At.DwoName) ?? unit.root.text(At.GnuDwoName))
      return name === undefined ? [] : [{ name, folder: unit.root.text(At.CompDir) ?? '' }]
    })
  }

  get callFrames(): CallFrameInfo {
    this.#frames ??= new CallFrameInfo(this.#elf)
    return this.#frames
  }

  /**
   * The functions that are active at an address as linked, innermost first: those inlined there, then the one that holds
   * them. Empty where none is known.
   */
  activationsAt(pc: bigint): readonly Activation[] {
    return (
      readable(() => {
        const unit = this.unitOf(pc)
        if (!unit) return []
        const die = lastCovering(this.#functionsOf(unit), pc)?.die
        return die ? activationsAt(die, pc) : []
      }) ?? []
    )
  }

  /** The compilation that an address belongs to. */
  unitOf(pc: bigint): Unit | undefined {
    this.#ranges ??= this.#unitRanges()
    const unit = lastCovering(this.#ranges, pc)?.unit
    return unit?.split ?? unit
  }

  /** Where in `.debug_line` the line program of the code at an address stands; not known of what was split off. */
  linesOf(pc: bigint): number | undefined {
    const unit = this.unitOf(pc)
    return unit?.isSplit ? undefined : unit && readable(() => unit.root.offsetOf(At.StmtList))
  }

  /**
   * What has a name outside of functions.
   * @param near the compilation whose own comes before that of others
   */
  find(kind: NameKind, name: string, near?: Unit): Die | undefined {
    return readable(() => {
      if (near) {
        let own = this.#unitNames.get(near)
        if (!own) this.#unitNames.set(near, (own = new NameIndex([near])))
        const found = own.find(kind, name)
        if (found) return found
      }
      return this.#index().find(kind, name)
    })
  }

  /** Parameters and variables of an activation; see {@link variablesOf}. */
  variablesOf(activation: Activation): readonly Variable[] {
    return readable(() => variablesOf(activation)) ?? []
  }

  /** Where a variable is; one whose description is damaged is nowhere. */
  placeOf(variable: Variable, frame: FrameAccess): Place {
    return readable(() => placeOf(variable, frame)) ?? DAMAGED
  }

  /** Where a variable outside of functions is. */
  placeOfGlobal(die: Die, frame: FrameAccess): Place {
    return readable(() => placeOfEntry(die, frame)) ?? DAMAGED
  }

  /** The type of a variable, member or function; undefined where its description is damaged. */
  typeOf(die: Die): CType | undefined {
    return readable(() => {
      if (die.tag === Tag.Subprogram) return this.types.functionType(die)
      return die.tag === Tag.Enumerator ? ENUMERATOR : this.types.of(die)
    })
  }

  /** Does the entry have a value: a variable, or a name of an enumeration? */
  isVariable(die: Die): boolean {
    return die.tag === Tag.Variable || die.tag === Tag.Enumerator
  }

  isType(die: Die): boolean {
    return !this.isVariable(die) && die.tag !== Tag.Subprogram
  }

  /** The result, or undefined where it needs a description that is damaged: parts of types are read when they are used. */
  attempt<T>(read: () => T): T | undefined {
    return readable(read)
  }

  /** Variables outside of functions that a compilation defines, by name. */
  globalsOf(unit: Unit): Die[] {
    const globals: Die[] = []
    readable(() => {
      for (const child of unit.root.children())
        if (child.tag === Tag.Variable && child.raw(At.Location) && child.name) globals.push(child)
    })
    return globals
  }

  unitAt(sections: Sections, offset: number): Unit | undefined {
    const units = this.#all.get(sections) ?? []
    const unit = units[lastAt(units, ({ start }) => start <= offset)]
    return unit && offset < unit.start + unit.reader.length ? unit : undefined
  }

  typeBySignature(signature: bigint): Die | undefined {
    if (!this.#signatures) {
      this.#signatures = new Map()
      for (const units of this.#all.values())
        for (const unit of units) if (isTypeUnit(unit)) this.#signatures.set(unit.signature!, unit)
    }
    const unit = this.#signatures.get(signature)
    return unit?.entry(unit.typeOffset)
  }

  #index(): NameIndex {
    this.#names ??= new NameIndex([
      ...this.#units.map((unit) => unit.split ?? unit),
      ...[...this.#all.values()].flat().filter(isTypeUnit),
    ])
    return this.#names
  }

  #add(sections: Sections, isSplit: boolean): Unit[] {
    const units = readUnits(this, sections, isSplit)
    this.#all.set(sections, units)
    // Sections of their own, so that offsets of type units are not taken for those of the others.
    if (sections.types) {
      const types = { ...sections, info: sections.types }
      this.#all.set(types, readUnits(this, types, isSplit, 'types'))
    }
    return units.filter((unit) => !isTypeUnit(unit))
  }

  #addSplit(file: ElfImage): void {
    const sections = splitSections(file)
    const shares = readPackage(file, sections)
    if (shares.length === 0) this.#add(sections, true)
    else for (const share of shares) this.#add(share, true)
  }

  /** A skeleton and what was split off have the same identity. */
  #joinSplit(): void {
    const byId = new Map<bigint, Unit>()
    for (const units of this.#all.values())
      for (const unit of units) {
        const id = unit.isSplit && !isTypeUnit(unit) ? readable(() => unit.splitId) : undefined
        if (id !== undefined) byId.set(id, unit)
      }
    if (byId.size === 0) return
    for (const unit of this.#units) {
      const id = readable(() => unit.splitId)
      const split = id === undefined ? undefined : byId.get(id)
      if (!split || unit.isSplit) continue
      unit.split = split
      split.skeleton = unit
    }
  }

  /** By `.debug_aranges` (DWARF 5 §6.1.2), and for units that it does not name by what they say themselves. */
  #unitRanges(): UnitRange[] {
    const ranges: UnitRange[] = []
    const named = new Set<Unit>()
    const { sections } = this.#units[0] ?? {}
    readable(() => {
      const section = sections?.aranges
      while (section && section.remaining >= 12) {
        let length = section.u32()
        const wide = length === 0xffffffff
        if (wide) length = section.size64()
        const end = section.offset + length
        section.skip(2)
        const unit = this.unitAt(sections!, wide ? section.size64() : section.u32())
        const addressSize = section.u8()
        section.skip(1)
        // Pairs stand at multiples of their own size from the beginning of the set.
        section.skip(wide ? 8 : 4)
        while (addressSize === 8 && section.offset + 16 <= end) {
          const start = section.u64()
          const size = section.u64()
          if (size === 0n) continue
          if (unit) {
            ranges.push({ start, end: start + size, unit })
            named.add(unit)
          }
        }
        section.seek(end)
      }
    })
    for (const unit of this.#units)
      if (!named.has(unit)) readable(() => ranges.push(...rangesOf(unit.root).map((range) => ({ ...range, unit }))))
    return ranges.sort(byStart)
  }

  #functionsOf(unit: Unit): readonly FunctionRange[] {
    let list = this.#functions.get(unit)
    if (!list) {
      const functions: FunctionRange[] = []
      readable(() => {
        for (const die of unit.root.children())
          if (die.tag === Tag.Subprogram) functions.push(...rangesOf(die).map((range) => ({ ...range, die })))
      })
      this.#functions.set(unit, (list = functions.sort(byStart)))
    }
    return list
  }
}

const DAMAGED: Place = { kind: 'absent', why: 'its description is damaged' }
/** C gives names of an enumeration the type int. */
const ENUMERATOR: CType = { kind: 'base', name: 'int', size: 4, encoding: 'signed' }
const isTypeUnit = (unit: Unit): boolean => unit.type === UnitType.Type || unit.type === UnitType.SplitType
const byStart = (a: AddressRange, b: AddressRange): number => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0)

/** The last range of a sorted list that begins at or before the address, where it reaches so far. */
function lastCovering<T extends AddressRange>(list: readonly T[], address: bigint): T | undefined {
  const range = list[lastAt(list, ({ start }) => start <= address)]
  return range && address < range.end ? range : undefined
}

/** The result, or undefined where the bytes that it is read from are damaged. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof OffsetError) return undefined
    throw error
  }
}
