import type { MachineEnd } from '../api.ts'
import type { Clock } from '../clock/clock.ts'
import type { Console } from './console.ts'
import type { GuestMemory } from './guest-memory.ts'
import { type RtasService, rtasService } from './rtas-tokens.ts'

/** Status words of RTAS (PAPR, RTAS return codes). */
const STATUS = {
  success: 0,
  hardwareError: -1,
  parameterError: -3,
  noSuchSensor: -3,
  notSupported: -3,
  noEvent: 1,
} as const
const NVRAM_BYTES = 0x1_0000
const MAX_CELLS = 16
/** 2026-01-01 00:00:00 UTC: every machine's clock starts here, so that two runs see the same time. */
const EPOCH_SECONDS = 1_767_225_600
const TICKS_PER_SECOND = 512_000_000

interface Call {
  readonly args: readonly number[]
  /** Results after the status. */
  readonly out: number[]
}

/** The RTAS services of the VM. Argument blocks are the guest's: every access to its memory is checked by {@link GuestMemory}. */
export class Rtas {
  readonly #nvram = new Uint8Array(NVRAM_BYTES)
  /** Set when a service ended the VM. */
  end: MachineEnd | undefined

  constructor(
    readonly console: Console,
    readonly clock: Clock,
  ) {}

  /**
   * H_RTAS.
   * @param block guest physical address of token, nargs, nret, arguments, results (32-bit big-endian words)
   * @throws RefusalError where the block is not in memory that the hypervisor has
   */
  call(memory: GuestMemory, block: bigint): void {
    const [token, nargs, nret] = words(memory.read(block, 12)) as [number, number, number]
    if (nargs + nret > MAX_CELLS) return
    const args = words(memory.read(block + 12n, nargs * 4))
    const call: Call = { args, out: [] }
    const service = rtasService(token)
    const status = service ? this.#service(service, call, memory) : STATUS.parameterError
    const results = [status, ...call.out].slice(0, nret)
    memory.write(block + 12n + BigInt(nargs * 4), fromWords(results))
  }

  #service(service: RtasService, { args, out }: Call, memory: GuestMemory): number {
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
      case 'ibm,os-term': {
        const text = cString(memory, BigInt(args[0] ?? 0))
        this.end = { how: 'stopped', reason: `the VM ended itself: ${text} (RTAS ibm,os-term)` }
        return STATUS.success
      }
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
        // One processor, and it runs: 2 means not stopped.
        out.push(args[0] === 0 ? 2 : 0)
        return args[0] === 0 ? STATUS.success : STATUS.parameterError
      case 'ibm,nmi-register':
        return STATUS.success
      case 'start-cpu':
      case 'stop-self':
      case 'ibm,get-system-parameter':
      case 'ibm,set-system-parameter':
      case 'ibm,configure-connector':
      case 'ibm,slot-error-detail':
        return STATUS.notSupported
    }
  }

  #timeOfDay(): number[] {
    const date = new Date((EPOCH_SECONDS + this.clock.instructions / TICKS_PER_SECOND) * 1000)
    return [
      date.getUTCFullYear(),
      date.getUTCMonth() + 1,
      date.getUTCDate(),
      date.getUTCHours(),
      date.getUTCMinutes(),
      date.getUTCSeconds(),
      0,
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
    if (service === 'nvram-fetch') memory.write(BigInt(buffer), this.#nvram.slice(offset, offset + length))
    else this.#nvram.set(memory.read(BigInt(buffer), length), offset)
    out.push(length)
    return STATUS.success
  }
}

const MAX_TEXT = 4096

function cString(memory: GuestMemory, gpa: bigint): string {
  const room = memory.bytes - gpa
  if (room <= 0n) return `(text outside memory, at 0x${gpa.toString(16)})`
  const bytes = memory.read(gpa, Number(room < BigInt(MAX_TEXT) ? room : BigInt(MAX_TEXT)))
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trim()
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
