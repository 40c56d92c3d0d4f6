/**
 * Breakpoints of all kinds. They are kept as the client asked for them and resolved against the machine and its symbols,
 * so that they survive a restart.
 */
import type { DebugProtocol } from '@vscode/debugprotocol'
import type { StepFrame } from '../machine/api.ts'
import { callNames } from '../machine/call-names.ts'
import type { Procedure, Step, StepValues } from '../machine/steps.ts'
import type { TraceRecord } from '../machine/trace/records.ts'
import { hasChanged, type Watched, watchedOf } from './data-breakpoints.ts'
import {
  EVENT_FORMS,
  type EventBreakpoint,
  namePattern,
  parseEventBreakpoint,
  recordValues,
} from './event-breakpoints.ts'
import { ExceptionBreakpoints } from './exceptions.ts'
import { evaluate } from './expressions.ts'
import { allProcedures, procedureOfSource, stepLines } from './listings.ts'
import { offsetReference, parseReference } from './references.ts'
import type { Target } from './target.ts'

/** What a breakpoint waits for. */
type Place =
  | { readonly kind: 'address'; readonly addresses: readonly bigint[] }
  | { readonly kind: 'line'; readonly procedure: Procedure; readonly line: number }
  | { readonly kind: 'procedure'; readonly procedures: readonly Procedure[] }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'data'; readonly watched: Watched }
  | { readonly kind: 'event'; readonly addresses: readonly bigint[]; readonly event: EventBreakpoint }

interface Conditions {
  readonly condition?: string
  readonly hitCondition?: string
  readonly logMessage?: string
}

export interface KeptBreakpoint {
  readonly id: number
  readonly group: 'source' | 'function' | 'instruction' | 'data'
  readonly place: Place | undefined
  readonly conditions: Conditions
  readonly answer: DebugProtocol.Breakpoint
  hits: number
}

/** One breakpoint that stopped the machine, or one that only says something. */
export interface Hit {
  readonly breakpoint: KeptBreakpoint
  readonly message?: string
}

export class Breakpoints {
  #nextId = 1
  readonly #ids = new WeakMap<object, number>()
  #kept: KeptBreakpoint[] = []
  #sources = new Map<string, { source: DebugProtocol.Source; lines: readonly DebugProtocol.SourceBreakpoint[] }>()
  #functions: readonly DebugProtocol.FunctionBreakpoint[] = []
  #instructions: readonly DebugProtocol.InstructionBreakpoint[] = []
  #data: readonly DebugProtocol.DataBreakpoint[] = []
  #target: Target | undefined
  readonly #inProcessor = new Set<bigint>()
  #exceptions = new ExceptionBreakpoints()
  /** False while the machine is on its way back: what happens then has been counted. */
  counting = true
  /** Addresses that a step waits for, besides. */
  #temporary: readonly bigint[] = []

  /** Resolves everything anew for a machine: at launch and at restart. */
  bind(target: Target): void {
    this.#target = target
    this.#inProcessor.clear()
    this.#kept = []
    for (const { source, lines } of this.#sources.values()) this.setSource(source, lines)
    this.setFunctions(this.#functions)
    this.setInstructions(this.#instructions)
    this.setData(this.#data)
  }

  setSource(
    source: DebugProtocol.Source,
    lines: readonly DebugProtocol.SourceBreakpoint[],
  ): DebugProtocol.Breakpoint[] {
    const key = source.path ?? String(source.sourceReference ?? source.name)
    this.#sources.set(key, { source, lines })
    this.#drop((kept) => kept.group === 'source' && kept.answer.source?.adapterData === key)
    return lines.map((asked) => {
      const resolved = this.#resolveLine(source, asked.line)
      const shown = { ...source, adapterData: key }
      return this.#keep('source', resolved, asked, {
        source: shown,
        ...(resolved.line !== undefined && { line: resolved.line }),
      })
    })
  }

  setFunctions(asked: readonly DebugProtocol.FunctionBreakpoint[]): DebugProtocol.Breakpoint[] {
    this.#functions = asked
    this.#drop((kept) => kept.group === 'function')
    return asked.map((one) => this.#keep('function', this.#resolveName(one.name.trim()), one, {}))
  }

  setInstructions(asked: readonly DebugProtocol.InstructionBreakpoint[]): DebugProtocol.Breakpoint[] {
    this.#instructions = asked
    this.#drop((kept) => kept.group === 'instruction')
    return asked.map((one) => {
      const resolved = this.#resolveInstruction(one)
      const reference =
        resolved.place?.kind === 'address' ? `0x${resolved.place.addresses[0]!.toString(16)}` : undefined
      return this.#keep('instruction', resolved, one, reference ? { instructionReference: reference } : {})
    })
  }

  setData(asked: readonly DebugProtocol.DataBreakpoint[]): DebugProtocol.Breakpoint[] {
    this.#data = asked
    this.#drop((kept) => kept.group === 'data')
    return asked.map((one) => this.#keep('data', this.#resolveData(one), one, {}))
  }

  /** Is there one that the machine has to be watched for after each instruction? */
  get watchesData(): boolean {
    return this.#kept.some(({ place }) => place?.kind === 'data')
  }

  /** Takes the values that there are now for those that a change is measured by: what the user writes is no change. */
  noteData(): void {
    for (const { place } of this.#kept) if (place?.kind === 'data') hasChanged(place.watched, this.#target!)
  }

  /** Breakpoints on data that has changed since it was last looked at. */
  hitsOfData(): Hit[] {
    return this.#hits((place) => place.kind === 'data' && hasChanged(place.watched, this.#target!))
  }

  /** The exceptions that stop. */
  get exceptions(): ExceptionBreakpoints {
    return this.#exceptions
  }

  setExceptions(exceptions: ExceptionBreakpoints): void {
    this.#exceptions = exceptions
    this.#sync()
  }

  /** Adds places that a step waits for; an empty list takes them away. */
  setTemporary(addresses: readonly bigint[]): void {
    if (addresses === this.#temporary) return
    this.#temporary = addresses
    this.#sync()
  }

  /** Has the user a breakpoint here? */
  isAt(address: bigint): boolean {
    return this.#inProcessor.has(address)
  }

  /** Runs `body` with the processor's breakpoint at `address` taken out, so that its instruction can execute. */
  without<T>(address: bigint, body: () => T): T {
    const cpu = this.#target?.machine.cpu
    if (!cpu || !this.#inProcessor.has(address)) return body()
    cpu.breakpoints.delete(address)
    try {
      return body()
    } finally {
      cpu.breakpoints.add(address)
    }
  }

  /** Runs `body` with none of the processor's breakpoints in place. */
  *suspended<T>(body: Generator<T, void>): Generator<T, void> {
    const cpu = this.#target?.machine.cpu
    const all = [...this.#inProcessor]
    for (const address of all) cpu?.breakpoints.delete(address)
    try {
      yield* body
    } finally {
      for (const address of all) if (this.#inProcessor.has(address)) cpu?.breakpoints.add(address)
    }
  }

  /** Breakpoints hit by the guest standing before the instruction at `address`. */
  hitsAt(address: bigint): Hit[] {
    return this.#hits((place) => addressesOf(place).includes(address))
  }

  /** Breakpoints hit by firmware standing at a step; `entered`: the frame stands at its first step. */
  hitsAtStep(step: Step, entered: readonly StepFrame[]): Hit[] {
    return this.#hits(
      (place) =>
        (place.kind === 'line' && place.procedure === step.procedure && place.line === step.line) ||
        (place.kind === 'procedure' && entered.some((frame) => place.procedures.includes(frame.procedure))),
    )
  }

  /** Breakpoints on what a record of the log reports: calls by name, and events. */
  hitsOfRecord(record: TraceRecord): Hit[] {
    const called = (record.type === 'ultracall' || record.type === 'hypercall') && record.phase === 'call'
    const matches = (place: Place) =>
      place.kind === 'event'
        ? place.event.matches(record)
        : called && place.kind === 'call' && place.name === record.name
    // The log is long and most of it is waited for by nobody.
    if (!this.#kept.some(({ place }) => place && matches(place))) return []
    return this.#hits(matches, recordValues(record))
  }

  /** Breakpoints hit by a VM that stands before its first instruction as a secure one. */
  hitsAtSecureEntry(): Hit[] {
    return this.#hits((place) => place.kind === 'event' && place.event.secureEntry)
  }

  /** @param values what a condition and a message may name besides */
  #hits(matches: (place: Place) => boolean, values: StepValues = {}): Hit[] {
    const hits: Hit[] = []
    for (const breakpoint of this.#kept) {
      if (!breakpoint.place || !matches(breakpoint.place)) continue
      if (!this.#conditionsHold(breakpoint, values)) continue
      const { logMessage } = breakpoint.conditions
      if (!this.counting) {
        // Going back, a condition on how often is none.
        if (!logMessage) hits.push({ breakpoint })
        continue
      }
      breakpoint.hits++
      if (!hitConditionHolds(breakpoint)) continue
      hits.push(logMessage ? { breakpoint, message: this.#interpolate(logMessage, values) } : { breakpoint })
    }
    return hits
  }

  #conditionsHold({ place, conditions: { condition } }: KeptBreakpoint, values: StepValues): boolean {
    const ofEvent = place?.kind === 'event' ? place.event.condition : undefined
    return this.#conditionHolds(condition, values) && this.#conditionHolds(ofEvent, values)
  }

  #conditionHolds(condition: string | undefined, values: StepValues): boolean {
    if (!condition) return true
    try {
      return evaluate(condition, this.#target!, { values }).value !== 0n
    } catch {
      // A condition that cannot be evaluated must not hide its breakpoint.
      return true
    }
  }

  #interpolate(message: string, values: StepValues): string {
    return message.replace(/\{([^{}]+)\}/g, (_, expression: string) => {
      try {
        return evaluate(expression, this.#target!, { values }).text
      } catch (error) {
        return `{${expression}: ${error instanceof Error ? error.message : String(error)}}`
      }
    })
  }

  #resolveLine(source: DebugProtocol.Source, line: number): Resolved & { line?: number } {
    const procedure = procedureOfSource(source)
    if (procedure) {
      const { first, last } = stepLines(procedure)
      if (line > last) return { why: `The listing of ${procedure.name} ends at line ${last}.` }
      const at = Math.max(line, first)
      return { place: { kind: 'line', procedure, line: at }, line: at }
    }
    if (!this.#target) return { why: NOT_LAUNCHED }
    const found = this.#target.symbols.addressesOfLine(source.path ?? source.name ?? '', line)
    if (!found)
      return {
        why: `No code for ${source.name ?? source.path}:${line} in the line information of the kernel and of "symbols".`,
      }
    return { place: { kind: 'address', addresses: found.addresses }, line: found.line }
  }

  /** A symbol of the guest, an address, or an ultracall, hypercall, TPM command or procedure of the firmware. */
  #resolveName(name: string): Resolved {
    if (/^0x[0-9a-f]+$/i.test(name)) return codeAddress(BigInt(name))
    try {
      const event = parseEventBreakpoint(name, callNames)
      if (event) return { place: { kind: 'event', addresses: event.addresses, event } }
    } catch (error) {
      return { why: error instanceof Error ? error.message : String(error) }
    }
    const procedures = allProcedures().filter((procedure) => procedure.name === name)
    if (procedures.length > 0) return { place: { kind: 'procedure', procedures } }
    if (callNames.has(name)) return { place: { kind: 'call', name } }
    if (!this.#target) return { why: NOT_LAUNCHED }
    const addresses = this.#target.symbols.entriesOf(name)
    if (addresses.length > 0) return { place: { kind: 'address', addresses } }
    if (/[*?]/.test(name)) return this.#resolvePattern(name)
    return {
      why: `${JSON.stringify(name)} is neither a symbol of the kernel nor of the files in "symbols", nor an address such as 0x400000, nor an ultracall, hypercall, TPM command or firmware procedure such as UV_ESM, H_SVM_PAGE_IN or TPM2_RSA_Decrypt, nor an event: ${EVENT_FORMS}.`,
    }
  }

  /** Every function of the guest and every procedure of the firmware whose name fits. */
  #resolvePattern(pattern: string): Resolved {
    const wanted = namePattern(pattern)
    const procedures = allProcedures().filter((procedure) => wanted.test(procedure.name))
    if (procedures.length > 0) return { place: { kind: 'procedure', procedures } }
    const { symbols } = this.#target!
    const names = symbols.names.filter((name) => wanted.test(name))
    if (names.length === 0) return { why: `No function of the guest fits ${JSON.stringify(pattern)}.` }
    if (names.length > MAX_FUNCTIONS)
      return { why: `${names.length} functions fit ${JSON.stringify(pattern)}: at most ${MAX_FUNCTIONS} may.` }
    return { place: { kind: 'address', addresses: names.flatMap((name) => symbols.entriesOf(name)) } }
  }

  #resolveInstruction(asked: DebugProtocol.InstructionBreakpoint): Resolved {
    try {
      const reference = offsetReference(parseReference(asked.instructionReference), BigInt(asked.offset ?? 0))
      if (reference.space !== 'ea')
        return { why: 'The processor compares effective addresses: give an address without gpa:, ra: or hv:.' }
      return codeAddress(reference.address)
    } catch (error) {
      return { why: error instanceof Error ? error.message : String(error) }
    }
  }

  #resolveData({ dataId, accessType = 'write' }: DebugProtocol.DataBreakpoint): Resolved {
    if (accessType !== 'write')
      return { why: `accessType ${accessType}: only changes of a value ("write") can be watched.` }
    if (!this.#target) return { why: NOT_LAUNCHED }
    try {
      return { place: { kind: 'data', watched: watchedOf(dataId, this.#target) } }
    } catch (error) {
      return { why: error instanceof Error ? error.message : String(error) }
    }
  }

  #keep(
    group: KeptBreakpoint['group'],
    resolved: Resolved,
    conditions: Conditions,
    answer: Partial<DebugProtocol.Breakpoint>,
  ): DebugProtocol.Breakpoint {
    // Resolved anew after a restart, a breakpoint keeps the number that the client knows it by.
    const id = this.#ids.get(conditions) ?? this.#nextId++
    this.#ids.set(conditions, id)
    const full: DebugProtocol.Breakpoint = {
      id,
      verified: resolved.place !== undefined,
      ...answer,
      ...(resolved.why !== undefined && { message: resolved.why }),
    }
    const { condition, hitCondition, logMessage } = conditions
    this.#kept.push({
      id,
      group,
      place: resolved.place,
      conditions: {
        ...(condition && { condition }),
        ...(hitCondition && { hitCondition }),
        ...(logMessage && { logMessage }),
      },
      answer: full,
      hits: 0,
    })
    this.#sync()
    return full
  }

  #drop(which: (kept: KeptBreakpoint) => boolean): void {
    this.#kept = this.#kept.filter((kept) => !which(kept))
    this.#sync()
  }

  /** Makes the processor's breakpoints those that are wanted now. */
  #sync(): void {
    const breakpoints = this.#target?.machine.cpu.breakpoints
    if (!breakpoints) return
    const wanted = new Set([...this.#temporary, ...this.#exceptions.addresses])
    for (const { place } of this.#kept) if (place) for (const address of addressesOf(place)) wanted.add(address)
    for (const address of this.#inProcessor) if (!wanted.has(address)) breakpoints.delete(address)
    for (const address of wanted) if (!this.#inProcessor.has(address)) breakpoints.add(address)
    this.#inProcessor.clear()
    for (const address of wanted) this.#inProcessor.add(address)
  }
}

type Resolved =
  | { readonly place: Place; readonly why?: undefined }
  | { readonly place?: undefined; readonly why: string }

/** Functions that one pattern may stand for. */
const MAX_FUNCTIONS = 500

/** Places where the processor has to stop for it. */
const addressesOf = (place: Place): readonly bigint[] =>
  place.kind === 'address' || place.kind === 'event' ? place.addresses : []

const NOT_LAUNCHED = 'Known only once the image is loaded.'

function codeAddress(address: bigint): Resolved {
  if ((address & 3n) !== 0n) return { why: `Instructions begin at multiples of 4; 0x${address.toString(16)} is none.` }
  return { place: { kind: 'address', addresses: [address] } }
}

/** `5`: from the fifth time on; `= 5`, `> 5`, `>= 5`, `% 5` as they read. */
function hitConditionHolds({ hits, conditions: { hitCondition } }: KeptBreakpoint): boolean {
  if (!hitCondition) return true
  const match = /^\s*(==?|>=?|%)?\s*(\d+)\s*$/.exec(hitCondition)
  if (!match) return true
  const count = Number(match[2])
  switch (match[1]) {
    case '=':
    case '==':
      return hits === count
    case '>':
      return hits > count
    case '%':
      return count > 0 && hits % count === 0
    default:
      return hits >= count
  }
}
