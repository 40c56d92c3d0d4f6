/**
 * Every opcode with some fields, here and by objdump of the GNU binutils: the instructions of the table are those that it has for a
 * POWER9, and their texts are its texts.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { disassemble } from '../../debug-adapter/machine/cpu/isa/disassemble.ts'
import { decode } from '../../debug-adapter/machine/cpu/isa/table.ts'

const OBJDUMP = process.env['PPC64LE_OBJDUMP'] ?? 'powerpc64le-linux-gnu-objdump'
const there = spawnSync(OBJDUMP, ['--version'], { stdio: 'ignore' }).status === 0
const hint = there ? '' : '(needs apt-get install binutils-powerpc64le-linux-gnu)'

/** Bits 6 to 20 of the words: the registers or numbers that most forms have there. */
const FIELDS = [
  [0, 0, 0],
  [3, 4, 5],
  [1, 0, 2],
  [2, 31, 30],
  [31, 31, 31],
  [5, 1, 0],
  [8, 4, 5],
  [4, 16, 9],
] as const

/** What objdump prints although no POWER9 has it: of other processors, of later ones, or withdrawn before Power ISA 3.0. */
const OTHERS = new Set([
  ...['rfi', 'mtsrd', 'mtsrdin', 'eciwx', 'ecowx', 'tlbia', 'tlbld', 'tlbli', 'dcbi', 'dcbzl', 'rmieg'],
  ...['dst', 'dstt', 'dstst', 'dststt', 'dss', 'dssall', 'pbt.', 'icswx', 'icswx.'],
  ...['hashst', 'hashchk', 'hashstp', 'hashchkp'],
])
/** What the processor executes and objdump prints as a number: values that a field may have and nobody uses. */
const UNUSUAL = new Set([
  ...['bc', 'bcl', 'bca', 'bcla', 'bclr', 'bclrl', 'bcctr', 'bcctrl', 'bctar', 'bctarl'],
  ...['mfocrf', 'mtocrf', 'mftb', 'dcbf', 'lswx', 'lswi', 'lmw', 'lq', 'stq', 'lqarx', 'stqcx.'],
])

const mnemonicOf = (text: string): string => text.split(/\s/)[0]!

/** BO with a bit that is reserved, which objdump does not look at; and absolute addresses, of which it prints 32 bits. */
const mayDiffer = (ours: string, theirs: string): boolean =>
  (/^bcl?a? /.test(ours) && /^b(d?n?z[tf]|l[et]|n?[eslg][qeto]?)/.test(theirs)) ||
  (ours.replace('0xffffffff', '0x') === theirs && ours.includes('0xffffffff'))

describe.skipIf(!there)(`all opcodes ${hint}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pef-objdump-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const lines: { word: number; address: bigint; ours: string; theirs: string }[] = []

  beforeAll(() => {
    const words = Uint32Array.from({ length: 64 * 2048 * FIELDS.length }, (_, i) => {
      const [a, b, c] = FIELDS[i % FIELDS.length]!
      const [primary, extended] = [Math.floor(i / FIELDS.length / 2048), Math.floor(i / FIELDS.length) % 2048]
      return ((primary << 26) | (a << 21) | (b << 16) | (c << 11) | extended) >>> 0
    })
    const file = join(folder, 'words.bin')
    writeFileSync(file, new Uint8Array(words.buffer))
    const how = ['-D', '-z', '-b', 'binary', '-m', 'powerpc:common64', '-EL', '-M', 'power9', file]
    const listing = execFileSync(OBJDUMP, how, { encoding: 'latin1', maxBuffer: 1 << 28 })
    for (const [, place, text] of listing.matchAll(/^ *([0-9a-f]+):\t[0-9a-f ]{11} \t(.*)$/gm)) {
      const address = BigInt(`0x${place}`)
      const word = words[Number(address) / 4]!
      lines.push({ word, address, ours: disassemble(word, address).text, theirs: text!.trimEnd() })
    }
    expect(lines).toHaveLength(words.length)
  }, 120_000)

  /** One of each kind. */
  const found = (which: (line: (typeof lines)[number]) => boolean): string[] => {
    const kinds = new Map<string, string>()
    for (const { word, ours, theirs } of lines.filter(which))
      kinds.set(`${mnemonicOf(ours)} ${mnemonicOf(theirs)}`, `${word.toString(16)}: ${ours} / ${theirs}`)
    return [...kinds.values()]
  }

  test('an instruction that objdump knows is in the table, or none of a POWER9', () => {
    expect(
      found(({ word, ours, theirs }) => {
        const missing = ours.startsWith('.long') && !theirs.startsWith('.long')
        return missing && decode(word) === undefined && !OTHERS.has(mnemonicOf(theirs)) && !isInvalid(word, theirs)
      }),
    ).toEqual([])
  })

  test('and no other is there', () => {
    expect(
      found(
        ({ ours, theirs }) => theirs.startsWith('.long') && !ours.startsWith('.long') && !UNUSUAL.has(mnemonicOf(ours)),
      ),
    ).toEqual([])
  })

  test('both print the same', () => {
    const both = lines.filter(({ ours, theirs }) => !ours.startsWith('.long') && !theirs.startsWith('.long'))
    expect(both.length).toBeGreaterThan(300_000)
    expect(
      found(
        ({ ours, theirs }) =>
          !(ours.startsWith('.long') || theirs.startsWith('.long') || ours === theirs || mayDiffer(ours, theirs)),
      ),
    ).toEqual([])
  })

  test('and each is assembled again', () => {
    const lost = lines.filter(({ word, address, ours }) => assemble(ours, address) !== word)
    expect(lost.slice(0, 5)).toEqual([])
  }, 120_000)
})

/**
 * Forms that objdump prints and no processor has: branches to CTR or TAR that count down (Power ISA 3.0C I 2.4), and pairs of decimal
 * registers that begin with an odd one (I 5.3).
 */
function isInvalid(word: number, theirs: string): boolean {
  if (word >>> 26 === 19) return [528, 560].includes((word >>> 1) & 0x3ff) && ((word >>> 23) & 1) === 0
  return word >>> 26 === 63 && /^d[a-z]+q\.?$/.test(mnemonicOf(theirs)) && /\bf\d*[02468],?/.test(theirs)
}
