/** The program's variables as DAP shows them: each with its parts, made when the client asks. */
import type { DebugProtocol } from '@vscode/debugprotocol'
import { OffsetError } from '../../server/esm/reader.ts'
import { sizeOf, strip, typeName } from '../symbols/dwarf/types.ts'
import { hex } from './format.ts'
import type { Typed } from './frame-context.ts'
import { pointee, valueText } from './typed-text.ts'
import { addressOf, bytesOf, elementOf, integerIn, isScalar, memberOf, writeScalar } from './typed-values.ts'

/** A part of a value, or a variable of a scope. */
export interface TypedChild {
  readonly name: string
  readonly value: Typed
  /** The expression that means it; undefined where none does. */
  readonly expression: string | undefined
}

/** Which children are asked for: `start` and `count` are about elements of arrays only. */
export interface Page {
  readonly start: number
  /** 0: all. */
  readonly count: number
  readonly asHex: boolean
}

/** Elements that one answer carries at most. */
const MAX_ELEMENTS = 10_000

/** @param reference gives out a reference for children */
export function typedVariable(
  { name, value, expression }: TypedChild,
  asHex: boolean,
  reference: (children: (page: Page) => TypedChild[]) => number,
): DebugProtocol.Variable {
  try {
    const elements = elementCount(value)
    const address = addressOf(value)
    const target = pointerTarget(value)
    return {
      name,
      value: valueText(value, asHex),
      type: typeName(value.type),
      ...(expression !== undefined && { evaluateName: expression }),
      variablesReference: hasChildren(value) ? reference((page) => childrenOf({ name, value, expression }, page)) : 0,
      ...(elements !== undefined && { indexedVariables: elements }),
      ...((target ?? address) !== undefined && { memoryReference: hex((target ?? address)!) }),
      ...(!isScalar(value.type) && { presentationHint: { attributes: ['readOnly'] } }),
    }
  } catch (error) {
    if (!(error instanceof OffsetError)) throw error
    return { name, value: '<the description of its type is damaged>', variablesReference: 0 }
  }
}

/** What a pointer points to can be opened as memory; of another variable, the memory that it is in. */
function pointerTarget(value: Typed): bigint | undefined {
  if (strip(value.type).kind !== 'pointer') return undefined
  const read = bytesOf(value)
  const target = read.ok ? integerIn(value.context.target, read.bytes) : 0n
  return target === 0n ? undefined : target
}

function elementCount({ type, place }: Typed): number | undefined {
  const bare = strip(type)
  return bare.kind === 'array' && place.kind !== 'absent' ? (bare.count ?? 0) : undefined
}

function hasChildren(value: Typed): boolean {
  if (value.place.kind === 'absent') return false
  const bare = strip(value.type)
  if (bare.kind === 'struct') return bare.members.length > 0
  if (bare.kind === 'array') return (bare.count ?? 0) > 0
  return pointee(value) !== undefined
}

function childrenOf({ value, expression }: TypedChild, page: Page): TypedChild[] {
  const bare = strip(value.type)
  if (bare.kind === 'struct')
    return bare.members.map((member) => ({
      // Members of a struct without a name are named as those of the outer one.
      name: member.name ?? `(${typeName(member.type).split(' ')[0]})`,
      value: memberOf(value, member),
      expression: member.name === undefined || expression === undefined ? expression : `${expression}.${member.name}`,
    }))
  if (bare.kind === 'array') {
    const end = Math.min(bare.count ?? 0, page.count ? page.start + page.count : page.start + MAX_ELEMENTS)
    return Array.from({ length: Math.max(0, end - page.start) }, (_, i) => ({
      name: `[${page.start + i}]`,
      value: elementOf(value, bare.of, BigInt(page.start + i)),
      expression: expression === undefined ? undefined : `${expression}[${page.start + i}]`,
    }))
  }
  const to = pointee(value)
  if (!to || sizeOf(to.type) === 0) return []
  if (strip(to.type).kind === 'struct')
    return childrenOf(
      { name: '', value: to, expression: expression === undefined ? undefined : `(*${expression})` },
      page,
    )
  return [{ name: '*', value: to, expression: expression === undefined ? undefined : `*${expression}` }]
}

/** @throws RequestError where it cannot be changed or the number does not fit */
export function setTyped(
  { name, value, expression }: TypedChild,
  number: bigint,
  asHex: boolean,
): DebugProtocol.Variable {
  const given = number >= 1n << 63n ? BigInt.asIntN(64, number) : number
  writeScalar(value, fitsSigned(value) ? given : number)
  return { ...typedVariable({ name, value, expression }, asHex, () => 0) }
}

/** A negative number comes as an unsigned one of 64 bits. */
function fitsSigned({ type }: Typed): boolean {
  const bare = strip(type)
  return (bare.kind === 'base' && bare.encoding.startsWith('signed')) || (bare.kind === 'enum' && bare.isSigned)
}
