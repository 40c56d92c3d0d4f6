/** Binary coded decimals in general registers (Power ISA 3.0C I 3.3, BCD assist). */
import type { Procedure } from '../../procedures.ts'
import { get } from '../../vsx/operands.ts'
import { fromDeclet, toDeclet } from './declet.ts'

/** Each word of RS by itself, its right part of two groups of three digits. */
const eachWord =
  (from: number, to: number, convert: (group: number) => number): Procedure =>
  (core, word) => {
    const source = core.state.gpr(get(word, 'rs'))
    let value = 0n
    for (const half of [0n, 32n])
      for (const i of [0, 1]) {
        const group = Number((source >> (half + BigInt(from * i))) & BigInt(2 ** from - 1))
        value |= BigInt(convert(group)) << (half + BigInt(to * i))
      }
    core.state.setGpr(get(word, 'ra'), value)
    return false
  }

/** What is no digit leaves the result undefined. */
const fromPacked = (group: number): number => (100 * (group >> 8) + 10 * ((group >> 4) & 15) + (group & 15)) % 1000

export const ASSIST_PROCEDURES: Readonly<Record<string, Procedure>> = {
  cdtbcd: eachWord(10, 12, (declet) => Number.parseInt(String(fromDeclet(declet)), 16)),
  cbcdtd: eachWord(12, 10, (group) => toDeclet(fromPacked(group))),
}
