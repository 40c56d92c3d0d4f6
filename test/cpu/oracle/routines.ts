/**
 * The code that all cases of a program share: registers are loaded from a case's data and stored into it. Case by case it is
 *
 *   b load; the instructions under test; b store
 *
 * `load` comes back by way of TAR, which is none of the registers that are compared, and `store` goes on at the next case.
 */
import { assemble } from '../../../debug-adapter/machine/cpu/isa/assemble.ts'
import * as at from './layout.ts'

/** Displacement of a case's data from r31. */
const from31 = (offset: number): number => offset - at.MIDDLE
const SPECIAL = [
  ['mtcr', 'mfcr'],
  ['mtxer', 'mfxer'],
  ['mtlr', 'mflr'],
  ['mtctr', 'mfctr'],
] as const

const eachVector = (mnemonic: string, offset: number): string[] =>
  Array.from({ length: 64 }, (_, v) => [`li r3,${from31(offset + 16 * v)}`, `${mnemonic} vs${v},r31,r3`]).flat()

const loadVectors = [
  `li r3,${from31(at.VECTORS_BEFORE + 16 * at.VSCR)}`,
  'lxvx vs32,r31,r3',
  'mtvscr v0',
  `lfd f0,${from31(at.VECTORS_BEFORE + 16 * at.FPSCR)}(r31)`,
  'mtfsf 255,f0,1,0',
  ...eachVector('lxvx', at.VECTORS_BEFORE),
]
export const TAR = 815
const load = [
  `ld r3,${from31(at.START)}(r31)`,
  `mtspr ${TAR},r3`,
  ...SPECIAL.flatMap(([to], i) => [`ld r3,${from31(at.BEFORE + 8 * (32 + i))}(r31)`, `${to} r3`]),
  ...Array.from({ length: 31 }, (_, r) => `ld r${r},${from31(at.BEFORE + 8 * r)}(r31)`),
  'bctar 20,lt,0',
]
const storeVectors = [
  ...eachVector('stxvx', at.VECTORS_AFTER),
  'mfvscr v0',
  `li r3,${from31(at.VECTORS_AFTER + 16 * at.VSCR)}`,
  'stxvx vs32,r31,r3',
  'mffs f0',
  `stfd f0,${from31(at.VECTORS_AFTER + 16 * at.FPSCR)}(r31)`,
]
const store = [
  ...Array.from({ length: 32 }, (_, r) => `std r${r},${from31(at.AFTER + 8 * r)}(r31)`),
  ...SPECIAL.flatMap(([, from], i) => [`${from} r3`, `std r3,${from31(at.AFTER + 8 * (32 + i))}(r31)`]),
]
const goOn = [`ld r3,${from31(at.NEXT)}(r31)`, 'mtctr r3', `addi r31,r31,${at.CASE_BYTES}`, 'bctr']

const words = (lines: readonly string[]): number[] => lines.map((line) => assemble(line, 0n))
const parts = [
  ['start', words([`lis r31,${at.DATA >> 16}`, `addi r31,r31,${at.MIDDLE}`])],
  ['first', []],
  ['loadVectors', words(loadVectors)],
  ['load', words(load)],
  ['storeBoth', words([...store, ...storeVectors, ...goOn])],
  ['store', words([...store, ...goOn])],
  ['cases', []],
] as const

const addresses = new Map<string, number>()
let address = at.CODE
for (const [name, code] of parts) {
  addresses.set(name, address)
  // A branch to the first case stands behind the start.
  address += 4 * (name === 'first' ? 1 : code.length)
}
const of = (name: (typeof parts)[number][0]): number => addresses.get(name)!
const branch = (from: number, to: number): number => assemble(`b ${to}`, BigInt(from))

/** Everything before the first case. */
export const ROUTINES: readonly number[] = parts.flatMap(([name, code]) =>
  name === 'first' ? [branch(of('first'), of('cases'))] : code,
)
export const FIRST_CASE = of('cases')

/** The code of one case at an address. @param vectors whether it needs more than the general registers */
export function caseCode(instructions: readonly number[], vectors: boolean, address: number): number[] {
  const end = address + 4 + 4 * instructions.length
  return [
    branch(address, of(vectors ? 'loadVectors' : 'load')),
    ...instructions,
    branch(end, of(vectors ? 'storeBoth' : 'store')),
  ]
}

/** Writes `bytes` bytes of data to standard output and ends, by Linux system calls. */
export const endingCode = (bytes: number): number[] =>
  words([
    'li r0,4',
    'li r3,1',
    `lis r4,${at.DATA >> 16}`,
    `lis r5,${bytes >> 16}`,
    `ori r5,r5,${bytes & 0xffff}`,
    'sc',
    'li r0,1',
    'li r3,0',
    'sc',
  ])
