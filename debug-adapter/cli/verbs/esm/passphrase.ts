import { Interrupted, ToolError } from './verb.ts'

const CTRL_C = 0x03
const CTRL_D = 0x04
const BACKSPACE = 0x08
const LINE_FEED = 0x0a
const RETURN = 0x0d
const CTRL_U = 0x15
const DELETE = 0x7f

/**
 * Asks for a passphrase. On a terminal the prompt goes to standard error and nothing is echoed; else a line of standard input is
 * the answer, as for svm-tool without a terminal. An empty line is the empty passphrase.
 * @throws Interrupted at Ctrl-C; the terminal is as it was before
 * @throws ToolError where there is neither a terminal nor a line of standard input
 */
export async function askPassphrase(prompt: string): Promise<string> {
  const input = process.stdin
  const isTerminal = input.isTTY === true
  process.stderr.write(prompt)
  if (isTerminal) input.setRawMode(true)
  try {
    return await readLine(isTerminal)
  } finally {
    if (isTerminal) input.setRawMode(false)
    input.pause()
    process.stderr.write('\n')
  }
}

/** What came behind a line: the answer to the next question. */
let ahead = Buffer.alloc(0)

function readLine(isTerminal: boolean): Promise<string> {
  const input = process.stdin
  const line: number[] = []
  return new Promise((resolve, reject) => {
    const done = (act: () => void) => {
      input.off('data', take)
      input.off('end', end)
      input.off('error', fail)
      act()
    }
    const answer = () => done(() => resolve(Buffer.from(line).toString('utf8')))
    const end = () => {
      if (isTerminal || line.length > 0) return answer()
      done(() => reject(new ToolError('no passphrase: run it on a terminal, or give a line with it on standard input')))
    }
    const fail = (error: Error) => done(() => reject(error))
    const take = (chunk: Buffer) => {
      for (const [at, byte] of chunk.entries()) {
        if (byte === LINE_FEED || (isTerminal && (byte === RETURN || byte === CTRL_D))) {
          ahead = Buffer.from(chunk.subarray(at + 1))
          return answer()
        }
        if (isTerminal && byte === CTRL_C) return done(() => reject(new Interrupted()))
        if (isTerminal && (byte === BACKSPACE || byte === DELETE)) dropCharacter(line)
        else if (isTerminal && byte === CTRL_U) line.length = 0
        else if (byte !== RETURN) line.push(byte)
      }
    }
    input.on('data', take)
    input.on('end', end)
    input.on('error', fail)
    const before = ahead
    ahead = Buffer.alloc(0)
    if (before.length > 0) take(before)
    if (input.readableEnded) end()
    else input.resume()
  })
}

/** Takes off the last character, of one byte or several (UTF-8). */
function dropCharacter(line: number[]): void {
  while (line.length > 0 && (line.pop()! & 0xc0) === 0x80);
}
