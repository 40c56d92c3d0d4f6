/**
 * `npm run test:disassembly -- VMLINUX [...]`: every word of the sections with code of an ELF file for ppc64le, disassembled here and
 * by objdump of the GNU binutils, and assembled again from that text.
 */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { disassemble } from '../../debug-adapter/machine/cpu/isa/disassemble.ts'

const OBJDUMP = process.env['PPC64LE_OBJDUMP'] ?? 'powerpc64le-linux-gnu-objdump'
const SHOWN = 20

interface Section {
  readonly name: string
  readonly address: bigint
  readonly offset: number
  readonly bytes: number
}

/** The sections that objdump calls code. */
function codeOf(file: string): Section[] {
  const table = execFileSync(OBJDUMP, ['-h', '-w', file], { encoding: 'utf8' })
  return [...table.matchAll(/^ *\d+ (\S+) +([0-9a-f]+) +([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+) .*\bCODE\b/gm)].map(
    ([, name, bytes, address, offset]) => ({
      ...{ name: name!, address: BigInt(`0x${address}`) },
      ...{ offset: Number.parseInt(offset!, 16), bytes: Number.parseInt(bytes!, 16) },
    }),
  )
}

function contentOf(file: string, { offset, bytes }: Section): Uint8Array {
  const content = new Uint8Array(bytes)
  const handle = openSync(file, 'r')
  readSync(handle, content, 0, bytes, offset)
  closeSync(handle)
  return content
}

const counts = { words: 0, different: 0, lost: 0 }
function report(kind: 'different' | 'lost', text: string): void {
  counts[kind]++
  if (counts[kind] <= SHOWN) console.log(text)
}

/** What objdump prints, word by word, beside what is printed here. */
async function compare(file: string, section: Section, folder: string): Promise<void> {
  const binary = join(folder, 'section.bin')
  writeFileSync(binary, contentOf(file, section))
  // As plain bytes: so that targets of branches are printed as numbers.
  const how = ['-D', '-z', '-b', 'binary', '-m', 'powerpc:common64', '-EL', '-M', 'power9']
  const objdump = spawn(OBJDUMP, [...how, `--adjust-vma=0x${section.address.toString(16)}`, binary])
  for await (const line of createInterface({ input: objdump.stdout })) {
    const match = /^\s*([0-9a-f]+):\t([0-9a-f]{2}) ([0-9a-f]{2}) ([0-9a-f]{2}) ([0-9a-f]{2}) \t(.*)$/.exec(line)
    if (!match) continue
    const [, place, a, b, c, d, theirs] = match as unknown as [string, string, string, string, string, string, string]
    const [address, word] = [BigInt(`0x${place}`), Number.parseInt(`${d}${c}${b}${a}`, 16)]
    counts.words++
    const ours = disassemble(word, address).text
    if (ours !== theirs.trimEnd())
      report(
        'different',
        `${section.name} ${place} ${d}${c}${b}${a}: here \`${ours}\`, objdump \`${theirs.trimEnd()}\``,
      )
    let again: number | string
    try {
      again = assemble(ours, address) >>> 0
    } catch (error) {
      again = String(error)
    }
    if (again !== word)
      report('lost', `${section.name} ${place} ${d}${c}${b}${a}: \`${ours}\` is assembled to ${again.toString(16)}`)
  }
}

const files = process.argv.slice(2)
if (files.length === 0) {
  console.error('expected: npm run test:disassembly -- VMLINUX [...]')
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'disassembly-'))
try {
  for (const file of files) for (const section of codeOf(file)) await compare(file, section, folder)
} finally {
  rmSync(folder, { recursive: true })
}
console.log(
  `${counts.words} words: ${counts.different} printed otherwise than by objdump, ${counts.lost} not assembled back`,
)
process.exitCode = counts.words === 0 || counts.different + counts.lost > 0 ? 1 : 0
