import { suggestion, UsageError } from '../../options.ts'
import { EXIT } from '../../outcome.ts'
import type { Terminal } from '../../terminal.ts'
import { runVerb, type Verb } from './verb.ts'

/** Verbs under one name: `pef esm make`, `pef esm create`, ... */
export interface Family {
  readonly help: string
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

export function family(program: string, purpose: string, verbs: Readonly<Record<string, Verb>>): Family {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length))
  const list = Object.entries(verbs).map(([name, { summary }]) => `  pef ${program} ${name.padEnd(width)}  ${summary}`)
  const first = Object.values(verbs)[0]!
  const help = `pef ${program}: ${purpose}.

Usage: pef ${program} VERB [OPTIONS]

${list.join('\n')}

pef ${program} VERB --help tells more, e.g. about
  ${first.example}`
  return {
    help,
    async run([name, ...args], terminal) {
      if (name === undefined || name === '--help' || name === '-h') {
        terminal.out(`${help}\n`)
        return name === undefined ? EXIT.usage : EXIT.ok
      }
      if (!Object.hasOwn(verbs, name))
        throw new UsageError(
          `unknown verb ${program} ${name}${suggestion(name, Object.keys(verbs))} (pef ${program} --help)`,
        )
      return runVerb(program, name, verbs[name]!, args, terminal)
    },
  }
}
