/**
 * Ultracalls and hypercalls with any arguments, by hypervisor and guest, in any order: the emulator answers each of them. Nothing throws,
 * hangs, or grows without bound. `PEF_RANDOM_CALLS=N` makes more of them.
 */
import { describe, expect, test } from 'vitest'
import { Bench } from '../../debug-adapter/conformance/bench.ts'
import { hcalls } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { ultracalls } from '../../debug-adapter/machine/ultravisor/call-table.ts'
import { quirkNames } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'

const CALLS = Number(process.env['PEF_RANDOM_CALLS'] ?? 500)
/** Records that one call may add to the log: UV_ESM of a whole VM stays far below. */
const MOST_RECORDS = 20_000

function randomNumbers(seed: number): (below: number) => number {
  let state = seed * 7919 + 1
  return (below) => {
    state = (state * 48271) % 0x7fff_ffff
    return state % below
  }
}

/** Values that calls take seriously, their neighbours, and nonsense. */
const INTERESTING = [
  0n,
  1n,
  2n,
  3n,
  12n,
  16n,
  17n,
  0x40n,
  0x41n,
  0x42n,
  0x1ffn,
  0x200n,
  0xfffn,
  0x1000n,
  0x1_0000n,
  0x1_0001n,
  0x40_0000n,
  0x41_0000n,
  0x20_0000n,
  0x3fe_0000n,
  0x400_0000n,
  0x800_0000n,
  0xffff_ffffn,
  1n << 32n,
  1n << 40n,
  1n << 48n,
  (1n << 48n) + 0x400_0000n,
  1n << 52n,
  1n << 62n,
  1n << 63n,
  (1n << 64n) - 1n,
  (1n << 64n) - 0x1_0000n,
]

describe.each([
  ['as it should be', 'sane' as const, 1],
  ['as the released firmware is', quirkNames, 2],
])('%s', (_, quirks, seed) => {
  test(`${CALLS} calls`, { timeout: 600_000 }, () => {
    const below = randomNumbers(seed)
    const value = (): bigint => {
      const one = INTERESTING[below(INTERESTING.length)]!
      return BigInt.asUintN(64, below(4) === 0 ? one + BigInt(below(5) - 2) : one)
    }
    const boot = (): Bench =>
      new Bench({ crypto: nodeCrypto, config: { quirks }, start: below(4) === 0 ? 'normal' : 'secure' })
    let bench = boot()
    let machines = 1
    for (let i = 0; i < CALLS; i++) {
      const { trace } = bench.machine
      const before = trace.records.length
      const args = Array.from({ length: below(10) }, value)
      const ultracall = below(3) > 0
      const table = ultracall ? ultracalls : hcalls
      const number = below(12) === 0 ? Number(value() & 0xffffn) : table[below(table.length)]!.number
      const what = `${number.toString(16)}(${args.map((one) => one.toString(16)).join(', ')})`
      try {
        if (ultracall && below(2) === 0) bench.hostRegisters(0n, number, args)
        else bench.call(ultracall ? 2 : 1, number, args)
      } catch (error) {
        // The page of the test's own program may be gone by now: that is the bench's trouble, and nobody else's.
        if (!/there is no guest memory/.test(String(error))) throw new Error(`${what}: ${(error as Error).stack}`)
        bench.ended = 'no program'
      }
      expect(trace.records.length - before, what).toBeLessThan(MOST_RECORDS)
      if (bench.ended === undefined && !bench.machine.end) continue
      bench = boot()
      machines++
    }
    expect(machines).toBeLessThan(CALLS)
  })
})
