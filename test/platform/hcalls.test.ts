import { describe, expect, test } from 'vitest'
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Inputs } from '../../debug-adapter/machine/clock/inputs.ts'
import { LPCR } from '../../debug-adapter/machine/cpu/interrupts.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { H, hcallByNumber, hcallCodeName, hcalls } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { handleHcall } from '../../debug-adapter/machine/platform/hcalls.ts'
import { InterruptPresenter } from '../../debug-adapter/machine/platform/interrupts/presenter.ts'
import { Platform } from '../../debug-adapter/machine/platform/platform.ts'
import { processTable } from '../../debug-adapter/machine/platform/process-table.ts'
import { RTAS_TOKENS } from '../../debug-adapter/machine/platform/rtas-tokens.ts'
import { SharedAreas } from '../../debug-adapter/machine/platform/vpa.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'
import { nobleCrypto } from '../../server/esm/crypto/noble.ts'
import { MiB, RtasBench, TestMemory, text } from './guest.ts'

class Processor {
  readonly sprs = new Map<number, bigint>()
  spr(number: number): bigint {
    return this.sprs.get(number) ?? 0n
  }
  setSpr(number: number, value: bigint): void {
    this.sprs.set(number, value)
  }
}

function bench(options: { memory?: TestMemory; processor?: Processor } = {}) {
  const { bridge, console, rtas, memory, trace } = new RtasBench(options.memory ?? new TestMemory(MiB))
  const presenter = new InterruptPresenter()
  const areas = new SharedAreas()
  const random = new Inputs(nobleCrypto, 1).stream('H_RANDOM')
  const context = {
    memory,
    console,
    rtas,
    openFirmware: undefined,
    random,
    presenter,
    bridge,
    areas,
    processor: options.processor,
  }
  // A call takes as many registers as the hypervisor read: 9, most of them unused.
  const call = (name: string, ...args: bigint[]) =>
    handleHcall(name, [...args, ...Array(9 - args.length).fill(0n)], context)
  return { call, console, memory, rtas, trace, areas }
}

const VTY = 0x7100_0000n

describe('the terminal', () => {
  test('prints up to 16 bytes out of two registers', () => {
    const { call, console, trace } = bench()
    expect(call('H_PUT_TERM_CHAR', VTY, 16n, 0x3031323334353637n, 0x38394142434445460n >> 4n)).toEqual([H.SUCCESS])
    expect(console.text).toBe('0123456789ABCDEF')
    expect(call('H_PUT_TERM_CHAR', 0n, 1n, 0x2100_0000_0000_0000n, 0n)).toEqual([H.SUCCESS])
    expect(call('H_PUT_TERM_CHAR', 0n, 0n, 0x2100_0000_0000_0000n, 0n)).toEqual([H.SUCCESS])
    expect(trace.of('console').map((record) => record.text)).toEqual(['0123456789ABCDEF', '!'])
  })

  test('keeps a character of several bytes whole', () => {
    const { call, console } = bench()
    for (const byte of text('é€')) call('H_PUT_TERM_CHAR', VTY, 1n, BigInt(byte) << 56n, 0n)
    expect(console.text).toBe('é€')
  })

  test('refuses more, and other units', () => {
    const { call, console } = bench()
    expect(call('H_PUT_TERM_CHAR', VTY, 17n, 0n, 0n)).toEqual([H.PARAMETER])
    expect(call('H_PUT_TERM_CHAR', VTY, (1n << 64n) - 1n, 0n, 0n)).toEqual([H.PARAMETER])
    expect(call('H_PUT_TERM_CHAR', VTY + 1n, 1n, 0n, 0n)).toEqual([H.PARAMETER])
    expect(call('H_GET_TERM_CHAR', VTY + 1n)).toEqual([H.PARAMETER])
    expect(console.text).toBe('')
  })

  test('gives what was typed, 16 bytes at a time', () => {
    const { call, console } = bench()
    expect(call('H_GET_TERM_CHAR', VTY)).toEqual([H.SUCCESS, 0n, 0n, 0n])
    console.type(text('0123456789ABCDEFG'))
    expect(call('H_GET_TERM_CHAR', VTY)).toEqual([H.SUCCESS, 16n, 0x3031323334353637n, 0x3839414243444546n])
    expect(call('H_GET_TERM_CHAR', VTY)).toEqual([H.SUCCESS, 1n, 0x4700_0000_0000_0000n, 0n])
  })
})

describe('H_SET_MODE', () => {
  test('sets byte order and place of interrupts in LPCR', () => {
    const processor = new Processor()
    processor.setSpr(SPR.LPCR, LPCR.HR)
    const { call } = bench({ processor })
    expect(call('H_SET_MODE', 1n, 4n)).toEqual([H.SUCCESS])
    expect(processor.spr(SPR.LPCR)).toBe(LPCR.HR | LPCR.ILE)
    expect(call('H_SET_MODE', 3n, 3n)).toEqual([H.SUCCESS])
    expect(processor.spr(SPR.LPCR)).toBe(LPCR.HR | LPCR.ILE | LPCR.AIL)
    expect(call('H_SET_MODE', 0n, 3n)).toEqual([H.SUCCESS])
    expect(call('H_SET_MODE', 0n, 4n)).toEqual([H.SUCCESS])
    expect(processor.spr(SPR.LPCR)).toBe(LPCR.HR)
  })

  test('says which argument it does not take', () => {
    const processor = new Processor()
    const { call } = bench({ processor })
    expect(call('H_SET_MODE', 1n, 2n)).toEqual([H.P2])
    expect(call('H_SET_MODE', 1n, 4n, 1n)).toEqual([H.P3])
    expect(call('H_SET_MODE', 1n, 4n, 0n, 1n)).toEqual([H.P4])
    expect(call('H_SET_MODE', 2n, 4n)).toEqual([H.UNSUPPORTED_FLAG])
    expect(call('H_SET_MODE', 1n, 3n)).toEqual([H.UNSUPPORTED_FLAG])
    expect(processor.sprs.size).toBe(0)
  })

  test('sets the address after which the guest is traced, but for no state of the hypervisor', () => {
    const processor = new Processor()
    const { call } = bench({ processor })
    expect(call('H_SET_MODE', 0n, 1n, 0x1002n)).toEqual([H.SUCCESS])
    expect(processor.spr(SPR.CIABR)).toBe(0x1002n)
    expect(call('H_SET_MODE', 0n, 1n, 0x2003n)).toEqual([H.P3])
    expect(call('H_SET_MODE', 0n, 1n, 0x2002n, 1n)).toEqual([H.P4])
    expect(call('H_SET_MODE', 1n, 1n, 0x2002n)).toEqual([H.UNSUPPORTED_FLAG])
    expect(processor.spr(SPR.CIABR)).toBe(0x1002n)
  })

  test('is not there without a processor to set up', () => {
    expect(bench().call('H_SET_MODE', 1n, 4n)).toBeUndefined()
  })
})

describe('H_REGISTER_VPA', () => {
  const [VPA, DTL, SLB, NO_VPA, NO_DTL] = [1n, 2n, 3n, 5n, 6n].map((f) => f << 45n) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ]
  const sized = (memory: TestMemory) => {
    new DataView(memory.data.buffer).setUint16(0x2004, 640)
    memory.setU32(0x3004, 48)
    return memory
  }

  test('takes an area, its dispatch log after it, and gives both up in turn', () => {
    const { call, areas } = bench({ memory: sized(new TestMemory(MiB)) })
    expect(call('H_REGISTER_VPA', DTL, 0n, 0x3000n)).toEqual([H.RESOURCE])
    expect(call('H_REGISTER_VPA', VPA, 0n, 0x2000n)).toEqual([H.SUCCESS])
    expect(call('H_REGISTER_VPA', DTL, 0n, 0x3000n)).toEqual([H.SUCCESS])
    expect([areas.address('vpa'), areas.address('dtl'), areas.address('slb')]).toEqual([0x2000n, 0x3000n, undefined])
    expect(call('H_REGISTER_VPA', NO_VPA, 0n, 0n)).toEqual([H.RESOURCE])
    expect(call('H_REGISTER_VPA', NO_DTL, 0n, 0n)).toEqual([H.SUCCESS])
    expect(call('H_REGISTER_VPA', NO_VPA, 0n, 0n)).toEqual([H.SUCCESS])
    expect(areas.address('vpa')).toBeUndefined()
  })

  test.each([
    ['another processor', VPA, 1n, 0x2000n, H.PARAMETER],
    ['no function', 0n, 0n, 0x2000n, H.PARAMETER],
    ['address 0', VPA, 0n, 0n, H.HARDWARE],
    ['an area that is too small', VPA, 0n, 0x5000n, H.PARAMETER],
    ['no cache line', VPA, 0n, 0x2040n, H.PARAMETER],
    ['a shadow without an area', SLB, 0n, 0x3000n, H.RESOURCE],
  ])('refuses %s', (_, flags, processor, address, code) => {
    const memory = sized(new TestMemory(MiB))
    new DataView(memory.data.buffer).setUint16(0x2044, 640)
    expect(bench({ memory }).call('H_REGISTER_VPA', flags, processor, address)).toEqual([code])
  })

  test('refuses an area over the end of a page', () => {
    const memory = new TestMemory(MiB)
    new DataView(memory.data.buffer).setUint16(0x2f80 + 4, 640)
    expect(bench({ memory }).call('H_REGISTER_VPA', VPA, 0n, 0x2f80n)).toEqual([H.PARAMETER])
  })

  test('is refused by memory where an SVM did not share the page', () => {
    const memory = sized(new TestMemory(MiB, (gpa) => gpa < 0x1_0000n))
    expect(() => bench({ memory }).call('H_REGISTER_VPA', VPA, 0n, 0x2000n)).toThrow(/MEM-003/)
  })
})

describe('H_REGISTER_PROC_TBL', () => {
  test('becomes doubleword 1 of the partition table entry', () => {
    expect(processTable([0x1dn, 0x1e00_0000n, 0n, 0xcn])).toEqual({
      code: H.SUCCESS,
      doubleword1: 0x8000_0000_1e00_000cn,
    })
    expect(processTable([0x10n, 0n, 0n, 0n])).toEqual({ code: H.SUCCESS, doubleword1: 1n << 63n })
    expect(processTable([0x04n, 0n, 0n, 0n])).toEqual({ code: H.SUCCESS })
  })

  test.each([
    [[0x20n, 0n, 0n, 0n], H.PARAMETER],
    [[0x18n, 0x1000n, 0n, 0n], H.PARAMETER],
    [[0x1cn, 0x1001n, 0n, 0n], H.P2],
    [[0x1cn, 1n << 60n, 0n, 0n], H.P2],
    [[0x1cn, 0x1000n, 1n, 0n], H.P3],
    [[0x1cn, 0x1000n, 0n, 25n], H.P4],
  ])('flags and arguments %s are answered with %s', (args, code) => {
    expect(processTable(args)).toEqual({ code })
  })
})

describe('the interrupt presentation controller', () => {
  test('presents an IPI below the priority, masks it, and goes back at the end', () => {
    const { call } = bench()
    expect(call('H_IPI', 0n, 5n)).toEqual([H.SUCCESS])
    // Everything is masked after power-on.
    expect(call('H_XIRR')).toEqual([H.SUCCESS, 0n])
    expect(call('H_CPPR', 0xffn)).toEqual([H.SUCCESS])
    expect(call('H_IPOLL', 0n)).toEqual([H.SUCCESS, 0xff00_0002n, 5n])
    expect(call('H_XIRR')).toEqual([H.SUCCESS, 0xff00_0002n])
    expect(call('H_XIRR')).toEqual([H.SUCCESS, 0x0500_0000n])
    expect(call('H_IPI', 0n, 0xffn)).toEqual([H.SUCCESS])
    expect(call('H_EOI', 0xff00_0002n)).toEqual([H.SUCCESS])
    expect(call('H_XIRR')).toEqual([H.SUCCESS, 0xff00_0000n])
  })

  test('has one processor', () => {
    const { call } = bench()
    expect(call('H_IPI', 1n, 5n)).toEqual([H.PARAMETER])
    expect(call('H_IPOLL', 1n)).toEqual([H.PARAMETER])
    expect([call('H_PROD', 0n), call('H_PROD', 1n)]).toEqual([[H.SUCCESS], [H.PARAMETER]])
  })
})

describe('the platform', () => {
  const platform = () => {
    const clock = new Clock()
    return new Platform(new Trace(clock), clock, new Inputs(nobleCrypto, 1))
  }

  test('calls nothing before a VM is loaded', () => {
    expect(() => platform().hypercall(0x58, [])).toThrow(/Platform\.load first/)
  })

  test('answers H_RTAS, and remembers how the VM ended', () => {
    const { call, rtas, memory } = bench()
    memory.setU32(0x1000, RTAS_TOKENS['power-off'], 2, 1)
    expect(call('H_RTAS', 0x1000n)).toEqual([H.SUCCESS])
    expect(rtas.end?.how).toBe('halted')
    expect(() => call('H_RTAS', 1n << 40n)).toThrow(/MEM-004/)
  })

  test('draws H_RANDOM from the recorded source', () => {
    const [a, b] = [bench(), bench()]
    const first = a.call('H_RANDOM')!
    expect(first).toEqual(b.call('H_RANDOM'))
    expect(a.call('H_RANDOM')).not.toEqual(first)
    expect(first[1]! < 1n << 64n).toBe(true)
  })

  test('has no other call, whatever its name', () => {
    const { call } = bench()
    for (const name of ['H_ENTER', 'H_SVM_PAGE_IN', 'H_HOME_NODE_ASSOCIATIVITY', 'constructor', 'toString', ''])
      expect(call(name), name).toBeUndefined()
    expect(platform().hypercall(0x1_0000, [])).toBeUndefined()
  })

  test('tells that no mitigation is needed, and comes back from waiting at once', () => {
    const { call } = bench()
    expect(call('H_GET_CPU_CHARACTERISTICS')).toEqual([H.SUCCESS, 0n, 0n])
    expect(call('H_CEDE')).toEqual([H.SUCCESS])
  })
})

describe('the table of hypercalls', () => {
  test('has the 100 that an SVM may make and the two of the ultravisor', () => {
    expect(hcalls).toHaveLength(102)
    expect(hcallByNumber.size).toBe(102)
    expect(new Set(hcalls.map(({ name }) => name)).size).toBe(102)
  })

  test.each([
    [0x4, 'H_REMOVE', 6, 3],
    [0xc, 'H_READ', 3, 9],
    [0x58, 'H_PUT_TERM_CHAR', 5, 1],
    [0x120, 'H_SEND_LOGICAL_LAN', 9, 1],
    [0x2f4, 'H_BEST_ENERGY', 10, 3],
    [0xef00, 'H_SVM_PAGE_IN', 4, 1],
    [0xef08, 'H_SVM_INIT_START', 1, 1],
    [0xef14, 'H_SVM_INIT_ABORT', 1, 1],
    [0xf000, 'H_RTAS', 2, 2],
    [0xf80c, 'H_COPY_TOFROM_GUEST', 7, 1],
  ])('0x%x is %s with %d in and %d out', (number, name, inputs, out) => {
    expect(hcallByNumber.get(number)).toMatchObject({ name, in: inputs, out })
  })

  test('names no more arguments than go in, and its numbers are multiples of four', () => {
    for (const entry of hcalls) {
      expect(entry.args?.length ?? 0, entry.name).toBeLessThan(entry.in)
      expect(entry.number % 4, entry.name).toBe(0)
    }
  })

  test('names return codes', () => {
    expect(hcallCodeName(-4n)).toBe('H_PARAMETER (-4)')
    expect(hcallCodeName(-12345n)).toBe('-12345')
  })
})
