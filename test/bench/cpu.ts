/**
 * `npm run bench:cpu -- [--interpreter] [--programs sieve,list] [--runs 5] [--cpu-time]`: a fixed set of programs here with the MMU on,
 * in QEMU's user mode and in its pseries machine.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Cpu, PROCESSOR_BYTES } from '../../debug-adapter/machine/cpu/cpu.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { RealMemory } from '../../debug-adapter/machine/memory/real-memory.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'
import { type BenchMachine, benchMachine, runProgram } from './guest.ts'
import { compile, hasCompiler, PROGRAMS } from './programs/build.mjs'

const QEMU_USER = process.env['QEMU_PPC64LE'] ?? 'qemu-ppc64le'
const QEMU_SYSTEM = process.env['QEMU_SYSTEM_PPC64'] ?? 'qemu-system-ppc64'
/** Ticks of the timebase in a second, in QEMU's pseries. */
const TICKS = 512_000_000
const SYSTEM_TIMEOUT = 300_000

const { values } = parseArgs({
  options: {
    interpreter: { type: 'boolean', default: false },
    programs: { type: 'string', default: Object.keys(PROGRAMS).join() },
    runs: { type: 'string', default: '5' },
    'cpu-time': { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
const cpuTime = values['cpu-time']
const jit = !values.interpreter
const names = values.programs.split(',')
for (const name of names)
  if (!(name in PROGRAMS)) throw new RangeError(`--programs ${name}: expected some of ${Object.keys(PROGRAMS).join()}`)

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1]!
const isThere = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

/** Seconds: of wall clock, or of this thread's processor time (Linux), which a busy machine does not change as much. */
function now(): number {
  if (!cpuTime) return performance.now() / 1000
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e9
}

interface Timed {
  readonly output: string
  readonly seconds: number
}

function timeHere(
  elf: Uint8Array,
  prepare: (machine: BenchMachine) => void = () => {},
): Timed & { instructions: number } {
  const machine = benchMachine(elf, { jit })
  prepare(machine)
  const start = now()
  const outcome = runProgram(machine)
  return { ...outcome, seconds: now() - start }
}

function timeUser(file: string): Timed {
  const start = performance.now()
  // The shell's `times` tells its children's processor time in the last line.
  const { status, stdout } = spawnSync('bash', ['-c', '"$0" -cpu power9 "$1"; echo; times', QEMU_USER, file], {
    encoding: 'latin1',
  })
  const wall = (performance.now() - start) / 1000
  const found = /^([0-9a-f]{16})\n.*\n(\d+)m([\d.]+)s (\d+)m([\d.]+)s\n$/.exec(stdout)
  if (status !== 0 || !found) throw new Error(`${QEMU_USER} ${file}: exit ${status}, ${stdout}`)
  const [, output, minutes, seconds, systemMinutes, systemSeconds] = found
  const processor = 60 * (Number(minutes) + Number(systemMinutes)) + Number(seconds) + Number(systemSeconds)
  return { output: output!, seconds: cpuTime ? processor : wall }
}

/** Seconds of processor time of another process (proc(5): fields 14 and 15 of stat, in hundredths). */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The program tells the time that it took by its own timebase, so that the firmware's does not count. */
function timeSystem(file: string): Promise<Timed> {
  const machine = ['-M', 'pseries,kernel-addr=0', '-cpu', 'power9', '-m', '512', '-nographic', '-nodefaults']
  const child = spawn(QEMU_SYSTEM, [...machine, '-serial', 'stdio', '-kernel', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return new Promise((resolve, reject) => {
    let text = ''
    let before: number | undefined
    const timer = setTimeout(() => {
      child.kill()
      reject(new Error(`${QEMU_SYSTEM} ${file}: nothing for ${SYSTEM_TIMEOUT / 1000} s, last\n${text.slice(-500)}`))
    }, SYSTEM_TIMEOUT)
    child.on('error', reject)
    child.stdout.setEncoding('latin1').on('data', (data: string) => {
      text += data
      if (cpuTime && text.includes('Booting from memory')) before ??= processorTime(child.pid!)
      const found = /SUM ([0-9a-f]{16}) TICKS ([0-9a-f]{16})/.exec(text)
      if (!found) return
      clearTimeout(timer)
      const wall = Number.parseInt(found[2]!, 16) / TICKS
      const seconds = before === undefined ? wall : processorTime(child.pid!) - before
      child.kill()
      resolve({ output: found[1]!, seconds })
    })
  })
}

const folder = mkdtempSync(join(tmpdir(), 'bench-cpu-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const compiler = hasCompiler()
const [user, system] = [isThere(QEMU_USER), isThere(QEMU_SYSTEM)]
const hint = (what: string, how: string): void => console.log(`left out: ${what}: ${how}`)
if (!user) hint('QEMU user mode', 'apt-get install qemu-user')
if (!system) hint('QEMU pseries', 'apt-get install qemu-system-ppc')
if (!compiler) hint('wide, and all of QEMU pseries', 'apt-get install gcc-powerpc64le-linux-gnu')

const fileOf = (name: string): string | undefined => {
  const ready = fileURLToPath(new URL(`./programs/${name}.elf`, import.meta.url))
  if (existsSync(ready)) return ready
  return compiler ? compile(name, folder, false) : undefined
}

const format = (value: number | undefined, digits = 2): string =>
  (value === undefined ? '-' : value.toFixed(digits)).padStart(9)
console.log(
  `${jit ? 'compiler' : 'interpreter'}, median of ${runs}, ${cpuTime ? 'processor time of the thread' : 'wall clock'}`,
)
console.log('program     M instr     MIPS     here s    user s  system s  /user    /system')

const empty = fileOf('empty')
const userStart = user && empty ? median(Array.from({ length: 5 }, () => timeUser(empty).seconds)) : 0
const ratios: { user: number[]; system: number[] } = { user: [], system: [] }
for (const name of names) {
  const file = fileOf(name)
  if (!file) continue
  const elf = readFileSync(file)
  const here: number[] = []
  const there: number[] = []
  const inside: number[] = []
  const outputs = new Set<string>()
  let instructions = 0
  for (let i = 0; i < runs; i++) {
    const own = timeHere(elf)
    instructions = own.instructions
    here.push(own.seconds)
    outputs.add(own.output)
    if (user) {
      const { output, seconds } = timeUser(file)
      there.push(seconds - userStart)
      outputs.add(output)
    }
    if (system && compiler) {
      const { output, seconds } = await timeSystem(compile(name, folder, true))
      inside.push(seconds)
      outputs.add(output)
    }
  }
  if (outputs.size !== 1) throw new Error(`${name}: not one result but ${[...outputs].join(', ')}`)
  const own = median(here)
  const toUser = there.length > 0 ? median(there) / own : undefined
  const toSystem = inside.length > 0 ? median(inside) / own : undefined
  if (toUser) ratios.user.push(toUser)
  if (toSystem) ratios.system.push(toSystem)
  console.log(
    `${name.padEnd(9)}${format(instructions / 1e6, 1)}${format(instructions / 1e6 / own, 0)}  ${format(own)} ${format(there.length ? median(there) : undefined)} ${format(inside.length ? median(inside) : undefined)}${format(toUser)}${format(toSystem)}`,
  )
}

/** How long a program takes with a breakpoint at an address that it does not come to, by how long without. */
function breakpointElsewhere(): number {
  const elf = readFileSync(fileOf('list')!)
  const pairs = Array.from({ length: runs }, () => {
    const without = timeHere(elf).seconds
    return timeHere(elf, ({ cpu }) => cpu.breakpoints.add(0x500_0000n)).seconds / without
  })
  return median(pairs)
}

function singleSteps(): number {
  const { cpu } = benchMachine(readFileSync(fileOf('sieve')!), { jit })
  const rates = Array.from({ length: 5 }, () => {
    const start = now()
    for (let i = 0; i < 500_000; i++) cpu.run(1)
    return 0.5 / (now() - start)
  })
  return median(rates)
}

/** Milliseconds of a snapshot of a machine with 512 MiB, and of going back after 1000 pages were written. */
function snapshots(): { take: number; restore: number } {
  const clock = new Clock()
  const trace = new Trace(clock)
  const memory = new RealMemory(PROCESSOR_BYTES, 512 << 20, 0, trace)
  const cpu = new Cpu(memory, clock, trace)
  const view = memory.as(Actor.Debugger)
  const times = Array.from({ length: 20 }, () => {
    const start = performance.now()
    const snapshot = cpu.snapshot()
    const taken = performance.now()
    for (let page = 0; page < 1000; page++) view.setU64(BigInt(page << 12), 1n)
    const written = performance.now()
    cpu.restore(snapshot)
    const restored = performance.now()
    cpu.release(snapshot)
    return { take: taken - start, restore: restored - written }
  })
  return { take: median(times.map(({ take }) => take)), restore: median(times.map(({ restore }) => restore)) }
}

const { take, restore } = snapshots()
console.log(`snapshot of 512 MiB: ${take.toFixed(2)} ms; back over 1000 changed pages: ${restore.toFixed(2)} ms`)
console.log(`breakpoint elsewhere: takes ${((breakpointElsewhere() - 1) * 100).toFixed(1)} % longer`)
console.log(`single steps: ${singleSteps().toFixed(2)} million a second`)
const geomean = (list: readonly number[]): string =>
  list.length > 0 ? Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length).toFixed(2) : '-'
const least = ratios.user.length > 0 ? Math.min(...ratios.user).toFixed(2) : '-'
console.log(`geomean system ${geomean(ratios.system)} user ${geomean(ratios.user)} min ${least}`)
