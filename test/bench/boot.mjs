// How long Linux takes from power-on to its power-off, here and in QEMU's pseries: median of 3, wall clock of whole processes.
//   node test/bench/boot.mjs [--runs 3] [--debian VMLINUX INITRD]
// The row `svm` is the kernel of test/fixtures/linux. Debian's stock kernel is not stored: name it (see test/fixtures/linux/README.md).
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'

const QEMU = process.env.QEMU_SYSTEM_PPC64 ?? 'qemu-system-ppc64'
const PEF = fileURLToPath(new URL('../../dist/pef.js', import.meta.url))
const TIMEOUT = 600_000
const DONE = 'reboot: Power down'

const { values, positionals } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, debian: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const runs = Number(values.runs)
if (!Number.isInteger(runs) || runs < 1)
  throw new RangeError(`--runs ${values.runs}: expected a whole number from 1 on`)
if (values.debian !== (positionals.length === 2) || positionals.length === 1)
  throw new RangeError('usage: node test/bench/boot.mjs [--runs N] [--debian VMLINUX INITRD]')
if (!existsSync(PEF)) throw new Error(`${PEF} is missing: npm run build`)

const folder = mkdtempSync(join(tmpdir(), 'bench-boot-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const unpacked = (name) => {
  const file = join(folder, name)
  writeFileSync(file, gunzipSync(readFileSync(new URL(`../fixtures/linux/${name}.gz`, import.meta.url))))
  return file
}

/** Seconds until the process has ended; it must have switched the VM off in the end. */
function time(command, args) {
  const start = performance.now()
  const { stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'latin1',
    timeout: TIMEOUT,
    maxBuffer: 1 << 28,
  })
  const seconds = (performance.now() - start) / 1000
  if (error) throw error
  if (!stdout.includes(DONE))
    throw new Error(`${command} ${args.join(' ')}: no "${DONE}" but\n${stdout.slice(-500)}${stderr.slice(-500)}`)
  return seconds
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]
const hasQemu = spawnSync(QEMU, ['--version'], { stdio: 'ignore' }).status === 0
if (!hasQemu) console.log('left out: QEMU pseries: apt-get install qemu-system-ppc')

function row(name, kernel, initrd) {
  const append = 'console=hvc0 autohalt'
  const own = ['--kernel', kernel, '--initrd', initrd, '--append', append, '--memory', '512M', '--quiet']
  const machine = ['-M', 'pseries', '-cpu', 'power9', '-m', '512', '-nographic', '-nodefaults', '-vga', 'none']
  const qemu = [...machine, '-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', append]
  const [here, there] = [[], []]
  for (let i = 0; i < runs; i++) {
    here.push(time(process.execPath, [PEF, 'run', ...own]))
    if (hasQemu) there.push(time(QEMU, qemu))
  }
  const ratio = hasQemu ? (median(here) / median(there)).toFixed(2) : '-'
  const system = hasQemu ? median(there).toFixed(2) : '-'
  console.log(`${name.padEnd(8)} here ${median(here).toFixed(2)} s  system ${system} s  ratio ${ratio}`)
  return ratio
}

const debian = values.debian ? row('debian', ...positionals) : '-'
const svm = row('svm', unpacked('vmlinux-svm'), unpacked('initramfs.cpio'))
console.log(`ratio debian ${debian} svm ${svm}`)
