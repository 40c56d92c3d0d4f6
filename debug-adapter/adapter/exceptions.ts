/** What counts as an exception, by the filters that the client chose and the condition that it gave each. */
import type { DebugProtocol } from '@vscode/debugprotocol'
import type { EsmResult, MachineEnd } from '../machine/api.ts'
import type { Refusal } from '../machine/refusal.ts'
import type { TraceRecordOf } from '../machine/trace/records.ts'
import { handlersOf, namePattern } from './event-breakpoints.ts'
import { hex } from './format.ts'
import { RequestError } from './request.ts'

export const EXCEPTION_FILTERS = ['refusal', 'esm', 'fault', 'secure-memory', 'tpm', 'interrupt', 'end'] as const
export type ExceptionFilter = (typeof EXCEPTION_FILTERS)[number]

export interface StoppedException {
  readonly filter: ExceptionFilter
  readonly title: string
  readonly refusal: Refusal
}

/** What has happened since the machine last stood where it can be inspected. */
export interface Occurrences {
  readonly refusals: readonly TraceRecordOf<'refusal'>[]
  readonly tpmErrors: readonly TraceRecordOf<'tpm'>[]
  /** UV_ESM came to this result just now. */
  readonly esm: EsmResult | undefined
  readonly end: MachineEnd | undefined
  /** Where the guest stands; undefined while firmware runs. */
  readonly guestAt: bigint | undefined
}

type Filters = ReadonlyMap<ExceptionFilter, string | undefined>

/** The chosen filters, checked. */
export class ExceptionBreakpoints {
  readonly #filters: Filters
  readonly #vectors: readonly number[]

  /** @throws RequestError naming the filter that there is not, or what is wrong with its condition */
  constructor(options: readonly DebugProtocol.ExceptionFilterOptions[] = []) {
    const filters = new Map<ExceptionFilter, string | undefined>()
    for (const { filterId, condition } of options) {
      if (!EXCEPTION_FILTERS.includes(filterId as ExceptionFilter))
        throw new RequestError(
          `There is no exception filter ${JSON.stringify(filterId)}; there are ${EXCEPTION_FILTERS.join(', ')}.`,
        )
      filters.set(filterId as ExceptionFilter, condition?.trim() || undefined)
    }
    this.#filters = filters
    this.#vectors = filters.has('interrupt') ? vectors(filters.get('interrupt') ?? UNUSUAL_VECTORS) : []
  }

  /** Places where the processor has to stop: where the guest's handlers begin. */
  get addresses(): readonly bigint[] {
    return this.#vectors.flatMap(handlersOf)
  }

  /** The exception to stop at, if one of the chosen ones happened. */
  find({ refusals, tpmErrors, esm, end, guestAt }: Occurrences): StoppedException | undefined {
    const last = refusals.at(-1)
    if (esm?.outcome === 'refused' && this.#wants('esm', esm.rules))
      return {
        filter: 'esm',
        title: `UV_ESM refused: ${esm.reason}`,
        refusal: {
          rule: esm.rules[0] ?? last?.rule ?? 'UV_ESM',
          expected: last?.expected ?? 'an image that the ultravisor accepts',
          found: last?.found ?? esm.reason,
          source: last?.source ?? 'spec/ultravisor.md §4.2',
        },
      }
    const touched = refusals.find((one) => one.rule === 'MEM-001' && this.#wants('secure-memory', [one.by]))
    if (touched)
      return { filter: 'secure-memory', title: 'MEM-001: secure memory touched from outside', refusal: touched }
    const refusal = refusals.findLast((one) => this.#wants('refusal', [one.rule]))
    if (refusal) return { filter: 'refusal', title: `${refusal.rule}: refused by the ${refusal.by}`, refusal }
    const tpm = tpmErrors.find((one) => this.#wants('tpm', [one.command, one.responseName]))
    if (tpm)
      return {
        filter: 'tpm',
        title: `${tpm.command} failed: ${tpm.responseName}`,
        refusal: {
          rule: tpm.responseName,
          expected: `${tpm.command} to succeed`,
          found: `response code ${hex(tpm.responseCode)} (${tpm.responseName})`,
          source: 'TPM 2.0 Part 2 §6.6',
        },
      }
    const vector = guestAt === undefined ? undefined : this.#vectors.find((one) => handlersOf(one).includes(guestAt))
    if (vector !== undefined)
      return {
        filter: 'interrupt',
        title: `The guest takes the interrupt ${hex(vector)}`,
        refusal: {
          rule: `INTERRUPT-${hex(vector)}`,
          expected: 'no interrupt of that vector',
          found: `the guest before its handler at ${hex(guestAt!)}; srr0 and srr1 tell where it came from`,
          source: 'Power ISA 3.0C III 6.5',
        },
      }
    if (end && end.how !== 'fault' && this.#filters.has('end'))
      return {
        filter: 'end',
        title: `The VM has ended: ${end.reason}`,
        refusal: {
          rule: 'END',
          expected: 'a VM that goes on',
          found: end.reason,
          source: 'the machine; from here the run can be gone back through',
        },
      }
    if (end?.how === 'fault' && this.#filters.has('fault'))
      return {
        filter: 'fault',
        title: `The guest cannot go on: ${end.reason}`,
        refusal: {
          rule: 'GUEST-FAULT',
          expected: 'a guest that can go on',
          found: end.reason,
          source: last?.source ?? 'Power ISA 3.0C III 7',
        },
      }
    return undefined
  }

  /** Is the filter chosen, and does one of the names fit a pattern of its condition? */
  #wants(filter: ExceptionFilter, names: readonly string[]): boolean {
    if (!this.#filters.has(filter)) return false
    const condition = this.#filters.get(filter)
    if (!condition) return true
    return condition.split(/[\s,]+/).some((pattern) => names.some((name) => namePattern(pattern).test(name)))
  }
}

/** Machine check, alignment, program: those that a kernel at work does not take by itself. */
const UNUSUAL_VECTORS = '0x200 0x600 0x700'

function vectors(condition: string): number[] {
  return condition.split(/[\s,]+/).map((text) => {
    const vector = Number(text)
    if (!/^0x[0-9a-f]{1,4}$/i.test(text) || (vector & 0x1f) !== 0 || vector < 0x100)
      throw new RequestError(
        `${JSON.stringify(text)} is no vector of an interrupt: expected one such as 0x300, or several.`,
      )
    return vector
  })
}

const patterns = (what: string) => ({
  supportsCondition: true,
  conditionDescription: `${what}, several apart by spaces; * stands for any letters`,
})

const descriptions: Readonly<Record<ExceptionFilter, Omit<DebugProtocol.ExceptionBreakpointsFilter, 'filter'>>> = {
  refusal: {
    label: 'Any refusal',
    description: 'Stops wherever a check of the hardware, the ultravisor, the hypervisor or the TPM says no.',
    default: false,
    ...patterns('Rules such as UV-ESM-*'),
  },
  esm: {
    label: 'ESM refused',
    description: 'Stops where UV_ESM ends without a secure VM.',
    default: true,
    ...patterns('Rules such as ESM0*'),
  },
  fault: {
    label: 'Guest fault',
    description: 'Stops where the guest cannot go on, before the session ends.',
    default: true,
  },
  'secure-memory': {
    label: 'Secure memory touched',
    description: 'Stops where the hypervisor or a device reads or writes secure memory and is refused.',
    default: false,
  },
  tpm: {
    label: 'TPM error',
    description: 'Stops where the TPM answers a command with an error.',
    default: false,
    ...patterns('Commands or response codes such as TPM2_NV_* or TPM_RC_AUTH_FAIL'),
  },
  interrupt: {
    label: 'Guest exception',
    description: 'Stops before the handler of an interrupt that the guest takes.',
    default: false,
    supportsCondition: true,
    conditionDescription: `Vectors such as 0x300 0x700; without any ${UNUSUAL_VECTORS}`,
  },
  end: {
    label: 'End of the VM',
    description: 'Stops where the VM has ended, before the session ends: the run can be gone back through from there.',
    default: false,
  },
}

export const exceptionBreakpointFilters: DebugProtocol.ExceptionBreakpointsFilter[] = EXCEPTION_FILTERS.map(
  (filter) => ({ filter, ...descriptions[filter] }),
)
