/** The log keeps its newest records: memory does not grow with the run, and time travel goes on over what was given up. */
import { describe, expect, it } from 'vitest'
import { RECORDS_KEPT, Trace } from '../../debug-adapter/machine/trace/trace.ts'

const clock = { instructions: 0 }
const filled = (count: number) => {
  clock.instructions = 0
  const trace = new Trace(clock as never)
  const heard: boolean[] = []
  trace.subscribe((_, again) => heard.push(again))
  log(trace, count)
  return { trace, heard }
}
const log = (trace: Trace, count: number) => {
  for (let i = 0; i < count; i++) trace.add({ type: 'console', text: `line ${clock.instructions++}` } as never)
}

describe('a long log', () => {
  it('keeps the newest records, each by its number, and every one is heard', () => {
    const { trace, heard } = filled(5 * RECORDS_KEPT + 7)
    expect(heard.length).toBe(5 * RECORDS_KEPT + 7)
    expect(trace.total).toBe(heard.length)
    expect(trace.records.length).toBeGreaterThanOrEqual(RECORDS_KEPT)
    expect(trace.records.length).toBeLessThan(2 * RECORDS_KEPT)
    expect(trace.first).toBe(trace.total - trace.records.length)
    expect(trace.record(trace.first - 1)).toBeUndefined()
    for (const seq of [trace.first, trace.total - 1])
      expect(trace.record(seq)).toMatchObject({ seq, text: `line ${seq}` })
    expect(trace.of('console')).toHaveLength(trace.records.length)
  })

  it('goes back over what was given up: the same is logged again and told as known', () => {
    const { trace, heard } = filled(3 * RECORDS_KEPT)
    const { total, first } = trace
    const last = trace.record(total - 1)
    trace.rewind(first - 100)
    clock.instructions = first - 100
    heard.length = 0
    log(trace, 100 + total - first)
    expect(heard.every((again) => again)).toBe(true)
    expect([trace.total, trace.first]).toEqual([total, first])
    expect(trace.record(total - 1)).toEqual(last)
    log(trace, 1)
    expect(heard.at(-1)).toBe(false)
  })

  it('takes another way from before what is kept', () => {
    const { trace, heard } = filled(3 * RECORDS_KEPT)
    const start = trace.first - 5
    trace.rewind(start)
    trace.forgetFuture()
    expect([trace.total, trace.first, trace.records.length]).toEqual([start, start, 0])
    clock.instructions = 7
    log(trace, 1)
    expect(heard.at(-1)).toBe(false)
    expect(trace.record(start)).toMatchObject({ seq: start, text: 'line 7' })
  })

  it('still finds out that a run is not what it was', () => {
    const { trace } = filled(10)
    trace.rewind(5)
    clock.instructions = 999
    expect(() => log(trace, 1)).toThrow('the run is not what it was')
  })
})
