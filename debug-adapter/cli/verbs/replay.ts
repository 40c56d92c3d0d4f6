import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { nodeCrypto } from '../../../server/esm/crypto/node.ts'
import { AttributeError, loadMachineConfig } from '../../files.ts'
import { Machine } from '../../machine/machine.ts'
import { inflate } from '../../node-inflate.ts'
import { changesOf, parseRunFile, replayConfig, stateDigest } from '../../timeline/run-file.ts'
import { Timeline } from '../../timeline/timeline.ts'
import { type OptionSpec, optionHelp, parseOptions, UsageError } from '../options.ts'
import { EXIT } from '../outcome.ts'
import type { Terminal } from '../terminal.ts'
import { plainStyle, Walk } from '../walk.ts'

const OPTIONS: readonly OptionSpec[] = [
  { name: 'quiet', help: 'print only whether the run is the one that was saved' },
  { name: 'no-jit', help: 'interpret every instruction; the run is the same, only slower' },
  { name: 'help', help: 'this text' },
]

export const replayHelp = `Usage: pef replay RUN.pefrun [OPTIONS]

Makes a saved run again (pef run --save-run, or "PEF: Save Run" in the editor) and says whether it is the same to the last bit. The
files of its image are looked for where the run file names them, relative to itself, and have to be what they were.

Options:
${optionHelp(OPTIONS)}

Exit codes: 0 the run is the same, 1 it is not, 2 wrong usage or another image, 130 interrupted.`

/** Instructions between two looks at Ctrl-C. */
const SLICE = 1_000_000

export async function replay(args: readonly string[], terminal: Terminal): Promise<number> {
  const { switches, rest } = parseOptions(args, OPTIONS)
  if (switches.has('help')) {
    terminal.out(`${replayHelp}\n`)
    return EXIT.ok
  }
  const [path] = rest
  if (path === undefined || rest.length > 1) throw new UsageError('give one RUN.pefrun (pef replay --help)')
  const { run, machine, timeline } = await open(path, !switches.has('no-jit'))
  if (!switches.has('quiet')) {
    const walk = new Walk(plainStyle)
    machine.trace.subscribe((record) => {
      for (const line of walk.add(record)) terminal.out(`${line}\n`)
    })
  }
  const { end } = run
  while (timeline.position < end.position && !machine.end) {
    timeline.advance(Math.min(SLICE, end.position - timeline.position))
    await new Promise((done) => setImmediate(done))
    if (!terminal.interrupted) continue
    terminal.error(`interrupted after ${machine.clock.instructions} of ${end.instructions} instructions\n`)
    return EXIT.interrupted
  }
  const same = timeline.position === end.position && stateDigest(machine) === run.state
  terminal.out(
    same
      ? `the same to the last bit: ${end.instructions} guest instructions\n`
      : `not the run that was saved, after ${machine.clock.instructions} of ${end.instructions} guest instructions\n`,
  )
  return same ? EXIT.ok : 1
}

async function open(path: string, jit: boolean) {
  try {
    const text = await readFile(path, 'utf8').catch((error: Error) => {
      throw new UsageError(`${path} cannot be read: ${error.message}`)
    })
    const run = parseRunFile(text, path)
    const io = { readFile, cwd: dirname(resolve(path)), crypto: nodeCrypto, inflate }
    const config = replayConfig(run, await loadMachineConfig(run.attributes, io))
    const machine = new Machine({ ...config, jit })
    const timeline = new Timeline(machine, { checkpoints: false })
    timeline.script(changesOf(run))
    return { run, machine, timeline }
  } catch (error) {
    if (error instanceof AttributeError || error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}
