import { main } from './main.ts'
import { processTerminal } from './terminal.ts'

/** A defect of this program: neither the user's command nor their image. */
const INTERNAL_ERROR = 1

void main(process.argv.slice(2), processTerminal()).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`pef: a defect in pef itself, please report it:\n${(error as Error).stack ?? String(error)}\n`)
    process.exitCode = INTERNAL_ERROR
  },
)
