// Makes sample.txt again: compiles sample.c for two processors and lists it with objdump.
// Needs powerpc64le-linux-gnu-gcc and -objdump (Debian: gcc-powerpc64le-linux-gnu).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'golden-'))
const prefix = 'powerpc64le-linux-gnu-'
const lines = []
try {
  for (const cpu of ['power8', 'power9']) {
    const [object, binary] = [join(folder, 'sample.o'), join(folder, 'sample.bin')]
    execFileSync(`${prefix}gcc`, ['-O2', `-mcpu=${cpu}`, '-ffreestanding', '-fno-stack-protector', '-c', join(here, 'sample.c'), '-o', object])
    execFileSync(`${prefix}objcopy`, ['-O', 'binary', '-j', '.text', object, binary])
    const text = execFileSync(`${prefix}objdump`, ['-D', '-z', '-b', 'binary', '-m', 'powerpc:common64', '-EL', '-M', 'power9', binary]).toString()
    lines.push(`# -mcpu=${cpu}`)
    for (const line of text.split('\n')) {
      const match = /^\s*([0-9a-f]+):\t([0-9a-f]{2}) ([0-9a-f]{2}) ([0-9a-f]{2}) ([0-9a-f]{2}) \t(.*)$/.exec(line)
      if (match) lines.push(`${match[1]} ${match[5]}${match[4]}${match[3]}${match[2]} ${match[6].trimEnd()}`)
    }
  }
  writeFileSync(join(here, 'sample.txt'), `${lines.join('\n')}\n`)
} finally {
  rmSync(folder, { recursive: true })
}
