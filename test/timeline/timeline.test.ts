/** Going through a run in both directions: wherever it is gone to, the machine is what it was there the first time. */
import { describe, expect, test } from 'vitest'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { PastError, Timeline } from '../../debug-adapter/timeline/timeline.ts'
import { memoryHash, registersOf } from '../cpu/lockstep.ts'
import { Random } from '../cpu/oracle/random.ts'
import { sampleMachine } from '../machine/sample.ts'

/** Everything that a person could see of the machine, as a text. */
function picture(machine: Machine, memory: boolean): string {
  const frames = machine.frames().map(({ procedure, step }) => `${procedure.name}:${step?.line}`)
  const vms = [...machine.hypervisor.vms.values()].map((vm) => `${vm.state} ${vm.secureFrames}`)
  const svms = [...machine.ultravisor.svms.values()].map((svm) => `${svm.state} ${svm.frames.size}`)
  const pcrs = Array.from({ length: 8 }, (_, i) => Buffer.from(machine.tpm.pcr('sha256', i)).toString('hex'))
  return [
    registersOf(machine),
    ...[
      machine.clock.idle,
      machine.trace.happened,
      machine.end?.reason,
      machine.esm?.reason,
      machine.platform.console.text,
    ],
    ...[frames.join(), vms.join(), svms.join(), pcrs.join()],
    memory ? memoryHash(machine, 0, machine.memory.normalBytes + machine.memory.secureBytes) : '',
  ].join('\n')
}

/** Host time as this test wants it: a checkpoint at every `per`th look at the clock. */
function clock(per: number): () => number {
  let looks = 0
  return () => (looks++ * 60) / per
}

/** Runs to the end. @returns pictures of some places on the way, by position */
function record(timeline: Timeline, machine: Machine, random: Random): Map<number, string> {
  const seen = new Map<number, string>()
  for (;;) {
    const { kind } = timeline.advance(1 + random.below(3000))
    if (kind !== 'crossing' && random.below(10) < 3) seen.set(timeline.position, picture(machine, seen.size % 40 === 0))
    if (kind === 'end') return seen
  }
}

function go(timeline: Timeline, position: number): void {
  for (const _ of timeline.travel(position));
}

describe('the sample, from power-on to its end', () => {
  test.each([
    ['with many checkpoints', 4, true],
    ['with few', 400, true],
    ['with that of power-on alone', 4, false],
  ])('%s', { timeout: 120_000 }, (_, per, checkpoints) => {
    const machine = sampleMachine()
    const timeline = new Timeline(machine, { checkpoints, now: clock(per) })
    const random = new Random(7)
    const seen = record(timeline, machine, random)
    expect(seen.size).toBeGreaterThan(100)
    const { end } = timeline
    const records = [...machine.trace.records]
    const places = [...seen.keys()]
    const journeys = checkpoints ? 60 : 6
    for (let i = 0; i < journeys; i++) {
      const position = random.pick(places)
      go(timeline, position)
      expect(timeline.position).toBe(position)
      const memory = !/\n$/.test(seen.get(position)!)
      expect(picture(machine, memory)).toBe(seen.get(position))
      expect(timeline.instructionsAt(position)).toBe(machine.clock.instructions)
      expect(timeline.end).toBe(end)
    }
    go(timeline, end)
    expect(machine.end).toBeDefined()
    const text = (all: readonly unknown[]) =>
      JSON.stringify(all, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect(text(machine.trace.records)).toBe(text(records))
  })

  test('step by step backwards from the end, through UV_ESM, never twice at one place', () => {
    const machine = sampleMachine()
    const timeline = new Timeline(machine, { now: clock(4) })
    record(timeline, machine, new Random(3))
    // From the first step of UV_ESM's return on.
    const call = machine.trace.records.find((r) => r.type === 'ultracall' && r.name === 'UV_ESM')!
    go(timeline, timeline.positionOfRecord(call.seq)! + 30)
    let last = timeline.position
    const procedures = new Set<string>()
    for (let i = 0; i < 40; i++) {
      const before = timeline.before(last)!
      expect(before).toBeLessThan(last)
      go(timeline, before)
      expect(timeline.position).toBe(before)
      last = before
      procedures.add(machine.frames()[0]?.procedure.name ?? 'guest')
    }
    expect(procedures).toContain('guest')
    expect(procedures).toContain('UV_ESM')
  })

  test('a record of the log happens in the next advance after its position', () => {
    const machine = sampleMachine()
    const timeline = new Timeline(machine, { now: clock(40) })
    record(timeline, machine, new Random(4))
    for (const type of ['ultracall', 'tpm', 'page-state', 'vm-state'] as const) {
      const { seq } = machine.trace.of(type).at(-1)!
      go(timeline, timeline.end)
      go(timeline, timeline.positionOfRecord(seq)!)
      expect(machine.trace.happened).toBeLessThanOrEqual(seq)
      while (machine.trace.happened <= seq) {
        const { kind } = timeline.advance(1)
        if (kind === 'guest') break
      }
      expect(machine.trace.happened).toBeGreaterThan(seq)
    }
  })
})

test('a run of many calls gives the older half of its past up, and goes anywhere in the rest', {
  timeout: 120_000,
}, () => {
  const machine = sampleMachine()
  const places = 300
  const timeline = new Timeline(machine, { places, now: clock(4) })
  const seen = record(timeline, machine, new Random(5))
  const whole = new Timeline(sampleMachine(), { now: clock(4) })
  record(whole, whole.machine as Machine, new Random(5))
  const { first, end } = timeline
  expect(first).toBeGreaterThan(whole.first)
  expect(timeline.checkpoints[0]).toBe(first)
  expect(end).toBe(whole.end)
  const known = [...seen.keys()].filter((position) => position >= first)
  expect(known.length).toBeGreaterThan(20)
  for (const position of known.toReversed()) {
    go(timeline, position)
    expect(timeline.position).toBe(position)
    expect(registersOf(machine)).toBe(seen.get(position)!.slice(0, registersOf(machine).length))
    expect(timeline.instructionsAt(position)).toBe(whole.instructionsAt(position))
    expect(timeline.positionOf(timeline.instructionsAt(position))).toBe(
      whole.positionOf(whole.instructionsAt(position)),
    )
    expect(timeline.leftGuestAt(position)).toBe(Math.max(first, whole.leftGuestAt(position)))
  }
  go(timeline, 1)
  expect([timeline.position, timeline.before(first)]).toEqual([first, first])
  // Records: those of the known past lead where they always did.
  const records = machine.trace.records.map(({ seq }) => [timeline.positionOfRecord(seq), whole.positionOfRecord(seq)])
  const forgotten = records.filter(([position]) => position === undefined)
  expect(forgotten.length).toBeGreaterThan(0)
  expect(records.slice(forgotten.length).every(([here, there]) => here === there)).toBe(true)
})

describe('another future', () => {
  test('what is changed in the past needs a fork, and the run from there is made anew', () => {
    const machine = sampleMachine()
    const timeline = new Timeline(machine, { now: clock(10) })
    record(timeline, machine, new Random(5))
    const { end } = timeline
    const texts = machine.trace.of('console').length
    go(timeline, timeline.positionOf(2000))
    const change = { kind: 'gpr', number: 14, value: 0x1234n } as const
    expect(() => timeline.change(change)).toThrow(PastError)
    timeline.fork()
    expect(timeline.end).toBe(timeline.position)
    expect(machine.trace.records.length).toBe(machine.trace.happened)
    timeline.change(change)
    expect(machine.cpu.gpr(14)).toBe(0x1234n)
    const at = timeline.position
    while (timeline.advance(5000).kind !== 'end');
    expect(machine.trace.of('console').length).toBe(texts)
    expect(timeline.end).toBe(end)
    go(timeline, at - 1)
    expect(machine.cpu.gpr(14)).not.toBe(0x1234n)
    go(timeline, at)
    expect(machine.cpu.gpr(14)).toBe(0x1234n)
  })

  test('the changes and the seed are the whole run: a script makes it again', () => {
    const first = sampleMachine()
    const timeline = new Timeline(first, { now: clock(10) })
    while (timeline.position < 3000) timeline.advance(10)
    timeline.change({ kind: 'gpr', number: 15, value: 7n })
    timeline.change({ kind: 'memory', ra: 0x1000n, bytes: Uint8Array.of(1, 2, 3) })
    while (timeline.advance(5000).kind !== 'end');
    const second = sampleMachine()
    const again = new Timeline(second)
    again.script(timeline.changes)
    while (again.advance(777_777).kind !== 'end');
    expect(picture(second, true)).toBe(picture(first, true))
  })
})

test('another hypervisor half-way is part of the run', { timeout: 60_000 }, () => {
  const machine = sampleMachine()
  const timeline = new Timeline(machine, { now: clock(4) })
  while (!machine.inGuest) timeline.advance(1000)
  const at = timeline.position
  timeline.change({ kind: 'scenario', name: 'read-secure-memory' })
  while (timeline.advance(1000).kind !== 'end');
  const records = [...machine.trace.records]
  const [scenario] = machine.trace.of('scenario')
  expect(scenario).toMatchObject({ name: 'read-secure-memory' })
  const refused = machine.trace.of('refusal').find(({ rule }) => rule === 'MEM-001')!
  expect(refused.seq).toBeGreaterThan(scenario!.seq)
  const { end } = timeline
  go(timeline, at - 1)
  expect(machine.trace.of('scenario')).toEqual([])
  expect(machine.hypervisor.behaviour).toEqual({})
  go(timeline, end)
  expect(machine.trace.records).toEqual(records)
  expect(machine.trace.happened).toBe(records.length)
})

test('a scenario that changes what is loaded cannot begin half-way', () => {
  const machine = sampleMachine()
  expect(() => machine.switchScenario('patch-kernel')).toThrow('"scenario": "patch-kernel"')
  expect(() => machine.switchScenario('none such')).toThrow('read-secure-memory')
})
