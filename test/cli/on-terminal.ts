import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pefPath } from './esm-tool.ts'

/** Runs programs on a pseudo terminal; undefined where there is none. */
export const python = ['python3', '/usr/bin/python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import pty, termios'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

/** What is waited for on the screen, and what is typed then; `SIGINT` is Ctrl-C where the program does not read the keys. */
export type Typed = readonly (readonly [prompt: string, text: string])[]

/** Runs the built pef on a terminal and types; tells the screen, the exit code, and whether the terminal is as it was. */
export function pefOnTerminal(
  args: readonly string[],
  typed: Typed,
  cwd: string,
): { screen: string; code: number; restored: boolean } {
  const given = JSON.stringify({ command: [process.execPath, pefPath, ...args], cwd, typed })
  const script = fileURLToPath(new URL('terminal.py', import.meta.url))
  const { stdout, stderr, status } = spawnSync(python!, [script], { input: given, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
