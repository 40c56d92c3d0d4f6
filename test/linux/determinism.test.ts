/** The same image gives the same run to the last bit, however the processor gets there: interpreted, compiled, in uneven pieces. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { JitOptions } from '../../debug-adapter/machine/cpu/jit/jit.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { memoryHash, registersOf } from '../cpu/lockstep.ts'

const fixture = (name: string): Uint8Array =>
  gunzipSync(readFileSync(new URL(`../fixtures/linux/${name}.gz`, import.meta.url)))
/** Well into the kernel's initialisation: page tables, exceptions, decrementer interrupts. */
const INSTRUCTIONS = 30_000_000

interface Reached {
  readonly instructions: number
  readonly registers: string
  readonly memory: number
  readonly records: number
  readonly compiled: number
}

/** @param pieces instructions between two returns, in turn; `snapshots`: whether one is taken and given up now and then */
async function reach(jit: boolean | JitOptions, pieces: readonly number[], snapshots: boolean): Promise<Reached> {
  const machine = new Machine({
    kernel: fixture('vmlinux-svm'),
    initrd: fixture('initramfs.cpio'),
    bootargs: 'console=hvc0 autohalt',
    memoryBytes: 128 << 20,
    secureMemoryBytes: 192 << 20,
    seed: 1,
    esm: 'guest',
    crypto: nodeCrypto,
    jit,
  })
  const { clock, cpu } = machine
  let taken: ReturnType<typeof cpu.snapshot> | undefined
  for (let i = 0; clock.instructions < INSTRUCTIONS; i++) {
    const piece = Math.min(pieces[i % pieces.length]!, INSTRUCTIONS - clock.instructions)
    if (machine.advance(piece).kind === 'end') throw new Error(machine.end!.reason)
    if (i % 50 !== 0 || !machine.inGuest) continue
    await new Promise((done) => setImmediate(done))
    if (!snapshots) continue
    if (taken) cpu.release(taken)
    taken = cpu.snapshot()
  }
  return {
    instructions: clock.instructions,
    registers: registersOf(machine),
    memory: memoryHash(machine, 0, machine.memory.normalBytes + machine.memory.secureBytes),
    records: machine.trace.records.length,
    compiled: cpu.jitStatistics.pages,
  }
}

test('Linux reaches the same state with the compiler on, off and mixed', { timeout: 300_000 }, async () => {
  const interpreted = await reach(false, [1_000_000], false)
  expect(interpreted).toMatchObject({ instructions: INSTRUCTIONS, compiled: 0 })
  const eager = await reach({ threshold: 200 }, [1_000_000], false)
  expect(eager.compiled).toBeGreaterThan(20)
  const mixed = await reach({ threshold: 2000 }, [77_777, 1, 5000, 900, 250_000], true)
  expect(mixed.compiled).toBeGreaterThan(5)
  for (const run of [eager, mixed]) expect({ ...run, compiled: 0 }).toEqual(interpreted)
})
