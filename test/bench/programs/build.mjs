// Compiles the programs of the benchmark, each for Linux (NAME.elf) and as a kernel for QEMU's pseries (NAME-system.elf).
//   node test/bench/programs/build.mjs FOLDER
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const COMPILER = process.env.PPC64LE_CC ?? 'powerpc64le-linux-gnu-gcc'
const COMMON =
  '-O2 -fno-pic -no-pie -mno-pcrel -static -nostdlib -ffreestanding -fno-stack-protector -fno-tree-loop-distribute-patterns -Wl,--build-id=none'
// Symbols that program.ld puts where QEMU's pseries loads them with kernel-addr=0.
const LAYOUT = '-Wl,-z,max-page-size=4096 -Wl,-z,norelro'
const INTEGER = '-mcpu=power8 -mno-vsx -mno-altivec'

/** What each is compiled for. */
export const PROGRAMS = {
  sieve: INTEGER,
  sha256: INTEGER,
  list: INTEGER,
  matrix: INTEGER,
  copy: INTEGER,
  branchy: INTEGER,
  aes: '-mcpu=power8 -mcrypto',
  wide: INTEGER,
}

/** @returns whether there is a compiler */
export function hasCompiler() {
  try {
    execFileSync(COMPILER, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Compiles one program. @returns the path of its ELF file */
export function compile(name, folder, system) {
  mkdirSync(folder, { recursive: true })
  let source = join(here, `${name}.c`)
  if (name === 'wide') {
    source = join(folder, 'wide.c')
    writeFileSync(source, execFileSync(process.execPath, [join(here, 'wide.mjs')]))
  }
  const file = join(folder, `${name}${system ? '-system' : ''}.elf`)
  const flags = [COMMON, LAYOUT, PROGRAMS[name] ?? INTEGER, system ? '-DSYSTEM' : '']
    .join(' ')
    .split(' ')
    .filter(Boolean)
  const sources = ['start.S', 'output.c'].map((one) => join(here, one))
  execFileSync(
    COMPILER,
    [...flags, `-I${here}`, '-o', file, `-Wl,-T,${join(here, 'program.ld')}`, ...sources, source],
    { stdio: 'inherit' },
  )
  return file
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2]
  if (!folder) throw new Error('usage: node test/bench/programs/build.mjs FOLDER')
  for (const name of ['empty', ...Object.keys(PROGRAMS)])
    for (const system of [false, true]) compile(name, folder, system)
}
