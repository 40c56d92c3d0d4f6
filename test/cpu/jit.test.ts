/** What compiled code must not get wrong: faults, code that changes, breakpoints, the decrementer, modes. Beside the interpreter. */
import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { type Guest, guest } from './guest.ts'
import { registersOf } from './lockstep.ts'
import { FLAT, type TestMachine, testMachine, write } from './machine.ts'

const JIT = { jit: { threshold: 4 } }

/** Runs the same on a machine with the compiler and one without; what `body` returns and the registers must be equal. */
function together<T>(body: (machine: TestMachine) => T, expectCompiled = true): T {
  const plain = testMachine()
  const compiled = testMachine(JIT)
  const expected = body(plain)
  expect(body(compiled)).toEqual(expected)
  expect(registersOf(compiled)).toBe(registersOf(plain))
  if (expectCompiled) expect(compiled.cpu.jitStatistics.pages).toBeGreaterThan(0)
  return expected
}

/** A loop of `body` that CTR counts, at 0x1000; behind it `sc`. */
function loop(machine: TestMachine, body: readonly string[], times: number): void {
  const head = ['li r3,0', `lis r4,${times >> 16}`, `ori r4,r4,${times & 0xffff}`, 'mtctr r4']
  const start = 0x1000 + 4 * head.length
  write(machine, 0x1000, [...head, ...body, `bdnz 0x${start.toString(16)}`, 'sc'])
  machine.cpu.nia = 0x1000n
}

/** In pieces, between which pages are compiled. */
function run({ cpu }: TestMachine, budget = 10_000_000): unknown {
  for (let left = budget; left > 0; left -= 2000) {
    const exit = cpu.run(Math.min(left, 2000))
    if (exit.kind !== 'budget') return exit
  }
  return { kind: 'budget' }
}

describe('faults', () => {
  it('stop at the very instruction, with the registers before it', () => {
    const exit = together((machine) => {
      // The last doubleword of memory is at 0xFFFFF8; the loop walks over the end.
      machine.cpu.setGpr(5, 0xff_0000n)
      loop(machine, ['addi r6,r3,1', 'ldu r7,8(r5)', 'add r3,r6,r7', 'addi r3,r3,5'], 100_000)
      const first = run(machine, 5000)
      return [
        first,
        run(machine),
        machine.cpu.nia,
        machine.cpu.spr(SPR.DAR),
        machine.cpu.spr(SPR.SRR0),
        machine.cpu.gpr(5),
      ]
    })
    expect(exit[1]).toMatchObject({ kind: 'interrupt', vector: 0x200 })
    expect(exit.slice(3)).toEqual([0x100_0000n, 0x1014n, 0xff_fff8n])
  })

  it('leave a store that crosses into nowhere undone', () => {
    together((machine) => {
      machine.cpu.setGpr(5, 0xff_0001n)
      loop(machine, ['stdu r3,8(r5)', 'addi r3,r3,1'], 100_000)
      return [run(machine, 4000), run(machine), machine.cpu.gpr(5), machine.view.read(0xff_fff0n, 16)]
    })
  })

  it('trap in the middle of a loop', () => {
    const exit = together((machine) => {
      loop(machine, ['addi r3,r3,1', 'cmpwi cr3,r3,77', 'tdeqi r3,20001', 'addi r3,r3,1'], 100_000)
      return [run(machine, 9000), run(machine), machine.cpu.spr(SPR.SRR0)]
    })
    expect(exit[2]).toBe(0x1018n)
  })

  it('find the facility that is switched off', () => {
    together((machine) => {
      machine.cpu.msr = FLAT | MSR.FP
      loop(machine, ['addi r3,r3,1', 'fadd f1,f1,f2'], 50_000)
      const first = run(machine, 20_000)
      machine.cpu.msr = FLAT
      return [first, run(machine)]
    })
  })
})

describe('the count of instructions', () => {
  for (const piece of [1, 7, 1023, 1024, 1025, 3001])
    it(`is exact in pieces of ${piece}`, () => {
      together((machine) => {
        loop(machine, ['addi r3,r3,1', 'andi. r4,r3,3', 'bne 0x1028', 'addi r5,r5,1', 'nop', 'addi r6,r6,1'], 4000)
        run(machine, 6000)
        const places: unknown[] = []
        for (let i = 0; i < 8; i++) places.push(machine.cpu.run(piece), machine.cpu.nia, machine.clock.instructions)
        return places
      })
    })

  it('takes the decrementer at the same instruction', () => {
    together((machine) => {
      machine.cpu.msr = FLAT | MSR.EE
      loop(machine, ['addi r3,r3,1', 'addi r5,r5,2', 'add r6,r5,r3'], 400_000)
      run(machine, 20_000)
      machine.cpu.setSpr(SPR.DEC, 12_345n)
      return [run(machine), machine.cpu.spr(SPR.SRR0), machine.clock.instructions]
    })
  })

  it('is what mftb reads', () => {
    together((machine) => {
      loop(machine, ['mftb r4', 'add r3,r3,r4', 'addi r5,r5,1'], 30_000)
      return [run(machine), machine.cpu.gpr(3)]
    })
  })
})

describe('code that changes', () => {
  it('in its own page, by its own store', () => {
    // The word at 0x1030 becomes `addi r7,r7,2` after 2000 rounds.
    const machine = together((one) => {
      loop(
        one,
        [
          'addi r3,r3,1',
          'cmpdi r3,2000',
          'bne 0x1028',
          'lis r8,0x38e7',
          'ori r8,r8,2',
          'stw r8,0x1030(0)',
          'nop',
          'nop',
          'addi r7,r7,1',
        ],
        4000,
      )
      return [run(one), one.cpu.gpr(7)]
    })
    expect(machine[1]).toBe(1999n + 2n * 2001n)
  })

  it('by a debugger between two runs', () => {
    together((machine) => {
      loop(machine, ['addi r3,r3,1', 'addi r7,r7,1'], 60_000)
      run(machine, 30_000)
      write(machine, 0x1014, ['addi r7,r7,100'])
      return [run(machine), machine.cpu.gpr(7)]
    })
  })

  it('does not matter where it is data beside code', () => {
    const compiled = testMachine(JIT)
    loop(compiled, ['addi r3,r3,1', 'stw r3,0x1f00(0)', 'addi r7,r7,1'], 60_000)
    run(compiled)
    expect(compiled.cpu.jitStatistics.discarded).toBe(0)
    expect(compiled.cpu.gpr(7)).toBe(60_000n)
  })
})

describe('breakpoints', () => {
  it('stop compiled code, and leave it compiled elsewhere', () => {
    together((machine) => {
      loop(machine, ['addi r3,r3,1', 'bl 0x3000', 'addi r7,r7,1'], 50_000)
      write(machine, 0x3000, ['addi r8,r8,1', 'blr'])
      run(machine, 50_000)
      machine.cpu.breakpoints.add(0x1018n)
      const stops = [1, 2, 3].map(() => [machine.cpu.run(1_000_000, { skipFirstBreakpoint: true }), machine.cpu.gpr(3)])
      machine.cpu.breakpoints.clear()
      return [stops, run(machine)]
    })
  })
})

describe('control', () => {
  it('goes through CTR inside the page and out of it', () => {
    together((machine) => {
      write(machine, 0x1000, [
        'lis r4,1',
        'addi r3,r3,1',
        'andi. r5,r3,1',
        'li r6,0x1020',
        'beq 0x1018',
        'li r6,0x3000',
        'mtctr r6',
        'bctr',
        'addi r7,r7,1',
        'cmpd r3,r4',
        'bne 0x1004',
        'sc',
      ])
      write(machine, 0x3000, ['addi r8,r8,3', 'b 0x1024'])
      machine.cpu.nia = 0x1000n
      return [run(machine), machine.cpu.gpr(7), machine.cpu.gpr(8)]
    })
  })

  it('enters a loop in its middle', () => {
    together((machine) => {
      write(machine, 0x1000, [
        'li r3,0',
        'lis r9,1',
        'mtctr r9',
        'b 0x1014',
        'addi r5,r5,1',
        'addi r3,r3,1',
        'andi. r4,r3,7',
        'bne 0x1014',
        'bdnz 0x1010',
        'sc',
      ])
      machine.cpu.nia = 0x1000n
      return [run(machine), machine.cpu.gpr(3), machine.cpu.gpr(5)]
    })
  })

  it('falls from one page into the next', () => {
    together((machine) => {
      write(machine, 0x1ff0, [
        'addi r3,r3,1',
        'addi r4,r4,2',
        'addi r5,r5,3',
        'addi r6,r6,4',
        'addi r7,r7,5',
        'bdnz 0x1ff0',
        'sc',
      ])
      machine.cpu.nia = 0x1ff0n
      machine.cpu.ctr = 40_000n
      return run(machine)
    })
  })

  it('keeps compiled code out of 32-bit mode, and compiles big-endian code', () => {
    for (const mode of [FLAT & ~MSR.LE, FLAT & ~MSR.SF])
      together(
        (machine) => {
          machine.cpu.msr = mode
          const lines = ['addi r3,r3,1', 'stw r3,0x100(r9)', 'lhz r4,0x102(r9)', 'add r5,r5,r4', 'bdnz 0x1000', 'sc']
          write(machine, 0x1000, lines, (mode & MSR.LE) !== 0n)
          machine.cpu.nia = 0x1000n
          machine.cpu.ctr = 30_000n
          machine.cpu.setGpr(9, 0x8000n)
          return [run(machine), machine.cpu.gpr(5)]
        },
        (mode & MSR.SF) !== 0n,
      )
  })
})

/** A guest with a handler of data storage interrupts that maps nothing and skips the instruction. */
function skipping(machine: Guest): void {
  for (let page = 0n; page < 8n; page++) machine.map(page << 16n, 0x10_0000n + (page << 16n))
  write(machine, 0x10_0300, ['addi r20,r20,1', 'mfsrr0 r21', 'addi r21,r21,4', 'mtsrr0 r21', 'rfid'], true, 0x300n)
}

it('goes on after a guest that handles its own interrupts', () => {
  const plain = guest()
  const compiled = guest(JIT)
  const results = [plain, compiled].map((machine) => {
    skipping(machine)
    // No tables of its own: a translated access fails, whatever the address.
    write(
      machine,
      0x10_1000,
      [
        'addi r3,r3,1',
        'mfmsr r5',
        'ori r5,r5,16',
        'mtmsrd r5',
        'ld r7,0(r3)',
        'xori r5,r5,16',
        'mtmsrd r5',
        'bdnz 0x1000',
        'sc 1',
      ],
      true,
      0x1000n,
    )
    machine.cpu.nia = 0x1000n
    machine.cpu.ctr = 5000n
    return [run(machine, 400_000), registersOf(machine)]
  })
  expect(results[1]).toEqual(results[0])
  expect(compiled.cpu.gpr(20)).toBeGreaterThan(1000n)
  expect(compiled.cpu.jitStatistics.pages).toBeGreaterThan(0)
})
