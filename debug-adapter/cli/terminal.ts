/** The terminal as the verbs see it. */
export interface Terminal {
  out(text: string): void
  error(text: string): void
  readonly isTerminal: boolean
  /** Ctrl-C was pressed. */
  readonly interrupted: boolean
}

/** The process's own terminal. A reader that goes away (`pef ... | head`) ends the program quietly. */
export function processTerminal(): Terminal {
  let interrupted = false
  process.on('SIGINT', () => {
    // A second Ctrl-C does not wait for a clean end.
    if (interrupted) process.exit(130)
    interrupted = true
  })
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    isTerminal: process.stdout.isTTY === true,
    get interrupted() {
      return interrupted
    },
  }
}
