import { describe, expect, test } from 'vitest'
import { H } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { NVRAM_BYTES } from '../../debug-adapter/machine/platform/rtas.ts'
import {
  RTAS_SERVICES,
  RTAS_TOKENS,
  type RtasService,
  rtasService,
} from '../../debug-adapter/machine/platform/rtas-tokens.ts'
import { RefusalError } from '../../debug-adapter/machine/refusal.ts'
import { MiB, RtasBench, TestMemory, text } from './guest.ts'

const T = RTAS_TOKENS
const names = Object.keys(RTAS_SERVICES) as RtasService[]

describe('argument blocks', () => {
  test('of an unknown token get -3, and the call H_PARAMETER', () => {
    const bench = new RtasBench()
    expect(bench.call(0x1234, [1], 2)).toEqual({ code: H.PARAMETER, status: -3, results: [0] })
    expect(bench.rules).toEqual(['RTAS-002'])
  })

  test('with more than 16 words are not touched', () => {
    const bench = new RtasBench()
    bench.memory.setU32(0x1000, T['display-character'], 16, 1, 0x41)
    expect(bench.rtas.call(bench.memory, 0x1000n)).toBe(H.PARAMETER)
    bench.memory.setU32(0x1000, T['display-character'], 0xffff_ffff, 0xffff_ffff)
    expect(bench.rtas.call(bench.memory, 0x1000n)).toBe(H.PARAMETER)
    expect(bench.console.text).toBe('')
    expect(bench.rules).toEqual(['RTAS-001', 'RTAS-001'])
  })

  test.each([BigInt(MiB), BigInt(MiB - 8), 1n << 62n])('at 0x%x, outside memory, are refused', (block) => {
    const bench = new RtasBench()
    expect(() => bench.rtas.call(bench.memory, block)).toThrow(RefusalError)
  })

  test('whose results would lie outside memory do nothing', () => {
    const bench = new RtasBench()
    const block = MiB - 16
    bench.memory.setU32(block, T['display-character'], 1, 1, 0x41)
    expect(() => bench.rtas.call(bench.memory, BigInt(block))).toThrow(/MEM-004/)
    expect(bench.console.text).toBe('')
  })

  test.each(names)('of %s with another number of arguments or results get -3 and do nothing', (name) => {
    const { nargs, nret } = RTAS_SERVICES[name]
    const wrong = [
      { args: Math.max(...nargs) + 1, results: nret[0]! },
      { args: nargs[0]!, results: Math.max(...nret) + 1 },
    ]
    for (const { args, results } of wrong) {
      const bench = new RtasBench()
      const answer = bench.call(T[name], Array(args).fill(0), results)
      expect(answer.code).toBe(H.SUCCESS)
      expect(results > 0 && answer.status).toBe(results > 0 && -3)
      expect(bench.rules).toEqual(['RTAS-003'])
      expect(bench.rtas.end).toBeUndefined()
    }
  })

  test('leave the words behind the results alone', () => {
    const bench = new RtasBench()
    bench.memory.setU32(0x1000 + 12 + 8, 0x0bad_cafe)
    bench.call(T['display-character'], [0x41])
    expect(bench.memory.u32(0x1000 + 12 + 8)).toBe(0x0bad_cafe)
  })
})

describe('services', () => {
  test('have tokens of their own', () => {
    expect(new Set(Object.values(T)).size).toBe(names.length)
    for (const name of names) expect(rtasService(T[name])).toBe(name)
  })

  test('display-character prints', () => {
    const bench = new RtasBench()
    for (const character of 'hi\n') expect(bench.call(T['display-character'], [character.charCodeAt(0)]).status).toBe(0)
    expect(bench.console.text).toBe('hi\n')
    expect(bench.trace.of('console').map((record) => record.text)).toEqual(['h', 'i', '\n'])
  })

  test.each([
    ['power-off', [0, 0], 'halted'],
    ['system-reboot', [], 'halted'],
    ['stop-self', [], 'halted'],
  ] as const)('%s ends the VM', (name, args, how) => {
    const bench = new RtasBench()
    expect(bench.call(T[name], args).status).toBe(0)
    expect(bench.rtas.end).toEqual({ how, reason: expect.stringContaining(`RTAS ${name}`) })
  })

  test('stop-self needs no room for a status', () => {
    const bench = new RtasBench()
    expect(bench.call(T['stop-self'], [], 0).code).toBe(H.SUCCESS)
    expect(bench.rtas.end?.how).toBe('halted')
  })

  test('ibm,os-term ends the VM with its last words', () => {
    const bench = new RtasBench()
    bench.memory.write(0x2000n, text('Switch to secure mode failed.\n\0rest'))
    expect(bench.call(T['ibm,os-term'], [0x2000]).status).toBe(0)
    const reason = 'the VM ended itself: Switch to secure mode failed. (RTAS ibm,os-term)'
    expect(bench.rtas.end).toEqual({ how: 'stopped', reason })
  })

  test('ibm,os-term ends the VM also where its words run out of memory or cannot be read', () => {
    const cut = new RtasBench()
    cut.memory.write(BigInt(MiB - 3), text('abc'))
    cut.call(T['ibm,os-term'], [MiB - 3])
    expect(cut.rtas.end?.reason).toBe('the VM ended itself: abc (RTAS ibm,os-term)')

    const secret = new RtasBench(new TestMemory(MiB, (gpa) => gpa >= 0x2000n && gpa < 0x3000n))
    secret.call(T['ibm,os-term'], [0x2000])
    expect(secret.rtas.end?.reason).toContain('no readable text at 0x2000')
    expect(secret.rules).toEqual(['MEM-003'])
  })

  test('get-time-of-day counts instructions, not the time of the host', () => {
    const bench = new RtasBench()
    const now = () => bench.call(T['get-time-of-day'], [], 8).results
    expect(now()).toEqual([2026, 1, 1, 0, 0, 0, 0])
    expect(now()).toEqual(now())
    bench.clock.instructions = 512_000_000 * (24 * 3600 * 31 + 3661) + 256_000_000
    expect(now()).toEqual([2026, 2, 1, 1, 1, 1, 500_000_000])
  })

  test('nvram holds what was stored, and nothing outside it', () => {
    const bench = new RtasBench()
    bench.memory.write(0x3000n, text('boot-device'))
    expect(bench.call(T['nvram-store'], [NVRAM_BYTES - 11, 0x3000, 11], 2)).toMatchObject({ status: 0, results: [11] })
    expect(bench.call(T['nvram-fetch'], [NVRAM_BYTES - 11, 0x4000, 11], 2)).toMatchObject({ status: 0, results: [11] })
    expect(bench.memory.read(0x4000n, 12)).toEqual(text('boot-device\0'))
    for (const service of ['nvram-store', 'nvram-fetch'] as const) {
      expect(bench.call(T[service], [NVRAM_BYTES - 10, 0x4000, 11], 2).status).toBe(-3)
      expect(bench.call(T[service], [0xffff_ffff, 0x4000, 11], 2).status).toBe(-3)
      // A buffer outside the memory of the VM is an answer, not an end.
      expect(bench.call(T[service], [0, MiB - 4, 11], 2).status).toBe(-3)
    }
    expect(bench.rules).toEqual(['MEM-004', 'MEM-004'])
  })

  test('know one processor, which runs', () => {
    const bench = new RtasBench()
    expect(bench.call(T['query-cpu-stopped-state'], [0], 2)).toMatchObject({ status: 0, results: [2] })
    expect(bench.call(T['query-cpu-stopped-state'], [1], 2).status).toBe(-3)
    expect(bench.call(T['start-cpu'], [0, 0x100, 0]).status).toBe(-1)
    expect(bench.call(T['start-cpu'], [1, 0x100, 0]).status).toBe(-3)
  })

  test('ibm,nmi-register takes handlers in the first 32 MiB', () => {
    const bench = new RtasBench()
    expect(bench.call(T['ibm,nmi-register'], [0x1000, 32 * MiB]).status).toBe(-3)
    expect(bench.rtas.nmiHandlers).toBeUndefined()
    expect(bench.call(T['ibm,nmi-register'], [0x1000, 0x2000]).status).toBe(0)
    expect(bench.rtas.nmiHandlers).toEqual({ systemReset: 0x1000, machineCheck: 0x2000 })
  })

  test.each([
    ['event-scan', [0, 0, 0x2000, 64], 1],
    ['check-exception', [0, 0, 0, 0, 0x2000, 64], 1],
    ['check-exception', [0, 0, 0, 0, 0x2000, 64, 0], 1],
    ['ibm,get-system-parameter', [0x2c, 0x2000, 64], -3],
    ['ibm,set-system-parameter', [0x2c, 0x2000], -3],
    ['ibm,configure-connector', [0x2000, 0], -3],
    ['ibm,slot-error-detail', [0, 0, 0, 0, 0, 0, 0, 0], -3],
  ] as const)('%s answers with nothing to tell', (name, args, status) => {
    const bench = new RtasBench()
    expect(bench.call(T[name], args).status).toBe(status)
    expect(bench.rtas.end).toBeUndefined()
  })
})
