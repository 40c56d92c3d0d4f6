/** One vector instruction after another, for the tests of what QEMU is no oracle for. */
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { FLAT, type TestMachine, testMachine, write } from './machine.ts'

export class VectorMachine {
  readonly #machine: TestMachine = testMachine()
  #line = ''

  /** Executes a line with v1, v2 and so on holding the values. @param vscr NJ is bit 16, SAT bit 0 from the right */
  run(
    line: string,
    values: readonly bigint[] = [],
    vscr = 0n,
  ): { v: (n: number) => bigint; cr6: number; vscr: bigint } {
    const { cpu } = this.#machine
    if (line !== this.#line) write(this.#machine, 0x1000, ['mtvscr v31', line, 'mfvscr v31'])
    this.#line = line
    cpu.setVsr(32 + 31, vscr)
    for (const [i, value] of values.entries()) cpu.setVsr(33 + i, value)
    cpu.cr = 0
    cpu.msr = FLAT | MSR.VEC
    cpu.nia = 0x1000n
    cpu.run(3)
    return { v: (n) => cpu.vsr(32 + n), cr6: (cpu.cr >>> 4) & 15, vscr: cpu.vsr(32 + 31) }
  }
}
