/** What the views make of the log and of the memory map, without a page. */
import { describe, expect, it } from 'vitest'
import type { PageRun, WireRecord } from '../../debug-adapter/adapter/protocol.ts'
import { ConsoleText } from '../../extension/console/console-text.ts'
import {
  CallRows,
  type CrossedRegister,
  crossedText,
  filterRows,
  interruptName,
  unfoldedRows,
} from '../../extension/views/calls/call-rows.ts'
import type { CallRecord } from '../../extension/views/calls/messages.ts'
import { LogReader } from '../../extension/views/common/log-reader.ts'
import { bytesText, countText, hexGroups, pagesText } from '../../extension/views/common/numbers.ts'
import { StopMark } from '../../extension/views/common/stop-mark.ts'
import { changes, halves, layOut, realAddress, toRuns } from '../../extension/views/memory-partition/partition.ts'
import { hexDump } from '../../extension/views/operand/hex-dump.ts'
import { childrenOf, visibleParts } from '../../extension/views/operand/tree.ts'
import { responseWords } from '../../extension/views/tpm-exchanges/response-words.ts'

/** Records in order; `seq` and `at` are their position. */
function rowsOf(...records: object[]): CallRows {
  const rows = new CallRows()
  for (const [seq, record] of records.entries()) rows.add({ seq, at: seq * 10, ...record } as unknown as CallRecord)
  return rows
}
const call = (type: string, number: number, name: string, args = {}) => ({
  type,
  phase: 'call',
  number,
  name,
  caller: 'VM 1',
  args,
})
const returned = (type: string, number: number, returnCode: string, args = {}) => ({
  type,
  phase: 'return',
  number,
  name: '',
  caller: 'VM 1',
  args,
  returnCode,
})

describe('rows of calls', () => {
  const nested = () =>
    rowsOf(
      call('ultracall', 0xf110, 'UV_ESM', { kbase: '0x400000' }),
      { type: 'reflection', direction: 'out', vector: 0xc00, cookie: '0x1', shown: ['R3'], scrubbed: 30 },
      call('hypercall', 0xef00, 'H_SVM_PAGE_IN'),
      returned('hypercall', 0xef00, '0x0'),
      call('ultracall', 0xf11c, 'UV_RETURN'),
      { type: 'reflection', direction: 'back', vector: 0xc00, cookie: '0x1', shown: [], scrubbed: 0 },
      returned('ultracall', 0xf11c, '0x0'),
      returned('ultracall', 0xf110, '0xffffffffffffffff', { R4: '0x5' }),
      call('ultracall', 0xf13c, 'UV_SVM_TERMINATE'),
    ).rows

  it('nest as the calls did, and a return finds its call', () => {
    expect(nested().map(({ name, depth, result }) => [name, depth, result?.text])).toEqual([
      ['UV_ESM', 0, '-1'],
      ['reflect system call 0xc00', 1, 'returned'],
      ['H_SVM_PAGE_IN', 2, '0'],
      ['UV_RETURN', 2, '0'],
      ['UV_SVM_TERMINATE', 0, undefined],
    ])
  })

  it('a reflection keeps both register files, there and back; only the newest ones do', () => {
    const register = (how: CrossedRegister['how']) => ({ name: 'R4', guest: '0x5', hypervisor: '0x0', how })
    const out = (cookie: string) => ({
      ...{ type: 'reflection', direction: 'out', vector: 0x900, cookie, shown: [], scrubbed: 1 },
      registers: [register('scrubbed')],
    })
    const back = (cookie: string) => ({ ...out(cookie), direction: 'back', registers: [register('restored')] })
    const { rows } = rowsOf(out('0x1'), back('0x1'))
    expect(rows[0]!.crossed).toEqual({ out: [register('scrubbed')], back: [register('restored')] })
    const many = Array.from({ length: 300 }, (_, i) => [out(`0x${i}`), back(`0x${i}`)]).flat()
    const kept = rowsOf(...many).rows.map(({ crossed }) => crossed !== undefined)
    expect([kept.filter(Boolean).length, kept[0], kept.at(-1)]).toEqual([256, false, true])
    expect(crossedText([register('scrubbed'), register('kept'), register('scrubbed')])).toBe('1 kept, 2 scrubbed')
  })

  it('a negative code is a failure, with the values that came back', () => {
    expect(nested()[0]!.result).toMatchObject({ failed: true, values: [{ name: 'R4', value: '0x5' }], seq: 7 })
    expect(nested()[2]!.result).toMatchObject({ failed: false })
  })

  it('a refusal stands in the call that it happened in', () => {
    const { rows } = rowsOf(call('ultracall', 0xf110, 'UV_ESM'), {
      type: 'refusal',
      rule: 'ESM054',
      by: 'ultravisor',
      expected: 'a',
      found: 'b',
      source: 'spec',
    })
    expect(rows[1]).toMatchObject({ name: 'ESM054', parent: rows[0], result: { failed: true } })
  })

  it('a filter keeps what a row happened in', () => {
    expect(filterRows(nested(), 'page_in').map(({ name }) => name)).toEqual([
      'UV_ESM',
      'reflect system call 0xc00',
      'H_SVM_PAGE_IN',
    ])
    expect(filterRows(nested(), 'uv_esm kbase=0x400000')).toHaveLength(1)
    expect(filterRows(nested(), 'no such call')).toEqual([])
  })

  it('nothing inside a folded row is in sight', () => {
    const rows = nested()
    const names = ['UV_ESM', 'reflect system call 0xc00', 'UV_SVM_TERMINATE']
    expect(unfoldedRows(rows, new Set([1])).map(({ name }) => name)).toEqual(names)
    expect(unfoldedRows(rows, new Set([0]))).toHaveLength(2)
  })

  it('an interrupt without a name is shown by its vector', () => {
    expect(interruptName(0x123)).toBe('interrupt 0x123')
  })
})

const run = (first: number, pages: number, more: Partial<PageRun> = {}): PageRun => ({
  ra: realAddress(first),
  pages,
  owner: 'hypervisor',
  use: 'host',
  ...more,
})
const SECURE = 2 ** 32

describe('the memory partition', () => {
  it('tells what changed, not what was cut or joined', () => {
    const before = toRuns([run(0, 10), run(10, 10), run(30, 2)])
    const after = toRuns([run(0, 15), run(15, 5), run(30, 1, { owner: 'guest' }), run(40, 1)])
    expect(
      changes(before, after).map(({ first, pages, before, after }) => [first, pages, before?.owner, after?.owner]),
    ).toEqual([
      [30, 1, 'hypervisor', 'guest'],
      [31, 1, 'hypervisor', undefined],
      [40, 1, undefined, 'hypervisor'],
    ])
    expect(changes(before, before)).toEqual([])
  })

  it('sees a page that moved inside its VM', () => {
    const was = toRuns([run(8, 4, { gpa: '0x0' })])
    expect(changes(was, toRuns([run(8, 4, { gpa: '0x40000' })]))).toHaveLength(1)
    expect(changes(was, toRuns([run(8, 2, { gpa: '0x0' }), run(10, 2, { gpa: '0x20000' })]))).toEqual([])
  })

  it('has two halves with what is free in each', () => {
    const map = {
      normalBytes: 100 << 16,
      secureBytes: 50 << 16,
      vmState: 'normal',
      seq: 0,
      runs: [run(0, 30), run(SECURE + 5, 20)],
    }
    const { normal, secure } = halves(map as never)
    expect([normal.pages, normal.freePages, normal.runs.length]).toEqual([100, 70, 1])
    expect([secure.pages, secure.freePages, secure.first]).toEqual([50, 30, SECURE])
  })

  it('draws to scale, and what is too small still visibly, inside the bar', () => {
    const items = toRuns([run(0, 50), run(50, 1), run(51, 1), run(999, 1)])
    const boxes = layOut(items, { first: 0, pages: 1000 }, 100, ({ run: { owner } }) => owner)
    expect(boxes.map(({ x, width }) => [x, width])).toEqual([
      [0, 5],
      [5, 2],
      [98, 2],
    ])
  })
})

describe('a mark of what is new', () => {
  it('at a stop is what came since the stop before', () => {
    const mark = new StopMark()
    mark.note({ state: 'stopped', stops: 1 }, 100)
    expect(mark.newFrom).toBe(100)
    mark.note({ state: 'running', stops: 1 }, 130)
    expect(mark.newFrom).toBe(100)
    mark.note({ state: 'stopped', stops: 2 }, 150)
    expect(mark.newFrom).toBe(100)
    mark.note({ state: 'stopped', stops: 3 }, 160)
    expect(mark.newFrom).toBe(150)
  })
})

describe('the log', () => {
  const log = Array.from({ length: 4500 }, (_, seq) => ({ seq }) as unknown as WireRecord)
  it('is read in batches, each record once', async () => {
    const asked: number[] = []
    const reader = new LogReader(
      async ({ from = 0, limit = 0 }) => {
        asked.push(from)
        const records = log.slice(from, from + limit)
        return { records, next: from + records.length, first: 0, total: log.length }
      },
      ['ultracall'],
    )
    expect(await reader.advance()).toHaveLength(4500)
    expect(asked).toEqual([0, 2000, 4000])
    expect(await reader.advance()).toHaveLength(0)
    expect(reader.records).toEqual(log)
  })

  it('that the machine has given up in part is read from there, and what is missing counted', async () => {
    const [first, total] = [800_000, 800_100]
    const reader = new LogReader(
      async ({ from = 0, limit = 0 }) => ({
        records: [],
        first,
        next: Math.min(total, Math.max(from, first) + limit),
        total,
      }),
      [],
    )
    await reader.advance()
    expect(reader.skipped).toBe(800_000)
    expect(reader.next).toBe(total)
    await reader.advance()
    expect(reader.skipped).toBe(800_000)
  })
})

describe('numbers', () => {
  it('are as a person reads them', () => {
    expect([0, 1023, 65536, 1536 * 1024, 2 ** 31].map(bytesText)).toEqual([
      '0 B',
      '1023 B',
      '64 KiB',
      '1.5 MiB',
      '2 GiB',
    ])
    expect(countText(1234567)).toBe('1,234,567')
    expect([pagesText(1), pagesText(1024)]).toEqual(['1 page', '1,024 pages'])
    expect(hexGroups('0123456789abcdef01')).toBe('01234567 89abcdef 01')
  })

  it.each([
    [0, 'success'],
    [0x1c4, 'parameter 1 is out of range or wrong here'],
    [0x98e, 'session 1 has a wrong authorization; the dictionary attack protection counts it'],
    [0x18b, 'handle 1 is no right handle'],
    [0x922, 'the TPM could not begin: send it again'],
    [0x154, 'the operation led to no result, as a decryption with the wrong key or padding'],
  ])('response code %i in words', (code, words) => {
    expect(responseWords(code)).toBe(words)
  })
})

describe('the bytes of an operand', () => {
  it('are lines of sixteen with offset and characters', () => {
    expect(hexDump('00617aff', 0x20)).toBe(`000020  00 61 7a ff${' '.repeat(37)}  .az.`)
    const lines = hexDump('41'.repeat(33), 0).split('\n')
    expect(lines.map((line) => line.slice(0, 6))).toEqual(['000000', '000010', '000020'])
    expect(lines[0]).toMatch(/^000000 {2}(41 ){7}41 {2}(41 ){7}41 {2}A{16}$/)
    expect(hexDump('', 0)).toBe('')
  })

  it('belong to parts that fold', () => {
    const parts = [0, 1, 2, 2, 1, 0, 1].map((depth) => ({ depth }))
    expect(parts.map((_, index) => childrenOf(parts, index))).toEqual([4, 2, 0, 0, 0, 1, 0])
    expect(visibleParts(parts, new Set())).toHaveLength(7)
    expect(visibleParts(parts, new Set([1]))).toEqual([0, 1, 4, 5, 6])
    expect(visibleParts(parts, new Set([0, 1, 5]))).toEqual([0, 5])
  })
})

describe('the console as a terminal', () => {
  it('begins each line at its beginning, once', () => {
    const text = new ConsoleText()
    expect(['a\nb\r', '\nc\r\n', '\n\n'].map((piece) => text.forTerminal(piece))).toEqual([
      'a\r\nb\r',
      '\nc\r\n',
      '\r\n\r\n',
    ])
  })
})
