import { UsageError } from '../../options.ts'
import { EXIT } from '../../outcome.ts'
import type { Terminal } from '../../terminal.ts'
import { type Arguments, describeOptions, type Option, readArguments } from './arguments.ts'

/** What goes wrong with files, keys and operands: one line on standard error and exit code 1, as svm-tool has it. */
export class ToolError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ToolError'
  }
}

/** Ctrl-C while something was asked or read. */
export class Interrupted extends Error {}

export interface Verb {
  /** Behind the verb's name. */
  readonly usage: string
  /** For the list of verbs. */
  readonly summary: string
  /** For its own help: what it does, in a few lines. */
  readonly description: string
  readonly options: readonly Option[]
  /** Whether it takes words that are no options: the files it is about. */
  readonly files?: true
  /** Whole command lines. */
  readonly example: string
  /** @returns the exit code */
  run(args: Arguments, terminal: Terminal): Promise<number>
}

export const HELP: Option = { letter: 'h', name: 'help', help: 'this text' }

export function verbHelp(command: string, verb: Verb): string {
  const { usage, description, options, example } = verb
  return `Usage: pef ${command} ${usage}

${description}

Options:
${describeOptions([...options, HELP])}

Example:
  ${example}`
}

/**
 * Runs a verb. What it throws as ToolError is told as `esm: ...`.
 * @param program `esm`, `svm` or `esm-digest`: what error messages begin with
 * @returns the exit code
 */
export async function runVerb(
  program: string,
  name: string,
  verb: Verb,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const parsed = readArguments(args, [...verb.options, HELP])
  if (parsed.count('help') > 0) {
    terminal.out(`${verbHelp(`${program} ${name}`, verb)}\n`)
    return EXIT.ok
  }
  if (!verb.files && parsed.rest.length > 0)
    throw new UsageError(`unexpected: ${parsed.rest.join(' ')} (pef ${program} ${name} --help)`)
  try {
    return await verb.run(parsed, terminal)
  } catch (error) {
    if (error instanceof Interrupted) return EXIT.interrupted
    if (!(error instanceof ToolError)) throw error
    terminal.error(`${program}: ${error.message}\n`)
    return 1
  }
}
