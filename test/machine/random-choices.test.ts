/**
 * A hypervisor and a TPM that do whatever comes to their mind, at every place where they have a choice: the emulator goes on or ends the
 * VM. Nothing throws, hangs, or grows without bound. `PEF_RANDOM_MACHINES=N` makes more of them, `PEF_RANDOM_FIRST=N` begins there.
 */
import { describe, expect, test } from 'vitest'
import {
  Bench,
  FREE,
  hypercallNumber,
  KERNEL,
  LPID,
  load,
  PAGE,
  ultracallNumber,
} from '../../debug-adapter/conformance/bench.ts'
import { bytesOf } from '../../debug-adapter/conformance/rtas-doings.ts'
import type { Behaviour } from '../../debug-adapter/machine/hypervisor/behaviour.ts'
import { quirkNames } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'

const MACHINES = Number(process.env['PEF_RANDOM_MACHINES'] ?? 60)
const FIRST = Number(process.env['PEF_RANDOM_FIRST'] ?? 1)
/** Records of one machine: boot and UV_ESM make some hundreds. */
const MOST_RECORDS = 50_000

function randomNumbers(seed: number): (below: number) => number {
  let state = (seed * 7919 + 1) % 0x7fff_ffff
  return (below) => {
    state = (state * 48271) % 0x7fff_ffff
    return state % below
  }
}

const CODES = [0n, 0n, 1n, -1n, -2n, -4n, -10n, -16n, -55n, -75n, (1n << 63n) - 1n, 0x1000n]
const CALLS = [
  'UV_PAGE_IN',
  'UV_PAGE_OUT',
  'UV_PAGE_INVAL',
  'UV_UNREGISTER_MEM_SLOT',
  'UV_REGISTER_MEM_SLOT',
  'UV_WRITE_PATE',
  'UV_SVM_TERMINATE',
] as const

/** @param mildness how many choices are left as they should be for each that is not */
function randomBehaviour(b: Bench, below: (n: number) => number, mildness: number): Behaviour {
  const odd = (): boolean => below(mildness) === 0
  const gpa = (): bigint => {
    const reserved = [...(b.machine.ultravisor.svms.get(Number(LPID))?.reserved.values() ?? [])]
    const one = reserved[below(reserved.length + 3)]
    return one ? one.gpa : [FREE, KERNEL, BigInt(below(0x400)) * PAGE][below(3)]!
  }
  const ultracall = (): void => {
    const name = CALLS[below(CALLS.length)]!
    const page = b.hostPage(below(2))
    if (name === 'UV_PAGE_IN' || name === 'UV_PAGE_OUT') b.host(name, LPID, page, gpa(), 0n, 16n)
    else if (name === 'UV_PAGE_INVAL') {
      if (b.host(name, LPID, gpa(), 16n) === 0n && odd()) return
    } else if (name === 'UV_REGISTER_MEM_SLOT')
      b.host(name, LPID, BigInt(below(4)) << 30n, 0x20_0000n, 0n, BigInt(below(4)))
    else if (name === 'UV_WRITE_PATE') b.host(name, LPID, BigInt(below(3)) << 60n, 0n)
    // The last resort, and the end: not as often as the others.
    else if (name === 'UV_UNREGISTER_MEM_SLOT' || below(4) === 0) b.host(name, LPID, BigInt(below(2)))
  }
  return {
    // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
    *before() {
      if (odd()) ultracall()
    },
    *answer() {
      if (!odd()) return undefined
      return Array.from({ length: 1 + below(3) }, () => BigInt.asUintN(64, CODES[below(CODES.length)]!))
    },
    // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
    *after() {
      if (odd()) ultracall()
    },
    pageFor: (_hv, _vm, _gpa, page) => (odd() ? [0n, 1n << 48n, page + 0x1000n, b.hostPage(0)][below(4)]! : page),
    tpmResponse: (request, response) => {
      if (!odd()) return response
      const kind = below(5)
      if (kind === 0) return undefined
      if (kind === 1) return response.slice(0, below(response.length + 1))
      if (kind === 2) return Uint8Array.from({ length: below(6000) }, () => below(256))
      if (kind === 3) return request
      return response.map((byte) => (below(20) === 0 ? below(256) : byte))
    },
    returning: (_hv, _vm, registers) => {
      if (!odd()) return
      const wild = [0n, 0x500n, 0x700n, 0x904n, 0x2000n, 1n << 63n, registers.cookie, registers.cookie ^ 4n]
      const key = (['r0', 'r2', 'cookie', 'hsrr0', 'hsrr1', 'lpid', 'pidr'] as const)[below(7)]!
      registers[key] = wild[below(wild.length)]!
    },
  }
}

const sc = (level: 1 | 2, number: number, ...args: bigint[]): string[] => [
  ...[BigInt(number), ...args].flatMap((value, i) => load(3 + i, value)),
  `sc ${level}`,
]

/** What the guest does, again and again, until it is gone. */
function guestDoes(b: Bench, below: (n: number) => number): void {
  const gfn = (FREE >> 16n) + BigInt(below(3))
  const block = FREE + 8n * PAGE
  const tokens = [...(b.machine.ultravisor.svms.get(Number(LPID))?.rtasTokens.values() ?? [0x2000])]
  const programs = [
    () => sc(2, ultracallNumber('UV_SHARE_PAGE'), gfn, BigInt(1 + below(3))),
    () => sc(2, ultracallNumber('UV_UNSHARE_PAGE'), gfn, BigInt(1 + below(3))),
    () => sc(2, ultracallNumber('UV_UNSHARE_ALL_PAGES')),
    () => sc(2, ultracallNumber('UV_ESMB_GET_FILE'), 0n, 0x6772_6565_7469_6e67n, ...Array<bigint>(7).fill(0n)),
    () => sc(1, hypercallNumber('H_PUT_TERM_CHAR'), 0x7100_0000n, 0n),
    () => sc(1, hypercallNumber('H_SVM_PAGE_OUT'), FREE, 0n, 16n),
    () => [...load(4, gfn << 16n), 'lbz r3,0(r4)', 'stb r3,1(r4)'],
    () => [...load(4, 1n << 40n), 'lwz r3,0(r4)'],
    () => {
      const args = Array.from({ length: below(5) }, () => [Number(FREE), below(0x2000)][below(2)]!)
      const words = [tokens[below(tokens.length)]!, args.length, below(3), ...args, 0, 0, 0]
      return [
        ...load(4, block),
        ...words.flatMap((word, i) => [
          ...load(5, BigInt(new DataView(bytesOf([word]).buffer).getUint32(0, true))),
          `stw r5,${i * 4}(r4)`,
        ]),
        ...sc(1, hypercallNumber('H_RTAS'), block),
      ]
    },
  ]
  b.run(programs[below(programs.length)]!())
}

describe.each([
  ['as it should be', 'sane' as const],
  ['as the released firmware is', quirkNames],
])('%s', (_, quirks) => {
  test.each([3, 10, 40])(`${MACHINES} machines, one choice in %i is odd`, { timeout: 900_000 }, (mildness) => {
    const ends = new Set<string>()
    for (let seed = FIRST; seed < FIRST + MACHINES / 3; seed++) {
      const below = randomNumbers(seed * 100 + mildness)
      const b = new Bench({ crypto: nodeCrypto, config: { quirks }, start: 'normal' })
      b.machine.hypervisor.behaviour = randomBehaviour(b, below, mildness)
      try {
        const fdt = b.machine.platform.guest!.fdt
        for (let i = 0; i < 3 && b.ended === undefined && b.machine.vmState !== 'secure'; i++)
          b.run(sc(2, ultracallNumber('UV_ESM'), KERNEL, fdt))
        for (let i = 0; i < 12 && b.ended === undefined; i++) guestDoes(b, below)
      } catch (error) {
        // The frame of the test's own program may be gone by now: that is the bench's trouble, and nobody else's.
        if (!/there is no guest memory/.test(String(error)))
          throw new Error(`seed ${seed}, ${mildness}: ${(error as Error).stack}`)
      }
      expect(b.machine.trace.records.length, `seed ${seed}`).toBeLessThan(MOST_RECORDS)
      ends.add(b.ended === undefined ? b.machine.vmState : 'ended')
    }
    expect(ends.size).toBeGreaterThan(0)
  })
})
