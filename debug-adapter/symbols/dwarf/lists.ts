/** Ranges of addresses and lists of locations (DWARF 5 §2.17.3, §2.6.2; DWARF 4 §2.17.3, §2.6.2). */
import type { ByteReader } from '../byte-reader.ts'
import { At, ListEntry } from './constants.ts'
import type { Die, Unit } from './unit.ts'

/** Addresses as linked, `end` excluded. */
export interface AddressRange {
  readonly start: bigint
  readonly end: bigint
}

interface Located extends AddressRange {
  readonly expression: Uint8Array
}

const MAX_ENTRIES = 100_000
const mask64 = (value: bigint): bigint => BigInt.asUintN(64, value)

/** The addresses of an entry's code; none where it has no code, as one that was inlined everywhere. */
export function rangesOf(die: Die): AddressRange[] {
  const { unit } = die
  const ranges = die.raw(At.Ranges)
  if (ranges) {
    const list = rangeList(unit, ranges, die === unit.root)
    return list.filter(({ start, end }) => start < end)
  }
  const start = unit.address(die.raw(At.LowPc))
  if (start === undefined) return []
  const high = die.raw(At.HighPc)
  const end = high?.kind === 'number' ? start + high.value : unit.address(high)
  return end !== undefined && end > start ? [{ start, end }] : []
}

type ListReference = NonNullable<ReturnType<Die['raw']>>

function rangeList(unit: Unit, reference: ListReference, isRoot: boolean): AddressRange[] {
  const list: AddressRange[] = []
  const add = (start: bigint, end: bigint) => void list.push({ start: mask64(start), end: mask64(end) })
  if (unit.version >= 5) {
    const section = unit.sections.rnglists
    const at = section && listOffset(unit, section, reference, At.RnglistsBase)
    if (at !== undefined) readList5(unit, section!, at, false, add)
    return list
  }
  const owner = unit.skeleton ?? unit
  const section = owner.sections.ranges
  const offset = plainOffset(reference)
  if (!section || offset === undefined) return list
  // What was split off counts from its skeleton's share of the section.
  const base = unit.skeleton && !isRoot ? (owner.root.offsetOf(At.GnuRangesBase) ?? 0) : 0
  readList4(unit, section, base + offset, add, () => {})
  return list
}

/**
 * The expression that says where a variable is while the processor stands at `pc`, as linked; undefined where the variable
 * is nowhere then.
 */
export function locationAt(
  die: Die,
  attribute: number,
  pc: bigint,
): { unit: Unit; expression: Uint8Array } | undefined {
  const found = die.inherited(attribute)
  if (!found) return undefined
  const { unit } = found.die
  if (found.value.kind === 'block') return { unit, expression: found.value.value }
  const entry = locationList(unit, found.value).find(({ start, end }) => pc >= start && pc < end)
  return entry && { unit, expression: entry.expression }
}

function locationList(unit: Unit, reference: ListReference): Located[] {
  const list: Located[] = []
  const add = (start: bigint, end: bigint, expression: Uint8Array) =>
    void list.push({ start: mask64(start), end: mask64(end), expression })
  if (unit.version >= 5) {
    const section = unit.sections.loclists
    const at = section && listOffset(unit, section, reference, At.LoclistsBase)
    if (at !== undefined) readList5(unit, section!, at, true, add)
    return list
  }
  const section = unit.sections.loc
  const at = plainOffset(reference)
  if (!section || at === undefined) return list
  if (unit.isSplit) readSplitList4(unit, section, at, add)
  else readList4(unit, section, at, add, () => section.take(section.u16()))
  return list
}

function plainOffset(reference: ListReference): number | undefined {
  if (reference.kind === 'section offset') return reference.value
  return reference.kind === 'number' ? Number(reference.value) : undefined
}

/** An index counts in the table of offsets that stands at the base; offsets in it count from there. */
function listOffset(
  unit: Unit,
  section: ByteReader,
  reference: ListReference,
  baseAttribute: number,
): number | undefined {
  if (reference.kind !== 'list index') return plainOffset(reference)
  const base = (unit.isSplit ? undefined : unit.root.offsetOf(baseAttribute)) ?? (unit.wide ? 20 : 12)
  section.seek(base + reference.value * (unit.wide ? 8 : 4))
  return base + (unit.wide ? section.size64() : section.u32())
}

function baseAddress(unit: Unit): bigint {
  const { root } = unit.skeleton ?? unit
  return root.unit.address(root.raw(At.LowPc)) ?? 0n
}

function readList4<T>(
  unit: Unit,
  section: ByteReader,
  at: number,
  add: (start: bigint, end: bigint, more: T) => void,
  readMore: () => T,
): void {
  const wide = unit.addressSize === 8
  const select = wide ? 2n ** 64n - 1n : 2n ** 32n - 1n
  let base = baseAddress(unit)
  section.seek(at)
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const start = wide ? section.u64() : BigInt(section.u32())
    const end = wide ? section.u64() : BigInt(section.u32())
    if (start === 0n && end === 0n) return
    if (start === select) base = end
    else add(base + start, base + end, readMore())
  }
}

/** GNU's split form of DWARF 4: a kind before each entry, addresses by index. */
function readSplitList4(
  unit: Unit,
  section: ByteReader,
  at: number,
  add: (start: bigint, end: bigint, expression: Uint8Array) => void,
): void {
  let base = baseAddress(unit)
  section.seek(at)
  const indexed = () => unit.addressAt(section.ulebNumber()) ?? 0n
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const kind = section.u8()
    if (kind === 1) {
      base = indexed()
      continue
    }
    let start: bigint
    let end: bigint
    if (kind === 2) [start, end] = [indexed(), indexed()]
    else if (kind === 3) {
      start = indexed()
      end = start + BigInt(section.u32())
    } else if (kind === 4) [start, end] = [base + BigInt(section.u32()), base + BigInt(section.u32())]
    else return
    add(start, end, section.take(section.u16()))
  }
}

function readList5(
  unit: Unit,
  section: ByteReader,
  at: number,
  withExpressions: boolean,
  add: (start: bigint, end: bigint, expression: Uint8Array) => void,
): void {
  let base = baseAddress(unit)
  section.seek(at)
  const address = () => (unit.addressSize === 8 ? section.u64() : BigInt(section.u32()))
  const indexed = () => unit.addressAt(section.ulebNumber()) ?? 0n
  for (let i = 0; i < MAX_ENTRIES; i++) {
    let kind = section.u8()
    // From 5 on a range list has one kind less.
    if (!withExpressions && kind >= ListEntry.Default) kind++
    let start = 0n
    let end = 0n
    switch (kind) {
      case ListEntry.BaseAddressX:
        base = indexed()
        continue
      case ListEntry.BaseAddress:
        base = address()
        continue
      case ListEntry.ViewPair:
        section.ulebNumber()
        section.ulebNumber()
        continue
      case ListEntry.StartXEndX:
        ;[start, end] = [indexed(), indexed()]
        break
      case ListEntry.StartXLength:
        start = indexed()
        end = start + section.uleb()
        break
      case ListEntry.OffsetPair:
        ;[start, end] = [base + section.uleb(), base + section.uleb()]
        break
      case ListEntry.StartEnd:
        ;[start, end] = [address(), address()]
        break
      case ListEntry.StartLength:
        start = address()
        end = start + section.uleb()
        break
      case ListEntry.Default:
        end = 2n ** 64n - 1n
        break
      default:
        return
    }
    add(start, end, withExpressions ? section.take(section.ulebNumber()) : NONE)
  }
}

const NONE = new Uint8Array()
