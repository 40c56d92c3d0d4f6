import { readFileSync } from 'node:fs'
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Inputs } from '../../debug-adapter/machine/clock/inputs.ts'
import type { Interventions } from '../../debug-adapter/machine/config.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { bootPlatform } from '../../debug-adapter/machine/firmware/boot.ts'
import { HOST_BYTES } from '../../debug-adapter/machine/firmware/memory-map.ts'
import type { BootParts } from '../../debug-adapter/machine/firmware/parts.ts'
import { RealMemory } from '../../debug-adapter/machine/memory/real-memory.ts'
import type { Step, StepEvent, Steps } from '../../debug-adapter/machine/steps.ts'
import { Tpm } from '../../debug-adapter/machine/tpm/tpm.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'

export const MiB = 1 << 20

const wrappingKey = parsePrivateKey(
  readFileSync(new URL('../fixtures/esm/keys/tpm-private-for-replay.pem', import.meta.url)),
)

export interface BootOptions {
  readonly seed?: number
  readonly secureBytes?: number
  readonly interventions?: Interventions
  /** Answers a TPM command instead of the TPM. */
  readonly tpmAnswers?: (request: Uint8Array) => Uint8Array | undefined
  /** What stands for the ultravisor's boot; by default it returns to OPAL at once. */
  readonly ultravisor?: (machine: BootMachine, uvFdt: bigint) => void
}

/** The registers that firmware touches: no processor is needed to boot it. */
export class Registers {
  msr = 0n
  nia = 0n
  lr = 0n
  readonly gprs = new Map<number, bigint>()
  readonly #sprs = new Map<number, bigint>()

  spr(number: number): bigint {
    return this.#sprs.get(number) ?? 0n
  }

  setSpr(number: number, value: bigint): void {
    this.#sprs.set(number, value)
  }

  setGpr(number: number, value: bigint): void {
    this.gprs.set(number, value)
  }
}

/** What there is of a machine when its firmware boots: memory, TPM, log, registers. */
export class BootMachine {
  readonly clock = new Clock()
  readonly trace = new Trace(this.clock)
  readonly memory: RealMemory
  readonly tpm: Tpm
  readonly cpu = new Registers()
  readonly parts: BootParts
  readonly steps: Step[] = []
  readonly events: StepEvent[] = []

  constructor(options: BootOptions = {}) {
    const inputs = new Inputs(crypto, options.seed ?? 1)
    this.memory = new RealMemory(0x1_0000, HOST_BYTES, options.secureBytes ?? 64 * MiB, this.trace)
    this.tpm = new Tpm({ crypto, random: inputs.stream('TPM'), wrappingKey })
    const { tpm } = this
    const answers = options.tpmAnswers
    const execute = function* (request: Uint8Array): Steps<Uint8Array> {
      return answers?.(request) ?? (yield* tpm.execute(request))
    }
    const machine = this
    this.parts = {
      cpu: this.cpu,
      memory: this.memory,
      trace: this.trace,
      tpm: { execute, pcr: (bank, index) => tpm.pcr(bank, index) },
      crypto,
      random: inputs.stream('OPAL'),
      interventions: options.interventions,
      // biome-ignore lint/correctness/useYield: this ultravisor has no steps
      startUltravisor: function* (uvFdt) {
        machine.cpu.msr &= ~MSR.S
        options.ultravisor?.(machine, uvFdt)
      },
    }
  }

  /** Runs the whole boot, or other steps of the firmware, and keeps every place where they can be stopped. */
  run<T>(steps: Steps<T>): T {
    for (;;) {
      const next = steps.next()
      if (next.done) return next.value
      this.events.push(next.value)
      if (next.value.kind === 'step') this.steps.push(next.value)
    }
  }

  boot(): this {
    this.run(bootPlatform(this.parts))
    return this
  }

  /** The step of that title. */
  step(title: string): Step {
    const found = this.steps.find((step) => step.title.startsWith(title))
    if (!found) throw new Error(`no step "${title}"; there are: ${this.steps.map((step) => step.title).join('; ')}`)
    return found
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const unhex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'))

/** The command code of a TPM packet. */
export const commandCode = (packet: Uint8Array): number => new DataView(packet.buffer, packet.byteOffset).getUint32(6)

/** The password of this boot, out of what the TPM answered to GetRandom: its bytes that are not zero, 16 of them. */
export function passwordOf(trace: Trace): Uint8Array {
  const drawn = trace.of('tpm').filter((record) => record.carrier === 'OPAL' && record.command.includes('GetRandom'))
  const bytes = drawn.flatMap((record) => [...unhex(record.response).subarray(12)])
  return Uint8Array.from(bytes.filter((byte) => byte !== 0).slice(0, 16))
}
