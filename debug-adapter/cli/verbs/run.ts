import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { nodeCrypto } from '../../../server/esm/crypto/node.ts'
import type { Finding } from '../../../server/esm/findings.ts'
import { ruleOf } from '../../../server/esm/rules.ts'
import { mapPaths } from '../../attribute-paths.ts'
import { AttributeError, loadMachineConfig } from '../../files.ts'
import { inspectMachineImage } from '../../image-check.ts'
import type { Advance, SecureMemoryStatistics } from '../../machine/api.ts'
import { TICKS_PER_MILLISECOND } from '../../machine/clock/clock.ts'
import { scenarios } from '../../machine/hypervisor/scenarios/index.ts'
import { Machine } from '../../machine/machine.ts'
import { WRAPPING_KEY_HANDLE } from '../../machine/tpm/tpm.ts'
import { recordJson } from '../../machine/trace/trace.ts'
import { quirkNames, quirkText } from '../../machine/ultravisor/quirks.ts'
import { inflate } from '../../node-inflate.ts'
import { svmText } from '../../svm-text.ts'
import { runFile } from '../../timeline/run-file.ts'
import { Timeline } from '../../timeline/timeline.ts'
import { GuestConsole } from '../guest-console.ts'
import { type OptionSpec, optionHelp, parseOptions, suggestion, UsageError, wholeNumber } from '../options.ts'
import { EXIT, exitCode, type Outcome, outcomeOf } from '../outcome.ts'
import { fromQemuOptions } from '../qemu-options.ts'
import type { Terminal } from '../terminal.ts'
import { colourStyle, plainStyle, Walk } from '../walk.ts'
import { printable, toDiagnostic } from './esm/report.ts'

const OPTIONS: readonly OptionSpec[] = [
  {
    name: 'kernel',
    value: 'FILE',
    help: 'the guest kernel: vmlinux for ppc64le or ppc64, also compressed with gzip, or a zImage',
  },
  {
    name: 'initrd',
    value: 'FILE',
    help: 'the initrd, with an operand in front or plain',
  },
  {
    name: 'append',
    value: 'ARGS',
    help: 'the kernel command line, exactly as it was hashed',
  },
  { name: 'operand', value: 'FILE', help: 'an operand (or svm_blob.yml) that is put in front of the initrd in memory' },
  {
    name: 'memory',
    value: 'SIZE',
    help: "size of the VM's memory, e.g. 256M",
  },
  {
    name: 'console',
    help: "join the VM's console to this terminal: Ctrl-A X ends, Ctrl-A C is the monitor, Ctrl-A H helps",
  },
  {
    name: 'drive',
    value: 'FILE',
    help: "a disk image, raw or qcow2, as the VM's /dev/vda; what is written to it stays in memory",
  },
  { name: 'secure-memory', value: 'SIZE', help: 'size of the secure memory of the machine' },
  { name: 'seed', value: 'N', help: 'starts the random numbers: the same seed gives the same run (default 1)' },
  {
    name: 'tpm-key',
    value: 'KEY.pem',
    help: 'the emulated TPM holds this RSA-2048 key as its wrapping key 0x81800001',
  },
  { name: 'esm', value: 'guest|stub', help: 'who calls UV_ESM: the guest itself, or a boot stub before the kernel' },
  {
    name: 'scenario',
    value: 'NAME',
    help: 'a hostile hypervisor in place of KVM; --scenario list lists what there is',
  },
  {
    name: 'quirks',
    value: 'LIST',
    help: 'what the released firmware does otherwise: sane (default), faithful, Q11,Q29,...; --quirks list lists them',
  },
  { name: 'until', value: 'esm', help: 'end the run when UV_ESM is decided' },
  { name: 'max-instructions', value: 'N', help: 'end the run after N guest instructions (default 10000000000)' },
  { name: 'trace', value: 'FILE.jsonl', help: 'write the log of the machine, one JSON record a line' },
  {
    name: 'save-run',
    value: 'FILE',
    help: 'write the run as a file that pef replay, and the debugger, make it again from',
  },
  { name: 'no-jit', help: 'interpret every instruction; the run is the same, only slower' },
  { name: 'json', help: 'print one JSON object on standard output and nothing else' },
  { name: 'quiet', help: 'print only what the VM prints, and the outcome' },
  { name: 'no-color', help: 'no colours (they are used on a terminal only, and not with NO_COLOR set)' },
  { name: 'help', help: 'this text' },
]

export const runHelp = `Usage: pef run IMAGE.json [OPTIONS]
       pef run --kernel FILE [--initrd FILE] [--append ARGS] [OPTIONS]

Boots the PEF machine, runs the VM, and tells what happened: boot stages and measurements, each step of UV_ESM, each
exchange with the TPM, each batch of pages, and the digests. IMAGE.json holds launch attributes (kernel, initrd,
bootargs, memory, ...); its paths are relative to it, and options override it.

Options:
${optionHelp(OPTIONS)}

QEMU's -kernel, -initrd, -append, -m and -nographic (as --console) are understood too, and its options that change nothing here,
such as -M pseries.

Exit codes: 0 the VM became secure (and ended by itself, or --until esm), 2 wrong usage, 3 UV_ESM was refused or never
called, 4 the guest failed, 5 the limit of instructions was reached, 130 interrupted.

Examples:
  pef run -kernel vmlinux -initrd initrd.img -append "console=hvc0 svm=on swiotlb=force" -m 512 -nographic
  pef run test/guests/hello-svm/pef.json
  pef run --kernel vmlinux --initrd esmb-initrd.img --append "root=/dev/sda2 svm=on" --esm stub --until esm --json`

const DEFAULT_LIMIT = 10_000_000_000
/** Instructions between two looks at the limit, Ctrl-C and the screen. */
const SLICE = 200_000
/** Milliseconds between two looks at the keyboard while the VM stands still. */
const KEY_WAIT = 20

export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, switches, rest } = parseOptions(fromQemuOptions(args), OPTIONS)
  if (switches.has('help')) {
    terminal.out(`${runHelp}\n`)
    return EXIT.ok
  }
  const listed = lists(values)
  if (listed !== undefined) {
    terminal.out(listed)
    return EXIT.ok
  }
  const until = oneOf('until', values.get('until'), ['esm'] as const)
  const esm = oneOf('esm', values.get('esm'), ['guest', 'stub'] as const)
  const limit = wholeNumber('max-instructions', values.get('max-instructions') ?? String(DEFAULT_LIMIT))
  const { attributes, folder } = await readImage(rest, values, esm)
  let machine: Machine
  try {
    const config = await loadMachineConfig(attributes, { readFile, cwd: folder, crypto: nodeCrypto, inflate })
    machine = new Machine({ ...config, jit: !switches.has('no-jit') })
  } catch (error) {
    if (error instanceof AttributeError || error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
  const json = switches.has('json')
  const joined = switches.has('console')
  if (json && joined) throw new UsageError('--console and --json: choose one, both want standard output')
  const quiet = joined || switches.has('quiet')
  const colour = !json && terminal.isTerminal && !switches.has('no-color') && !process.env['NO_COLOR']
  const walk = new Walk(colour ? colourStyle : plainStyle)
  const trace = values.get('trace')
  const traceFile = trace === undefined ? undefined : await openTrace(trace)
  machine.trace.subscribe((record) => {
    traceFile?.write(`${recordJson(record)}\n`)
    if (json) return
    if (quiet) {
      if (record.type === 'console') terminal.out(record.text)
    } else for (const line of walk.add(record)) terminal.out(`${line}\n`)
  })
  const savedRun = values.get('save-run')
  const timeline = savedRun === undefined ? undefined : new Timeline(machine, { checkpoints: false })
  const type = (bytes: Uint8Array) => (timeline ? timeline.change({ kind: 'console', bytes }) : machine.type(bytes))
  const guestConsole = joined ? new GuestConsole(machine, terminal, type) : undefined
  guestConsole?.open()
  let ended: Ended
  let diagnostics: readonly Finding[] = []
  const aboutToRun = () => {
    diagnostics = inspectMachineImage(machine.config, machine.tpm.privateKey(WRAPPING_KEY_HANDLE))
    if (json) return
    for (const { rule, message } of diagnostics)
      terminal.error(`warning: ${printable(`${rule}: ${message}; to correct it: ${ruleOf(rule).fix}`)}\n`)
  }
  try {
    ended = await execute(machine, timeline ?? machine, limit, until, terminal, guestConsole, aboutToRun)
  } finally {
    guestConsole?.close()
  }
  if (!json && !quiet) for (const line of walk.end()) terminal.out(`${line}\n`)
  if (savedRun !== undefined && timeline) {
    const beside = dirname(resolve(savedRun))
    const seenFromThere = mapPaths(attributes, (path) => relative(beside, resolve(folder, path)))
    await saveRun(savedRun, runFile(seenFromThere, machine, timeline))
  }
  if (traceFile) await new Promise<void>((done) => traceFile.end(() => done()))
  if (ended === 'interrupted') {
    terminal.error(`interrupted after ${machine.clock.instructions} instructions\n`)
    return EXIT.interrupted
  }
  if (ended === 'quit') {
    terminal.out(`\nended at the console after ${machine.clock.instructions} guest instructions\n`)
    return EXIT.ok
  }
  const outcome = {
    ...outcomeOf(machine, ended === 'limit', until),
    // Where there is nothing to say the object is as it has always been.
    ...(diagnostics.length > 0 && { diagnostics: diagnostics.map(toDiagnostic) }),
  }
  terminal.out(json ? `${JSON.stringify(outcome)}\n` : `${summary(outcome)}\n`)
  return exitCode(outcome.outcome)
}

/** What `--scenario list` and `--quirks list` print. */
function lists(values: ReadonlyMap<string, string>): string | undefined {
  if (values.get('scenario') === 'list')
    return [...scenarios.values()]
      .map(({ name, tries, stoppedBy }) => `${name.padEnd(20)} ${tries}: ${stoppedBy}\n`)
      .join('')
  if (values.get('quirks') === 'list') return quirkNames.map((name) => `${name}  ${quirkText(name)}\n`).join('')
  return undefined
}

async function saveRun(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw new UsageError(`--save-run ${path} cannot be written: ${(error as Error).message}`)
  }
}

async function openTrace(path: string): Promise<WriteStream> {
  const file = createWriteStream(resolve(path))
  try {
    await once(file, 'open')
  } catch (error) {
    throw new UsageError(`--trace ${path} cannot be written: ${(error as Error).message}`)
  }
  return file
}

function oneOf<T extends string>(name: string, value: string | undefined, accepted: readonly T[]): T | undefined {
  if (value === undefined || accepted.includes(value as T)) return value as T | undefined
  throw new UsageError(
    `--${name} takes ${accepted.join(' or ')}, not ${JSON.stringify(value)}${suggestion(value, accepted)}`,
  )
}

const ATTRIBUTE_OF: Readonly<Record<string, string>> = {
  kernel: 'kernel',
  initrd: 'initrd',
  append: 'bootargs',
  operand: 'operand',
  memory: 'memory',
  'secure-memory': 'secureMemory',
}
const FILE_OPTIONS = ['kernel', 'initrd', 'operand']

/** Launch attributes from IMAGE.json and from options; paths of options are relative to the working directory. */
async function readImage(
  rest: readonly string[],
  values: ReadonlyMap<string, string>,
  esm: string | undefined,
): Promise<{ attributes: Record<string, unknown>; folder: string }> {
  if (rest.length > 1) throw new UsageError(`one IMAGE.json at most, not ${rest.length}: ${rest.join(' ')}`)
  const [image] = rest
  if (image === undefined && !values.has('kernel'))
    throw new UsageError('give an IMAGE.json or --kernel FILE (pef run --help)')
  const attributes: Record<string, unknown> = image === undefined ? {} : await readJson(image)
  for (const [option, attribute] of Object.entries(ATTRIBUTE_OF)) {
    const value = values.get(option)
    if (value !== undefined) attributes[attribute] = FILE_OPTIONS.includes(option) ? resolve(value) : value
  }
  const seed = values.get('seed')
  if (seed !== undefined) attributes['seed'] = wholeNumber('seed', seed)
  const key = values.get('tpm-key')
  if (key !== undefined) attributes['tpm'] = { key: resolve(key) }
  if (esm !== undefined) attributes['esm'] = esm
  const drive = values.get('drive')
  if (drive !== undefined) attributes['drives'] = [resolve(drive)]
  const scenario = values.get('scenario')
  if (scenario !== undefined) attributes['hypervisor'] = { scenario }
  const quirks = values.get('quirks')
  if (quirks !== undefined) attributes['quirks'] = /^(sane|faithful)$/.test(quirks) ? quirks : quirks.split(',')
  return { attributes, folder: image === undefined ? process.cwd() : dirname(resolve(image)) }
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`)
  }
  throw new UsageError(`${path} must hold one JSON object with launch attributes such as "kernel"`)
}

type Ended = 'end' | 'limit' | 'interrupted' | 'quit'

async function execute(
  machine: Machine,
  run: { advance(maxInstructions: number): Advance },
  limit: number,
  until: 'esm' | undefined,
  terminal: Terminal,
  guestConsole: GuestConsole | undefined,
  aboutToRun: () => void,
): Promise<Ended> {
  let slices = 0
  let isRunning = false
  // Ticks of the guest's waiting that the host has waited too.
  let waited = machine.clock.idle
  for (;;) {
    while (guestConsole?.stopped && !guestConsole.ended) await new Promise((done) => setTimeout(done, KEY_WAIT))
    if (guestConsole?.ended) return 'quit'
    const left = limit - machine.clock.instructions
    if (left <= 0 && machine.inGuest) return 'limit'
    const advanced = run.advance(Math.max(1, Math.min(SLICE, left)))
    if (advanced.kind === 'end') return 'end'
    // The firmware is through, and the VM is loaded: it has not executed anything yet.
    if (!isRunning && machine.inGuest) aboutToRun()
    isRunning ||= machine.inGuest
    if (until === 'esm' && machine.esm && machine.inGuest) return 'end'
    const { idle } = machine.clock
    if (guestConsole && idle > waited) {
      await guestConsole.idle((idle - waited) / TICKS_PER_MILLISECOND)
      waited = idle
    }
    // Let Ctrl-C and the files have their turn.
    if (++slices % 256 === 0 || advanced.kind === 'instructions') await new Promise((done) => setImmediate(done))
    if (terminal.interrupted) return 'interrupted'
  }
}

/** A line a VM: where its pages are, and what they have been through. */
function secureMemoryText({ bytes, freeBytes, svms }: SecureMemoryStatistics): string {
  const mib = (count: number): string => `${count / (1 << 20)} MiB`
  const lines = svms.map((svm) => {
    const { pages, past } = svmText(svm)
    return `  SVM ${svm.lpid}: ${pages}; ${past}`
  })
  return [`secure memory: ${mib(freeBytes)} of ${mib(bytes)} free`, ...lines].join('\n')
}

function summary(outcome: Outcome): string {
  const rules = outcome.rules.length > 0 ? ` [${outcome.rules.join(', ')}]` : ''
  const memory = outcome.secureMemory.svms.length > 0 ? `\n${secureMemoryText(outcome.secureMemory)}` : ''
  return `${memory}\n${outcome.outcome}: ${outcome.reason}${rules} (${outcome.instructions} guest instructions)`
}
