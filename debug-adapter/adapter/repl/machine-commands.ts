/** What the parts of the machine know of themselves: ultravisor, TPM, log, and the hypervisor that one chooses. */
import { hexBytes } from '../../../server/esm/reader.ts'
import { scenarios, switchable } from '../../machine/hypervisor/scenarios/index.ts'
import type { TraceRecord } from '../../machine/trace/records.ts'
import { svmText } from '../../svm-text.ts'
import { hex } from '../format.ts'
import { RequestError } from '../request.ts'
import type { Target } from '../target.ts'
import type { Command } from './command.ts'

const PCRS = 24
const MAX_RECORDS = 1000
/** Of one field of a record. */
const MAX_TEXT = 100

export const machineCommands: readonly Command[] = [
  {
    usage: 'uv',
    about: 'what the ultravisor has: secure memory, and the pages of each secure VM',
    form: /^uv$/,
    run: ({ machine }) => ultravisorText(machine),
  },
  {
    usage: 'tpm',
    about: 'the TPM: registers that are not zero, objects, the last exchange',
    form: /^tpm$/,
    run: ({ machine }) => tpmText(machine),
  },
  {
    usage: 'trace [N] [TEXT]',
    about: 'the last N records of the log (20) that contain the text: a type (ultracall, page-state), a name, a rule',
    form: /^trace(?:\s+(\d+))?(?:\s+(\S.*))?$/,
    run: (target, [, count, text]) => traceText(target, Number(count ?? 20), text),
  },
  {
    usage: 'scenario [NAME|off]',
    about: 'hostile hypervisors: all of them, or from here on this one (off: KVM as it is)',
    form: /^scenario(?:\s+(\S+))?$/,
    run: (target, [, name], session) => {
      if (name === undefined) return scenarioList(target)
      const scenario = scenarios.get(name)
      if (!scenario && name !== 'off')
        throw new RequestError(`There is no scenario ${name}: expected off, ${[...scenarios.keys()].join(', ')}.`)
      try {
        target.change({ kind: 'scenario', ...(scenario && { name }) })
      } catch (error) {
        if (error instanceof RangeError) throw new RequestError(`${error.message}.`)
        throw error
      }
      session.invalidate(['all'])
      if (!scenario) return 'from here on the hypervisor is KVM as it is'
      return `from here on the hypervisor ${scenario.tries}; what stops it: ${scenario.stoppedBy} (\`trace scenario\` and \`trace refusal\` show both)`
    },
  },
]

function ultravisorText({ secureMemory }: Target['machine']): string {
  const { bytes, freeBytes, svms } = secureMemory
  const kib = (count: number): string => `${count / 1024} KiB`
  return [
    `secure memory: ${kib(bytes)}, ${kib(freeBytes)} free`,
    ...(svms.length === 0 ? ['no secure VM'] : []),
    ...svms.map((svm) => {
      const { pages, past } = svmText(svm)
      return `SVM ${svm.lpid}: ${svm.frames} pages of 64 KiB (${pages}); ${past}`
    }),
  ].join('\n')
}

function tpmText({ tpm, trace }: Target['machine']): string {
  const registers = Array.from({ length: PCRS }, (_, index) => ({ index, value: tpm.pcr('sha256', index) }))
  const last = trace.of('tpm').at(-1)
  return [
    ...registers
      .filter(({ value }) => value.some((byte) => byte !== 0 && byte !== 0xff))
      .map(({ index, value }) => `PCR ${String(index).padEnd(2)} sha256 ${hexBytes(value)}`),
    ...tpm.handles().map(({ handle, what }) => `0x${handle.toString(16).padStart(8, '0')} ${what}`),
    last ? `last exchange: ${last.command} by ${last.carrier}: ${last.responseName}` : 'no exchange yet',
  ].join('\n')
}

function scenarioList({ machine }: Target): string {
  const last = machine.trace.of('scenario').at(-1)?.name
  const width = Math.max(...[...scenarios.keys()].map((name) => name.length))
  return [...scenarios.values()]
    .map((scenario) => {
      const how = scenario.name === last ? ' (the last one)' : switchable(scenario) ? '' : ' (from the start only)'
      return `${scenario.name.padEnd(width)}  ${scenario.tries}; stopped by ${scenario.stoppedBy}${how}`
    })
    .join('\n')
}

function traceText({ machine }: Target, count: number, text: string | undefined): string {
  if (count < 1 || count > MAX_RECORDS) throw new RequestError(`${count} records: expected 1 to ${MAX_RECORDS}.`)
  const { trace } = machine
  const rows: string[] = []
  for (let at = trace.happened - 1; at >= trace.first && rows.length < count; at--) {
    const row = recordText(trace.record(at)!)
    if (text === undefined || row.includes(text)) rows.push(row)
  }
  if (rows.length < count && trace.first > 0) rows.push(`records before #${trace.first} are not kept`)
  if (rows.length === 0) return text === undefined ? 'the log is empty' : `no record contains ${text}`
  return rows.reverse().join('\n')
}

/** `#12 at 3400 ultracall: phase=call name=UV_ESM ...` */
function recordText({ seq, at, type, ...fields }: TraceRecord): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`)
  return `#${seq} at ${at} ${type}: ${parts.join(' ')}`
}

function fieldText(value: unknown): string {
  const text =
    typeof value === 'bigint'
      ? hex(value)
      : typeof value === 'string'
        ? value
        : JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? hex(part) : part))
  const line = text.replaceAll('\n', '\\n')
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}...` : line
}
