/** The terminal as the verbs see it. */
export interface Terminal {
  out(text: string): void
  error(text: string): void
  readonly isTerminal: boolean
  /** Ctrl-C was pressed. */
  readonly interrupted: boolean
  /** Standard input is a keyboard, no file or pipe. */
  readonly inputIsTerminal: boolean
  /**
   * Hands on what is typed, a keyboard key by key: Ctrl-C is a key too then.
   * @returns what ends it and gives the terminal back as it was
   */
  listen(typed: (bytes: Uint8Array) => void): () => void
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
    inputIsTerminal: process.stdin.isTTY === true,
    listen,
  }
}

function listen(typed: (bytes: Uint8Array) => void): () => void {
  const { stdin } = process
  const restore = () => void (stdin.isTTY && stdin.setRawMode(false))
  if (stdin.isTTY) stdin.setRawMode(true)
  // Whatever ends the process must not leave the shell with a raw terminal.
  process.on('exit', restore)
  stdin.on('data', typed)
  stdin.resume()
  return () => {
    process.off('exit', restore)
    stdin.off('data', typed)
    stdin.pause()
    stdin.unref?.()
    restore()
  }
}
