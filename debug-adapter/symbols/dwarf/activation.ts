import { At, Tag } from './constants.ts'
import { locationAt, rangesOf } from './lists.ts'
import { evaluateLocation, type FrameAccess, type Place } from './location.ts'
import type { Die } from './unit.ts'

/** A function that is active at an address: one of its own, or inlined into the one around it. */
export interface Activation {
  readonly name: string
  /** The function, or the place where it was inlined. */
  readonly die: Die
  /** The function around everything, whose frame this is. */
  readonly physical: Die
  readonly isInlined: boolean
  /** Where an inlined function was called; `file` counts in the table of the unit's line program. */
  readonly call: { readonly file: number; readonly line: number } | undefined
  /** The blocks of it that hold the address, outermost first. */
  readonly blocks: readonly Die[]
}

/** A variable or parameter in reach of an activation. */
export interface Variable {
  readonly name: string
  readonly die: Die
  readonly isParameter: boolean
  readonly activation: Activation
}

const MAX_NESTING = 64
const MAX_VARIABLES = 5000

/** @returns innermost first; the last is the function itself */
export function activationsAt(physical: Die, pc: bigint): Activation[] {
  const list: { die: Die; blocks: Die[] }[] = [{ die: physical, blocks: [] }]
  let at: Die | undefined = physical
  for (let depth = 0; at && depth < MAX_NESTING; depth++) {
    at = inside(at, pc)
    if (at?.tag === Tag.InlinedSubroutine) list.unshift({ die: at, blocks: [] })
    else if (at) list[0]!.blocks.push(at)
  }
  return list.map(({ die, blocks }) => {
    const isInlined = die !== physical
    return { name: die.name ?? '?', die, physical, isInlined, call: isInlined ? callOf(die) : undefined, blocks }
  })
}

/** The block or inlined function below an entry that holds the address. */
function inside(die: Die, pc: bigint): Die | undefined {
  for (const child of die.children()) {
    if (child.tag !== Tag.LexicalBlock && child.tag !== Tag.InlinedSubroutine) continue
    if (rangesOf(child).some(({ start, end }) => pc >= start && pc < end)) return child
  }
  return undefined
}

function callOf(die: Die): Activation['call'] {
  return { file: Number(die.number(At.CallFile) ?? 0n), line: Number(die.number(At.CallLine) ?? 0n) }
}

/** Parameters first, then variables; what an inner block names anew comes before the outer one of the same name. */
export function variablesOf(activation: Activation): Variable[] {
  const list: Variable[] = []
  for (const block of [...activation.blocks].reverse().concat(activation.die))
    for (const child of block.children()) {
      const isParameter = child.tag === Tag.FormalParameter
      if ((!isParameter && child.tag !== Tag.Variable) || child.flag(At.Declaration) || list.length >= MAX_VARIABLES)
        continue
      const name = child.name
      if (name) list.push({ name, die: child, isParameter, activation })
    }
  return list
}

/** Where a variable of a function is in a frame. */
export function placeOf({ die, activation }: Variable, frame: FrameAccess): Place {
  return placeOfEntry(die, frame, activation.physical)
}

/** @param physical the function whose frame it is; undefined for a variable outside of functions */
export function placeOfEntry(die: Die, frame: FrameAccess, physical?: Die): Place {
  const constant = die.inherited(At.ConstValue)?.value
  if (constant?.kind === 'number') return { kind: 'value', value: constant.value }
  if (constant?.kind === 'block') return { kind: 'bytes', bytes: constant.value }
  if (constant?.kind === 'text') return { kind: 'bytes', bytes: new TextEncoder().encode(`${constant.value}\0`) }
  if (!die.inherited(At.Location)) return { kind: 'absent', why: 'the compiler kept no place for it' }
  const location = locationAt(die, At.Location, frame.pc)
  if (!location) return { kind: 'absent', why: 'the compiler kept no place for it here' }
  return evaluateLocation(location.unit, location.expression, frame, () => physical && frameBase(physical, frame))
}

function frameBase(physical: Die, frame: FrameAccess): bigint | undefined {
  const location = locationAt(physical, At.FrameBase, frame.pc)
  if (!location) return undefined
  const place = evaluateLocation(location.unit, location.expression, frame, () => undefined)
  if (place.kind === 'register') return frame.register(place.number)
  return place.kind === 'memory' ? place.address : place.kind === 'value' ? place.value : undefined
}
