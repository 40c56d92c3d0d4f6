import { ABSENT } from './absent.ts'
import { arithmetic } from './base/arithmetic.ts'
import { branching } from './base/branch.ts'
import { logical } from './base/logical.ts'
import { storage } from './base/storage.ts'
import { float } from './float/float.ts'
import type { Insn } from './insn.ts'
import { smf } from './smf/smf.ts'
import { rare } from './system/rare.ts'
import { system } from './system/system.ts'
import { transactional } from './system/transactional.ts'
import { vector } from './vector/vector.ts'
import { vsx } from './vsx/vsx.ts'

/** Every instruction that is executed, one record for each form. An index into it is the number of its handler. */
export const TABLE: readonly Insn[] = [
  ...arithmetic,
  ...logical,
  ...branching,
  ...storage,
  ...float,
  ...vector,
  ...vsx,
  ...system,
  ...transactional,
  ...rare,
  ...smf,
]

/** These, and those that are only known by name. */
export const KNOWN: readonly Insn[] = [...TABLE, ...ABSENT]

/** Records that an instruction word may match, by its primary opcode; the ones that fix most bits first. */
const byPrimary: Insn[][] = Array.from({ length: 64 }, () => [])
for (const insn of KNOWN) byPrimary[insn.value >>> 26]!.push(insn)

const bitCount = (word: number): number => {
  let count = 0
  for (let rest = word; rest; rest &= rest - 1) count++
  return count
}
for (const list of byPrimary) list.sort((a, b) => bitCount(b.mask) - bitCount(a.mask))

/**
 * For the crowded primary opcodes, the records by bits 21-30: where all of a record's encodings have the same ten bits it is
 * listed once, else once for each value it can have.
 */
const byExtended = byPrimary.map((list) => {
  if (list.length < 8) return undefined
  return Array.from({ length: 1024 }, (_, extended) =>
    list.filter((insn) => ((extended << 1) & insn.mask & 0x7fe) === (insn.value & 0x7fe & insn.mask)),
  )
})

/** @returns the instruction that `word` encodes, or undefined where there is none: an illegal instruction */
export function decode(word: number): Insn | undefined {
  const primary = word >>> 26
  const candidates = byExtended[primary]?.[(word >>> 1) & 0x3ff] ?? byPrimary[primary]!
  return candidates.find((insn) => (word & insn.mask) >>> 0 === insn.value)
}

/** The records with a mnemonic, most specific first. */
export const byMnemonic: ReadonlyMap<string, readonly Insn[]> = (() => {
  const map = new Map<string, Insn[]>()
  for (const list of byPrimary)
    for (const insn of list) {
      const same = map.get(insn.mnemonic)
      if (same) same.push(insn)
      else map.set(insn.mnemonic, [insn])
    }
  return map
})()
