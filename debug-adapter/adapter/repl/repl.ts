/** Commands of the Debug Console, for those who know them from gdb. What is none of them is an expression. */
import { evaluate } from '../expressions.ts'
import { hex } from '../format.ts'
import { isLittleEndian } from '../guest-memory.ts'
import { offsetReference, parseReference, readMemory } from '../references.ts'
import { readRegister } from '../registers.ts'
import { RequestError } from '../request.ts'
import type { PefSession } from '../session.ts'
import type { Target } from '../target.ts'
import type { Command } from './command.ts'
import { machineCommands } from './machine-commands.ts'

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 }
const MAX_UNITS = 4096

const commands: readonly Command[] = [
  { usage: 'help', about: 'this list', form: /^help$/, run: () => help() },
  {
    usage: 'x/8gx ADDRESS',
    about:
      'memory: how many, b h w g for 1, 2, 4, 8 bytes; the address is an expression, or gpa:0x.., ra:0x.., hv:0x..',
    form: /^x(?:\/(\d{0,4})([bhwg]?)x?)?\s+(.+)$/,
    run: (target, [, count, size, where]) => examine(target, where!, Number(count || 1), SIZES[size || 'g']!),
  },
  {
    usage: 'hv read ADDRESS [BYTES]',
    about: 'memory at a real address with the rights of the hypervisor',
    form: /^hv\s+read\s+(\S+)(?:\s+(\d+))?$/,
    run: (target, [, where, bytes]) => examine(target, `hv:${where}`, Number(bytes ?? 16), 1),
  },
  {
    usage: 'info registers',
    about: 'the registers of the guest',
    form: /^(?:info\s+registers|i\s+r)$/,
    run: (target) =>
      [...Array.from({ length: 32 }, (_, i) => `r${i}`), 'nia', 'msr', 'lr', 'ctr', 'xer', 'cr']
        .map((name) => `${name.padEnd(4)} ${readRegister(target, name)?.text ?? '-'}`)
        .join('\n'),
  },
  {
    usage: 'timeline',
    about: 'where the machine stands in the run that is known',
    form: /^timeline$/,
    run: ({ timeline, machine }) =>
      timeline
        ? `instruction ${machine.clock.instructions} of ${timeline.endInstructions}; known from instruction ${timeline.instructionsAt(timeline.first)} on; ${timeline.checkpoints.length} checkpoints`
        : 'the past of this run is not kept: "timeTravel" is false in its launch configuration',
  },
  {
    usage: 'fork',
    about: 'gives up the known future: from here the run is made anew',
    form: /^fork$/,
    run: (_target, _match, session) => {
      session.fork()
      return 'from here the run is made anew'
    },
  },
  {
    usage: 'page ADDRESS',
    about: 'what is known of the page of a guest physical address',
    form: /^page\s+(.+)$/,
    run: (target, [, where]) => pageText(target, evaluate(where!, target).value),
  },
  ...machineCommands,
]

/** @returns what the command says, or undefined where the text is none. @throws RequestError */
export function runCommand(text: string, session: PefSession): string | undefined {
  for (const command of commands) {
    const match = command.form.exec(text.trim())
    if (match) return command.run(session.standing, match, session)
  }
  return undefined
}

function help(): string {
  const width = Math.max(...commands.map(({ usage }) => usage.length))
  return [
    ...commands.map(({ usage, about }) => `${usage.padEnd(width)}  ${about}`),
    'anything else is an expression',
  ].join('\n')
}

/** Rows of 16 bytes in the guest's byte order, up to the first byte that cannot be read. */
function examine(target: Target, where: string, count: number, size: number): string {
  if (count < 1 || count > MAX_UNITS) throw new RequestError(`${count} units: expected 1 to ${MAX_UNITS}.`)
  const spaced = /^(gpa|ra|hv):/i.test(where)
  const start = spaced ? parseReference(where) : parseReference(hex(evaluate(where, target).value))
  const { bytes, refusal } = readMemory(target, start, count * size)
  const rows: string[] = []
  for (let at = 0; at + size <= bytes.length; at += 16) {
    const units: string[] = []
    for (let unit = at; unit < at + 16 && unit + size <= bytes.length; unit += size) {
      const ordered = [...bytes.subarray(unit, unit + size)]
      if (isLittleEndian(target)) ordered.reverse()
      units.push(ordered.map((byte) => byte.toString(16).padStart(2, '0')).join(''))
    }
    rows.push(`${hex(offsetReference(start, BigInt(at)).address)}: ${units.join(' ')}`)
  }
  if (refusal) rows.push(`${refusal.rule}: expected ${refusal.expected}; found ${refusal.found}`)
  return rows.join('\n')
}

function pageText(target: Target, gpa: bigint): string {
  const ra = target.pageBehind(gpa)
  const use = ra === undefined ? undefined : target.machine.memory.ownerOf(ra)
  return [
    `gpa ${hex(gpa)}`,
    `ra ${ra === undefined ? 'none' : hex(ra)}`,
    `owner ${use ? `${use.owner}: ${use.use}` : 'none'}`,
    `state ${target.machine.pageState(gpa) ?? 'not tracked by the ultravisor'}`,
  ].join('\n')
}
