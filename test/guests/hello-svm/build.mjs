// Builds hello-svm.elf with Debian's cross compiler: node build.mjs [OUTPUT]. The result does not depend on where it is built.
import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const output = process.argv[2] ?? 'hello-svm.elf'
const cc = process.env.CC ?? 'powerpc64le-linux-gnu-gcc'

const machine = [
  '-mlittle-endian',
  '-mcpu=power8',
  '-mno-vsx',
  '-mno-altivec',
  '-msoft-float',
  '-mcmodel=small',
  '-mno-pltseq',
]
const c = [
  '-O2',
  '-g',
  '-gdwarf-4',
  '-ffreestanding',
  '-fno-pic',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-tree-loop-distribute-patterns',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-main',
]
const paths = [`-ffile-prefix-map=${here}=.`, '-frandom-seed=hello-svm']
const link = [
  '-nostdlib',
  '-static',
  '-no-pie',
  '-Wl,-T,link.ld',
  '-Wl,--build-id=none',
  '-Wl,-z,max-page-size=65536',
  '-Wl,--no-warn-rwx-segments',
]

execFileSync(cc, [...machine, ...c, ...paths, ...link, '-o', output, 'head.S', 'main.c', 'console.c', 'tree.c'], {
  cwd: here,
  stdio: 'inherit',
  env: { ...process.env, LC_ALL: 'C' },
})
