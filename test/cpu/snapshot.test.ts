/** Snapshots of processor and memory: going back gives the same state, and the run from there is the same as the first time. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { PageHistory } from '../../debug-adapter/machine/memory/page-history.ts'
import { type BenchMachine, benchMachine } from '../bench/guest.ts'
import { memoryHash, registersOf } from './lockstep.ts'
import { FLAT, testMachine, write } from './machine.ts'

const stateOf = (machine: BenchMachine): string => `${registersOf(machine)}\nmemory ${memoryHash(machine)}`

describe('pages', () => {
  const machineOf = () => {
    const bytes = new Uint8Array(8 * 4096)
    return { bytes, history: new PageHistory(bytes) }
  }
  const set = ({ bytes, history }: ReturnType<typeof machineOf>, page: number, value: number): void => {
    history.willWrite(page * 4096 + 100, 1)
    bytes[page * 4096 + 100] = value
  }
  const values = ({ bytes }: ReturnType<typeof machineOf>): number[] =>
    Array.from({ length: 8 }, (_, page) => bytes[page * 4096 + 100]!)

  it('are kept once each, and only those that are written', () => {
    const memory = machineOf()
    const first = memory.history.take()
    expect(first.kept.size).toBe(0)
    for (let i = 1; i < 100; i++) set(memory, 3, i)
    expect([...first.kept.keys()]).toEqual([3])
    memory.history.willWrite(5 * 4096 - 1, 2)
    expect([...first.kept.keys()]).toEqual([3, 4, 5])
  })

  it('come back, forwards as well as backwards, with snapshots given up in between', () => {
    const memory = machineOf()
    const { history } = memory
    const taken = [1, 2, 3, 4].map((value) => {
      set(memory, value, value)
      set(memory, 0, 10 * value)
      return { snapshot: history.take(), expected: values(memory) }
    })
    set(memory, 7, 77)
    for (const i of [1, 3, 0, 2, 3]) {
      history.restore(taken[i]!.snapshot)
      expect(values(memory)).toEqual(taken[i]!.expected)
      set(memory, 6, i + 60)
    }
    history.release(taken[1]!.snapshot)
    history.release(taken[3]!.snapshot)
    set(memory, 5, 55)
    for (const i of [2, 0]) {
      history.restore(taken[i]!.snapshot)
      expect(values(memory)).toEqual(taken[i]!.expected)
    }
    expect(() => history.restore(taken[1]!.snapshot)).toThrow(/given up/)
    history.release(taken[0]!.snapshot)
    history.release(taken[2]!.snapshot)
    set(memory, 1, 9)
    expect(values(memory)[1]).toBe(9)
  })
})

describe('a run', () => {
  for (const name of ['sieve', 'list', 'copy', 'branchy'])
    it(`of ${name} goes on from a snapshot as it did the first time, and as without any`, () => {
      const elf = readFileSync(new URL(`../bench/programs/${name}.elf`, import.meta.url))
      const plain = benchMachine(elf)
      const machine = benchMachine(elf, { jit: { threshold: 100 } })
      const snapshots = []
      const states: string[] = []
      for (let i = 0; i < 4; i++) {
        snapshots.push(machine.cpu.snapshot())
        plain.cpu.run(300_001)
        machine.cpu.run(300_001)
        states.push(stateOf(machine))
        expect(states[i]).toBe(stateOf(plain))
      }
      for (const i of [1, 3, 0, 2]) {
        machine.cpu.restore(snapshots[i]!)
        if (i > 0) expect(stateOf(machine)).toBe(states[i - 1])
        machine.cpu.run(300_001)
        expect(stateOf(machine)).toBe(states[i])
      }
      for (const snapshot of snapshots) machine.cpu.release(snapshot)
      machine.cpu.run(50_000)
      plain.cpu.run(50_000)
    })

  it('does not keep pages that nobody writes', () => {
    const machine = benchMachine(readFileSync(new URL('../bench/programs/sieve.elf', import.meta.url)))
    machine.cpu.run(2_000_000)
    const snapshot = machine.cpu.snapshot()
    expect(snapshot.memory.kept.size).toBe(0)
    machine.cpu.run(1000)
    expect(snapshot.memory.kept.size).toBeLessThan(300)
  })

  it('executes code as it was, where it changed after the snapshot', () => {
    const machine = testMachine({ jit: { threshold: 4 } })
    const { cpu } = machine
    write(machine, 0x1000, ['addi r3,r3,1', 'bdnz 0x1000', 'sc'])
    const begin = (): void => {
      cpu.msr = FLAT
      cpu.nia = 0x1000n
      cpu.ctr = 20_000n
      cpu.setGpr(3, 0n)
    }
    const run = (): bigint => {
      begin()
      while (cpu.run(2000).kind === 'budget');
      return cpu.gpr(3)
    }
    expect(run()).toBe(20_000n)
    const snapshot = cpu.snapshot()
    write(machine, 0x1000, ['addi r3,r3,5'])
    expect(run()).toBe(100_000n)
    cpu.restore(snapshot)
    expect(machine.memory.as(Actor.Debugger).read(0x1000n, 2)).toEqual(Uint8Array.of(1, 0))
    expect(run()).toBe(20_000n)
  })

  it('has the decrementer and the time of the snapshot', () => {
    const machine = testMachine()
    const { cpu, clock } = machine
    write(machine, 0x1000, ['b 0x1000'])
    cpu.nia = 0x1000n
    cpu.setSpr(22, 5000n)
    const snapshot = cpu.snapshot()
    cpu.run(4000)
    expect(cpu.spr(22)).toBe(1000n)
    cpu.restore(snapshot)
    expect([cpu.spr(22), clock.instructions]).toEqual([5000n, 0])
  })
})
