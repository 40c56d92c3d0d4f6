/** A wrong command line: what was wrong, and what is right. Ends with exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

export interface OptionSpec {
  readonly name: string
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string
  readonly help: string
}

export interface Parsed {
  readonly values: ReadonlyMap<string, string>
  readonly switches: ReadonlySet<string>
  readonly rest: readonly string[]
}

/** Reads `--name value`, `--name=value` and `--switch`. @throws UsageError naming the option and the nearest right one */
export function parseOptions(args: readonly string[], specs: readonly OptionSpec[]): Parsed {
  const values = new Map<string, string>()
  const switches = new Set<string>()
  const rest: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('--') || arg === '--') {
      if (arg.startsWith('-') && arg.length > 1 && arg !== '--')
        throw new UsageError(`unknown option ${arg}: options begin with two dashes`)
      if (arg !== '--') rest.push(arg)
      continue
    }
    const [name, inline] = splitOnce(arg.slice(2))
    const spec = specs.find((s) => s.name === name)
    if (!spec)
      throw new UsageError(
        `unknown option --${name}${suggestion(
          name,
          specs.map((s) => s.name),
          '--',
        )}`,
      )
    if (spec.value === undefined) {
      if (inline !== undefined) throw new UsageError(`--${name} takes no value`)
      switches.add(name)
      continue
    }
    const value = inline ?? args[++i]
    if (value === undefined) throw new UsageError(`--${name} needs a value: --${name} ${spec.value}`)
    if (values.has(name)) throw new UsageError(`--${name} is given twice`)
    values.set(name, value)
  }
  return { values, switches, rest }
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** `; did you mean X?` for the nearest of the names, where one is near. */
export function suggestion(wrong: string, names: readonly string[], prefix = ''): string {
  const ranked = names
    .map((name) => ({ name, distance: editDistance(wrong, name) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best && best.distance <= Math.max(2, wrong.length / 3) ? `; did you mean ${prefix}${best.name}?` : ''
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** The options as a table for `--help`. */
export function optionHelp(specs: readonly OptionSpec[]): string {
  const left = specs.map(({ name, value }) => `--${name}${value === undefined ? '' : ` ${value}`}`)
  const width = Math.max(...left.map((text) => text.length))
  return specs.map(({ help }, i) => `  ${left[i]!.padEnd(width)}  ${help}`).join('\n')
}

/** A whole number from 0 on. @throws UsageError */
export function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text) || !Number.isSafeInteger(value))
    throw new UsageError(`--${name} takes a whole number from 0 on, not ${JSON.stringify(text)}`)
  return value
}
