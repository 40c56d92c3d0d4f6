import type { MachineEnd } from '../api.ts'
import type { Clock } from '../clock/clock.ts'
import { type Refusal, RefusalError } from '../refusal.ts'
import type { Trace } from '../trace/trace.ts'
import type { Console } from './console.ts'
import type { GuestMemory } from './guest-memory.ts'
import { H } from './hcall-table.ts'
import type { InterruptPresenter } from './interrupts/presenter.ts'
import { xiveService } from './interrupts/xive-services.ts'
import type { PciHostBridge } from './pci/host-bridge.ts'
import { pciService } from './pci/pci-services.ts'
import { RTAS_SERVICES, type RtasService, rtasService } from './rtas-tokens.ts'

/** Status words (PAPR, RTAS return codes). */
const STATUS = { success: 0, noEvent: 1, hardwareError: -1, parameterError: -3, notSupported: -3 } as const
/** Words of a block: token, nargs, nret, then at most this many arguments and results (Linux `struct rtas_args`). */
const MAX_CELLS = 16
const HEADER_BYTES = 12
export const NVRAM_BYTES = 0x1_0000
/** Longest text that ibm,os-term is read to, in bytes. */
const MAX_TEXT = 4096
/** 2026-01-01 00:00:00 UTC: every machine's clock starts here, so that two runs see the same time. */
const EPOCH_SECONDS = 1_767_225_600
const TICKS_PER_SECOND = 512_000_000
/** Handlers that firmware enters have to lie below (PAPR, FWNMI). */
const NMI_LIMIT = 32 << 20
/** The one virtual processor. */
const BOOT_CPU = 0
/** Answers of query-cpu-stopped-state. */
const CPU_RUNS = 2

/** What the VM's handlers for machine checks are, by guest physical address. */
export interface NmiHandlers {
  readonly systemReset: number
  readonly machineCheck: number
}

interface Call {
  readonly args: readonly number[]
  /** Results after the status. */
  readonly out: number[]
  readonly memory: GuestMemory
}

/** The RTAS services of the VM (spec/pseries.md §4.5). Argument blocks are the guest's, so nothing in them is trusted. */
export class Rtas {
  private readonly nvram = new Uint8Array(NVRAM_BYTES)
  private nmi: NmiHandlers | undefined
  /** Set when a service ended the VM. */
  end: MachineEnd | undefined

  constructor(
    readonly console: Console,
    readonly clock: Clock,
    readonly trace: Trace,
    readonly presenter: InterruptPresenter,
    readonly bridge: PciHostBridge,
  ) {}

  /** What ibm,nmi-register was told. */
  get nmiHandlers(): NmiHandlers | undefined {
    return this.nmi
  }

  /**
   * H_RTAS.
   * @param block guest physical address of token, nargs, nret, arguments, results (32-bit big-endian words)
   * @returns R3: H_SUCCESS where the service was called, whatever its status; H_PARAMETER for more words than a block has,
   *   and for a token that names no service (its status is -3 then)
   * @throws RefusalError where the block is not in memory that the hypervisor has
   */
  call(memory: GuestMemory, block: bigint): bigint {
    const [token, nargs, nret] = words(memory.read(block, HEADER_BYTES)) as [number, number, number]
    if (nargs + nret > MAX_CELLS)
      return this.#refuse('RTAS-001', `at most ${MAX_CELLS} arguments and results`, `${nargs} and ${nret}`)
    const args = words(memory.read(block + BigInt(HEADER_BYTES), nargs * 4))
    const results = block + BigInt(HEADER_BYTES + nargs * 4)
    // Before the service runs: what cannot be answered is not done.
    memory.read(results, nret * 4)
    const service = rtasService(token)
    const call: Call = { args, out: [], memory }
    if (service !== undefined) this.trace.add({ type: 'rtas-call', service, args })
    const status = service === undefined ? STATUS.parameterError : this.#checked(service, call, nret)
    const written = Array.from({ length: nret }, (_, i) => (i === 0 ? status : (call.out[i - 1] ?? 0)))
    memory.write(results, fromWords(written))
    if (service === undefined)
      return this.#refuse('RTAS-002', 'a token of /rtas in the device tree', `0x${token.toString(16)}`)
    return H.SUCCESS
  }

  #checked(service: RtasService, call: Call, nret: number): number {
    const shape = RTAS_SERVICES[service]
    const accepts = (counts: readonly number[], count: number) => counts.includes(count)
    if (!accepts(shape.nargs, call.args.length) || !accepts(shape.nret, nret)) {
      const expected = `${service} with ${shape.nargs.join(' or ')} arguments and ${shape.nret.join(' or ')} results`
      this.#refuse('RTAS-003', expected, `${call.args.length} and ${nret}`)
      return STATUS.parameterError
    }
    try {
      return this.#run(service, call)
    } catch (error) {
      // A buffer that the hypervisor cannot touch is the guest's fault: it gets a status, and the log tells why.
      if (!(error instanceof RefusalError)) throw error
      this.#note(error.refusal)
      return STATUS.parameterError
    }
  }

  #run(service: RtasService, { args, out, memory }: Call): number {
    switch (service) {
      case 'display-character':
        this.console.write(Uint8Array.of(args[0]! & 0xff))
        return STATUS.success
      case 'power-off':
        this.end = { how: 'halted', reason: 'the VM switched itself off (RTAS power-off)' }
        return STATUS.success
      case 'system-reboot':
        this.end = { how: 'halted', reason: 'the VM asked for a reboot (RTAS system-reboot)' }
        return STATUS.success
      case 'stop-self':
        this.end = { how: 'halted', reason: 'the only virtual processor stopped itself (RTAS stop-self)' }
        return STATUS.success
      case 'ibm,os-term':
        this.end = {
          how: 'stopped',
          reason: `the VM ended itself: ${this.#text(memory, BigInt(args[0]!))} (RTAS ibm,os-term)`,
        }
        return STATUS.success
      case 'get-time-of-day':
        out.push(...this.#timeOfDay())
        return STATUS.success
      case 'nvram-fetch':
      case 'nvram-store':
        return this.#nvramAccess(service, args, out, memory)
      case 'event-scan':
      case 'check-exception':
        return STATUS.noEvent
      case 'query-cpu-stopped-state':
        if (args[0] !== BOOT_CPU) return STATUS.parameterError
        out.push(CPU_RUNS)
        return STATUS.success
      case 'start-cpu':
        // The one processor there is runs already; others do not exist.
        return args[0] === BOOT_CPU ? STATUS.hardwareError : STATUS.parameterError
      case 'ibm,nmi-register':
        return this.#registerNmi(args)
      // No machine check was reported that could be handled now.
      case 'ibm,nmi-interlock':
        return this.nmi ? STATUS.success : STATUS.parameterError
      case 'ibm,get-system-parameter':
      case 'ibm,set-system-parameter':
        return STATUS.notSupported
      case 'ibm,set-xive':
      case 'ibm,get-xive':
      case 'ibm,int-off':
      case 'ibm,int-on':
        return xiveService(service, this.presenter, args, out) ? STATUS.success : STATUS.parameterError
      case 'ibm,read-pci-config':
      case 'ibm,write-pci-config':
      case 'ibm,query-pe-dma-window':
      case 'ibm,create-pe-dma-window':
      case 'ibm,remove-pe-dma-window':
        return STATUS[pciService(service, this.bridge, args, out)]
      // There are no connectors and no slots to ask about.
      case 'ibm,configure-connector':
      case 'ibm,slot-error-detail':
        return STATUS.parameterError
    }
  }

  /** Year, month, day, hour, minute, second, nanosecond, of the time that the count of instructions stands for. */
  #timeOfDay(): number[] {
    const { instructions } = this.clock
    const date = new Date((EPOCH_SECONDS + Math.floor(instructions / TICKS_PER_SECOND)) * 1000)
    return [
      date.getUTCFullYear(),
      date.getUTCMonth() + 1,
      date.getUTCDate(),
      date.getUTCHours(),
      date.getUTCMinutes(),
      date.getUTCSeconds(),
      Math.floor(((instructions % TICKS_PER_SECOND) / TICKS_PER_SECOND) * 1e9),
    ]
  }

  #nvramAccess(
    service: 'nvram-fetch' | 'nvram-store',
    args: readonly number[],
    out: number[],
    memory: GuestMemory,
  ): number {
    const [offset, buffer, length] = args as [number, number, number]
    if (offset + length > NVRAM_BYTES) return STATUS.parameterError
    if (service === 'nvram-fetch') memory.write(BigInt(buffer), this.nvram.slice(offset, offset + length))
    else this.nvram.set(memory.read(BigInt(buffer), length), offset)
    out.push(length)
    return STATUS.success
  }

  #registerNmi(args: readonly number[]): number {
    const [systemReset, machineCheck] = args as [number, number]
    if (systemReset >= NMI_LIMIT || machineCheck >= NMI_LIMIT) return STATUS.parameterError
    this.nmi = { systemReset, machineCheck }
    return STATUS.success
  }

  /** The last words of a VM. It ends also where they cannot be read. */
  #text(memory: GuestMemory, gpa: bigint): string {
    try {
      return cString(memory, gpa)
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      this.#note(error.refusal)
      return `(no readable text at 0x${gpa.toString(16)})`
    }
  }

  #refuse(rule: string, expected: string, found: string): bigint {
    this.#note({ rule, expected, found, source: 'spec/ultravisor.md §6.1' })
    return H.PARAMETER
  }

  #note(refusal: Refusal): void {
    this.trace.add({ type: 'refusal', by: 'hypervisor', ...refusal })
  }
}

/** @throws RefusalError where its first byte is not in memory that the hypervisor has */
function cString(memory: GuestMemory, gpa: bigint): string {
  const bytes: number[] = []
  for (let at = gpa; bytes.length < MAX_TEXT; at++) {
    // Byte by byte: the text may end just before memory that is not there.
    if (at >= memory.bytes && bytes.length > 0) break
    const [byte] = memory.read(at, 1)
    if (byte === 0) break
    bytes.push(byte!)
  }
  return new TextDecoder().decode(Uint8Array.from(bytes)).trim()
}

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4))
}

function fromWords(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(values.length * 4)
  const view = new DataView(out.buffer)
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value >>> 0)
  return out
}
