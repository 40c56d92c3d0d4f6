import { suggestion, UsageError } from '../../options.ts'

/** An option with svm-tool's letter and a name of its own: `-b BLOB`, `-bBLOB`, `-b=BLOB`, `--blob BLOB`, `--blob=BLOB` are one. */
export interface Option {
  readonly letter?: string
  readonly name: string
  /** What stands for the value in the help; absent for a switch, which may be given several times. */
  readonly value?: string
  readonly required?: boolean
  readonly help: string
}

export interface Arguments {
  /** The last value that was given. */
  value(name: string): string | undefined
  /** Of an option that is required. */
  needed(name: string): string
  /** Every value, in order. */
  values(name: string): readonly string[]
  /** How often a switch was given. */
  count(name: string): number
  /** What is no option. */
  readonly rest: readonly string[]
}

/**
 * Reads a command line as svm-tool does: switches of one letter may stand together (`-nv`), of a value that is given twice the
 * last one counts.
 * @throws UsageError naming what is wrong
 */
export function readArguments(args: readonly string[], options: readonly Option[]): Arguments {
  const given = new Map<string, string[]>()
  const rest: string[] = []
  const add = (name: string, value: string) => given.set(name, [...(given.get(name) ?? []), value])
  const waiting = [...args]
  const take = (option: Option, written: string): string => {
    const value = waiting.shift()
    if (value === undefined) throw new UsageError(`${written} needs a value: ${written} ${option.value}`)
    return value
  }
  while (waiting.length > 0) {
    const arg = waiting.shift()!
    if (arg === '--') rest.push(...waiting.splice(0))
    else if (arg.startsWith('--')) {
      const [, name, inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(arg) as unknown as [string, string, string | undefined]
      const option = options.find((o) => o.name === name)
      if (!option) throw unknownOption(`--${name}`, options)
      if (option.value === undefined && inline !== undefined) throw new UsageError(`--${name} takes no value`)
      add(name, option.value === undefined ? '' : (inline ?? take(option, `--${name}`)))
    } else if (arg.startsWith('-') && arg.length > 1) {
      for (let at = 1; at < arg.length; at++) {
        const option = options.find((o) => o.letter === arg[at])
        if (!option) throw unknownOption(`-${arg[at]}`, options)
        if (option.value === undefined) {
          add(option.name, '')
          continue
        }
        // Python's argparse takes the sign off only from an option that stands alone: -b=BLOB, and -nb=BLOB is "=BLOB".
        const inline = at === 1 && arg[2] === '=' ? arg.slice(3) : arg.slice(at + 1)
        add(option.name, at + 1 < arg.length ? inline : take(option, `-${arg[at]}`))
        break
      }
    } else rest.push(arg)
  }
  const missing = options.filter(({ name, required }) => required && !given.has(name))
  if (missing.length > 0 && !given.has('help'))
    throw new UsageError(`missing: ${missing.map((o) => `${shown(o)} ${o.value}`).join(', ')}`)
  const values = (name: string): readonly string[] => given.get(name) ?? []
  return {
    values,
    value: (name) => values(name).at(-1),
    needed: (name) => values(name).at(-1)!,
    count: (name) => values(name).length,
    rest,
  }
}

const shown = ({ letter, name }: Option): string => (letter === undefined ? `--${name}` : `-${letter}`)

function unknownOption(written: string, options: readonly Option[]): UsageError {
  const names = options.map((option) => (written.startsWith('--') ? option.name : shown(option)))
  const near = written.startsWith('--') ? suggestion(written.slice(2), names, '--') : ''
  return new UsageError(`unknown option ${written}${near || `, there are ${options.map(shown).join(' ')}`}`)
}

/** The options as a table for `--help`. */
export function describeOptions(options: readonly Option[]): string {
  const left = options.map((option) => {
    const letter = option.letter === undefined ? '    ' : `-${option.letter}, `
    return `  ${letter}--${option.name}${option.value === undefined ? '' : ` ${option.value}`}`
  })
  const width = Math.max(...left.map((text) => text.length))
  return options
    .map(({ help, required }, i) => `${left[i]!.padEnd(width)}  ${help}${required ? ' (required)' : ''}`)
    .join('\n')
}
