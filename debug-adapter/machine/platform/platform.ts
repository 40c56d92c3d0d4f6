import type { MachineEnd } from '../api.ts'
import type { Clock } from '../clock/clock.ts'
import type { Inputs } from '../clock/inputs.ts'
import type { MachineConfig } from '../config.ts'
import type { Trace } from '../trace/trace.ts'
import { Console } from './console.ts'
import type { GuestMemory } from './guest-memory.ts'
import { H, hcallByNumber } from './hcall-table.ts'
import { type LoadedGuest, loadGuest } from './loader.ts'
import { Rtas } from './rtas.ts'

/** Largest piece of text that H_PUT_TERM_CHAR and H_GET_TERM_CHAR carry: two registers. */
const TERM_BYTES = 16

/** The PAPR platform that QEMU would be: loader, console, RTAS and the hypercalls that are not PEF's own. */
export class Platform {
  readonly console: Console
  readonly #rtas: Rtas
  readonly #random
  #memory: GuestMemory | undefined
  guest: LoadedGuest | undefined

  constructor(trace: Trace, clock: Clock, inputs: Inputs) {
    this.console = new Console(trace)
    this.#rtas = new Rtas(this.console, clock)
    this.#random = inputs.stream('H_RANDOM')
  }

  /** Set when the VM ended itself. */
  get end(): MachineEnd | undefined {
    return this.#rtas.end
  }

  /** @throws RangeError where something does not fit; KernelImageError where the kernel is no kernel */
  load(config: MachineConfig, memory: GuestMemory): LoadedGuest {
    this.#memory = memory
    this.guest = loadGuest(config, memory)
    return this.guest
  }

  /**
   * @param args R4 and on
   * @returns R3, R4..; undefined for a call that this platform does not know
   * @throws RefusalError where the call points to memory that the hypervisor does not have
   */
  hypercall(number: number, args: readonly bigint[]): readonly bigint[] | undefined {
    switch (hcallByNumber.get(number)?.name) {
      case 'H_PUT_TERM_CHAR':
        return this.#putTermChar(args)
      case 'H_GET_TERM_CHAR':
        return this.#getTermChar()
      case 'H_RTAS':
        this.#rtas.call(this.#memory!, args[0]!)
        return [H.SUCCESS]
      case 'H_RANDOM': {
        const bytes = this.#random(8)
        return [H.SUCCESS, new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)]
      }
      case 'H_CEDE':
      case 'H_SET_MODE':
      case 'H_REGISTER_VPA':
      case 'H_EOI':
      case 'H_CPPR':
      case 'H_IPI':
        return [H.SUCCESS]
      case 'H_XIRR':
        return [H.SUCCESS, 0n]
      case 'H_GET_CPU_CHARACTERISTICS':
        // No mitigation is needed here: this processor does not speculate.
        return [H.SUCCESS, 0n, 0n]
      default:
        return undefined
    }
  }

  #putTermChar([, length, high, low]: readonly bigint[]): readonly bigint[] {
    if (length! > BigInt(TERM_BYTES)) return [H.PARAMETER]
    const bytes = new Uint8Array(TERM_BYTES)
    const view = new DataView(bytes.buffer)
    view.setBigUint64(0, high!)
    view.setBigUint64(8, low!)
    this.console.write(bytes.subarray(0, Number(length)))
    return [H.SUCCESS]
  }

  #getTermChar(): readonly bigint[] {
    const typed = this.console.read(TERM_BYTES)
    const bytes = new Uint8Array(TERM_BYTES)
    bytes.set(typed)
    const view = new DataView(bytes.buffer)
    return [H.SUCCESS, BigInt(typed.length), view.getBigUint64(0), view.getBigUint64(8)]
  }
}
