// Compiles the programs of this folder with each optimisation, and writes what they print under QEMU's user mode beside them.
//   node test/cpu/programs/build.mjs
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const bench = join(here, '..', '..', 'bench', 'programs')
const COMPILER = process.env.PPC64LE_CC ?? 'powerpc64le-linux-gnu-gcc'
const QEMU = process.env.QEMU_PPC64LE ?? 'qemu-ppc64le'
const FLAGS =
  '-mcpu=power9 -maltivec -mcrypto -fno-pic -no-pie -static -nostdlib -ffreestanding -fno-stack-protector -ftree-vectorize -Wno-deprecated ' +
  '-Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,norelro -s'

for (const program of ['loops', 'intrinsics', 'control']) {
  const outputs = new Set()
  for (const level of [0, 1, 2, 3]) {
    const file = join(here, `${program}-O${level}.elf`)
    const sources = [join(bench, 'start.S'), join(here, 'print.c'), join(here, `${program}.c`)]
    const flags = [`-O${level}`, ...FLAGS.split(' '), `-Wl,-T,${join(bench, 'program.ld')}`, '-o', file]
    // Division of 128 bits is a function of the compiler's library.
    execFileSync(COMPILER, [...flags, ...sources, '-lgcc'], { stdio: 'inherit' })
    outputs.add(execFileSync(QEMU, ['-cpu', 'power9', file], { encoding: 'utf8' }))
  }
  // However a program is compiled, it says the same.
  if (outputs.size !== 1) throw new Error(`${program} prints ${outputs.size} different texts`)
  for (const text of outputs) writeFileSync(join(here, `${program}.txt`), text)
}
