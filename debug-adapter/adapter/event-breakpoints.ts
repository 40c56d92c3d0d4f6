/**
 * Breakpoints on what happens rather than on where the guest stands: they read the one log. A function breakpoint whose
 * name has one of these forms is one:
 *
 *     uv:UV_SHARE_PAGE r4==0x7f   an ultracall; `*` and `?` stand for any letters, behind a space a condition
 *     h:H_PUT_TERM_CHAR           a hypercall
 *     rtas:query-cpu*             an RTAS call
 *     tpm:TPM2_RSA_Decrypt        a TPM command; its fields are values of the condition
 *     page:0x410000               the page of a guest physical address (ra:0x...: real address) changes owner, state or place
 *     pcr:6                       a measurement of that PCR; `pcr:*` of any
 *     interrupt:0x300             an interrupt, before the first instruction of its handler
 *     svm                         the first instruction of the VM as a secure one
 */
import { PAGE_BYTES } from '../machine/memory/real-memory.ts'
import { RTAS_TOKENS } from '../machine/platform/rtas-tokens.ts'
import type { StepValues } from '../machine/steps.ts'
import { tpmCommandNames } from '../machine/tpm/constants.ts'
import type { TraceRecord } from '../machine/trace/records.ts'
import { RequestError } from './request.ts'

export interface EventBreakpoint {
  /** Is this the record that it waits for? */
  matches(record: TraceRecord): boolean
  /** Places of the guest that it waits for besides: what never leaves the guest is in no log. */
  readonly addresses: readonly bigint[]
  /** Does it wait for the first instruction of the secure VM? */
  readonly secureEntry: boolean
  /** What has to hold besides, over {@link recordValues}. */
  readonly condition?: string
}

export const EVENT_FORMS = 'uv:NAME, h:NAME, rtas:NAME, tpm:NAME, page:ADDRESS, pcr:NUMBER, interrupt:VECTOR and svm'

const FORM = /^(?:(uv|h|rtas|tpm|page|pcr|interrupt):(\S+)|(svm))(?:\s+(.+))?$/s

/**
 * @returns undefined where `name` has none of the forms
 * @throws RequestError where it has, but what follows the colon is wrong; or where it names none of `calls`, the names of
 *   all ultracalls and hypercalls
 */
export function parseEventBreakpoint(name: string, calls: ReadonlySet<string>): EventBreakpoint | undefined {
  const form = FORM.exec(name)
  if (!form) return undefined
  const [, kind = 'svm', what = '', , condition] = form
  return {
    matches: matcher(kind, what, calls),
    addresses: kind === 'interrupt' ? handlersOf(Number(what)) : [],
    secureEntry: kind === 'svm',
    ...(condition !== undefined && { condition: condition.replace(/^if\s+/, '') }),
  }
}

function matcher(kind: string, what: string, calls: ReadonlySet<string>): (record: TraceRecord) => boolean {
  switch (kind) {
    case 'uv':
    case 'h': {
      const wanted = namePattern(what)
      const prefix = kind === 'uv' ? 'UV_' : 'H_'
      if (![...calls].some((call) => wanted.test(call) && call.startsWith(prefix)))
        throw new RequestError(
          `No ${kind === 'uv' ? 'ultracall' : 'hypercall'} is called ${what}; their names begin with ${prefix}.`,
        )
      const type = kind === 'uv' ? 'ultracall' : 'hypercall'
      return (record) => record.type === type && record.phase === 'call' && wanted.test(record.name)
    }
    case 'rtas': {
      const wanted = namePattern(what)
      if (!Object.keys(RTAS_TOKENS).some((service) => wanted.test(service)))
        throw new RequestError(
          `rtas:${what}: no RTAS service is called that; there are ${Object.keys(RTAS_TOKENS).join(', ')}.`,
        )
      return (record) => record.type === 'rtas-call' && wanted.test(record.service)
    }
    case 'tpm': {
      const wanted = namePattern(what)
      if (!tpmCommandNames.some((command) => wanted.test(command)))
        throw new RequestError(`tpm:${what}: no TPM command is called that; their names are such as TPM2_PCR_Extend.`)
      return (record) => record.type === 'tpm' && wanted.test(record.command)
    }
    case 'page':
      return pageMatcher(what)
    case 'pcr': {
      const pcr = what === '*' ? undefined : Number(what)
      if (pcr !== undefined && !(Number.isInteger(pcr) && pcr >= 0 && pcr < 24))
        throw new RequestError(`pcr:${what}: expected a PCR from 0 to 23, or * for any.`)
      return (record) => record.type === 'measurement' && (pcr === undefined || record.pcr === pcr)
    }
    case 'interrupt': {
      const vector = Number(what)
      if (!/^0x[0-9a-f]{1,4}$/i.test(what) || (vector & 0x1f) !== 0)
        throw new RequestError(`interrupt:${what}: expected the vector of an interrupt such as interrupt:0x300.`)
      return (record) => record.type === 'interrupt' && record.into !== 'guest' && record.vector === vector
    }
    default:
      return () => false
  }
}

/** Where the guest's handler of a vector is entered: in real mode, and with AIL=3 (Power ISA 3.0C III 6.4). */
export function handlersOf(vector: number): bigint[] {
  return [BigInt(vector), 0xc000_0000_0000_4000n + BigInt(vector)]
}

/** A page by guest physical address, or with `ra:` by real address. */
function pageMatcher(what: string): (record: TraceRecord) => boolean {
  const address = /^(ra:)?(0x[0-9a-f]{1,16}|\d{1,20})$/i.exec(what)
  if (!address) throw new RequestError(`page:${what}: expected an address such as page:0x410000 or page:ra:0x4000000.`)
  const size = BigInt(PAGE_BYTES)
  const page = BigInt(address[2]!) / size
  const isPage = (other: bigint | undefined, pages = 1) =>
    other !== undefined && other / size <= page && page < other / size + BigInt(pages)
  if (address[1])
    return (record) =>
      (record.type === 'page-owner' && isPage(record.ra, record.pages)) ||
      (record.type === 'page-move' && (isPage(record.from) || isPage(record.to)))
  return (record) =>
    (record.type === 'page-owner' && isPage(record.gpa, record.pages)) ||
    ((record.type === 'page-move' || record.type === 'page-state') && isPage(record.gpa))
}

/**
 * The values that a record adds to a condition and to a log message: its own fields, the arguments of a call by name and
 * by register (R4 is the first), the arguments of an RTAS call as `arg0` and so on, the fields of a TPM command.
 */
export function recordValues(record: TraceRecord): StepValues {
  const values: Record<string, StepValues[string]> = {}
  for (const [name, value] of Object.entries(record))
    if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string') values[name] = value
  if (record.type === 'ultracall' || record.type === 'hypercall') {
    values.r3 = BigInt(record.number)
    for (const [i, [name, value]] of Object.entries(record.args).entries()) {
      values[name] = value
      values[`r${i + 4}`] = value
    }
  }
  if (record.type === 'rtas-call') for (const [i, value] of record.args.entries()) values[`arg${i}`] = BigInt(value)
  if (record.type === 'tpm')
    for (const { name, hex, size } of record.requestFields)
      if (size > 0 && size <= 8) values[name.replace(/\W+/g, '_')] = BigInt(`0x${hex}`)
  return values
}

/** `*` any letters, `?` one: a pattern over a whole name. */
export function namePattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/\*+/g, '.*').replaceAll('?', '.')}$`)
}
