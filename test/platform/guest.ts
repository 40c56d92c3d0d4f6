import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Console } from '../../debug-adapter/machine/platform/console.ts'
import type { GuestMemory } from '../../debug-adapter/machine/platform/guest-memory.ts'
import { InterruptPresenter } from '../../debug-adapter/machine/platform/interrupts/presenter.ts'
import { PciHostBridge } from '../../debug-adapter/machine/platform/pci/host-bridge.ts'
import { Rtas } from '../../debug-adapter/machine/platform/rtas.ts'
import { RefusalError } from '../../debug-adapter/machine/refusal.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'

export const MiB = 1 << 20

/** Memory of a VM as the hypervisor reaches it; `secure` says which addresses it does not. */
export class TestMemory implements GuestMemory {
  readonly data: Uint8Array

  constructor(
    bytes: number,
    readonly secure: (gpa: bigint) => boolean = () => false,
  ) {
    this.data = new Uint8Array(bytes)
  }

  get bytes(): bigint {
    return BigInt(this.data.length)
  }

  #check(gpa: bigint, length: number): number {
    const outside = gpa + BigInt(length) > this.bytes
    if (outside || this.secure(gpa))
      throw new RefusalError({
        rule: outside ? 'MEM-004' : 'MEM-003',
        expected: 'memory of the hypervisor',
        found: `gpa 0x${gpa.toString(16)}`,
        source: 'test',
      })
    return Number(gpa)
  }

  read(gpa: bigint, length: number): Uint8Array {
    const at = this.#check(gpa, length)
    return this.data.slice(at, at + length)
  }

  write(gpa: bigint, bytes: Uint8Array): void {
    this.data.set(bytes, this.#check(gpa, bytes.length))
  }

  u32(gpa: number): number {
    return new DataView(this.data.buffer).getUint32(gpa)
  }

  setU32(gpa: number, ...values: number[]): void {
    for (const [i, value] of values.entries()) new DataView(this.data.buffer).setUint32(gpa + i * 4, value)
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** RTAS, and a place to call it from. */
export class RtasBench {
  readonly clock = new Clock()
  readonly trace = new Trace(this.clock)
  readonly console = new Console(this.trace)
  readonly presenter = new InterruptPresenter()
  readonly bridge = new PciHostBridge(this.presenter)
  readonly rtas = new Rtas(this.console, this.clock, this.trace, this.presenter, this.bridge)

  constructor(readonly memory = new TestMemory(MiB)) {}

  /** Calls a service by token. @returns the code of H_RTAS, the status (signed) and the results behind it */
  call(token: number, args: readonly number[], nret = 1, block = 0x1000) {
    this.memory.setU32(block, token, args.length, nret, ...args, ...Array(nret).fill(0xdead_beef))
    const code = this.rtas.call(this.memory, BigInt(block))
    const results = Array.from({ length: nret }, (_, i) => this.memory.u32(block + 12 + (args.length + i) * 4))
    return { code, status: (results[0] ?? 0) | 0, results: results.slice(1) }
  }

  /** Rules of everything that was refused so far. */
  get rules(): string[] {
    return this.trace.of('refusal').map(({ rule }) => rule)
  }
}
