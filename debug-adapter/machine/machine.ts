import type { Advance, EsmResult, MachineEnd, SecureMemoryStatistics, StepFrame } from './api.ts'
import { Clock } from './clock/clock.ts'
import { Inputs } from './clock/inputs.ts'
import type { MachineConfig } from './config.ts'
import { Cpu, type CpuSnapshot, PROCESSOR_BYTES } from './cpu/cpu.ts'
import { MSR } from './cpu/msr.ts'
import { bootPlatform } from './firmware/boot.ts'
import { logExchange } from './firmware/local-tpm.ts'
import { HOST_BYTES } from './firmware/memory-map.ts'
import { GUEST_LPID, Hypervisor } from './hypervisor/hypervisor.ts'
import { type Scenario, scenarios, switchable } from './hypervisor/scenarios/index.ts'
import type { Vm } from './hypervisor/vm.ts'
import { PAGE_SHIFT, RealMemory } from './memory/real-memory.ts'
import { Chip } from './platform/chip.ts'
import { type PreparedGuest, prepareGuest } from './platform/loader.ts'
import { Platform } from './platform/platform.ts'
import { VirtualSwitch } from './platform/virtio/network.ts'
import { SavedState } from './saved-state.ts'
import type { Steps, StepValues } from './steps.ts'
import { MachineStop } from './stop.ts'
import { Tpm } from './tpm/tpm.ts'
import { Trace } from './trace/trace.ts'
import { cleanUp, SvmAborted } from './ultravisor/abort.ts'
import { enterUltravisor } from './ultravisor/exceptions.ts'
import { chosenQuirks } from './ultravisor/quirks.ts'
import { secureMemoryStatistics } from './ultravisor/statistics.ts'
import { Ultravisor } from './ultravisor/ultravisor.ts'

/** @throws RangeError naming the scenarios that there are */
function scenarioOf({ scenario }: { readonly scenario?: string | undefined }): Scenario | undefined {
  if (scenario === undefined) return undefined
  const found = scenarios.get(scenario)
  if (found) return found
  throw new RangeError(`there is no scenario ${JSON.stringify(scenario)}: expected ${[...scenarios.keys()].join(', ')}`)
}

/** A state of the whole machine that it can go back to: power-on, or one in which the guest has the processor. */
export interface Checkpoint {
  readonly cpu: CpuSnapshot
  readonly models: SavedState
  /** How much of the log had happened. */
  readonly records: number
  readonly poweredOn: boolean
}

/** The block diagram of the platform: reading these fields is reading the machine. */
export class Machine {
  readonly config: MachineConfig
  readonly clock: Clock
  readonly inputs: Inputs
  readonly trace: Trace
  readonly memory: RealMemory
  readonly cpu: Cpu
  readonly tpm: Tpm
  readonly chip: Chip
  readonly platform: Platform
  /** What connects the VMs; undefined without virtio-net. */
  readonly network: VirtualSwitch | undefined
  readonly hypervisor: Hypervisor
  readonly ultravisor: Ultravisor

  /** The firmware that runs now; undefined while the guest does. */
  #steps: Steps<void> | undefined
  readonly #frames: { -readonly [K in keyof StepFrame]: StepFrame[K] }[] = []
  #end: MachineEnd | undefined
  readonly #scenario: Scenario | undefined
  #poweredOn = false

  /** What is loaded into the VM: worked out at once, so that an image that cannot be loaded is refused before power-on. */
  readonly #image: PreparedGuest

  /**
   * @throws RangeError where the memory sizes are not what a machine can have, the image does not fit, or a quirk is none
   * @throws KernelImageError where the kernel is no kernel
   */
  constructor(given: MachineConfig) {
    const scenario = scenarioOf(given)
    this.#scenario = scenario
    const config = scenario?.interventions
      ? { ...given, interventions: { ...given.interventions, ...scenario.interventions } }
      : given
    this.config = config
    const { crypto } = config
    this.#image = prepareGuest(config)
    this.clock = new Clock()
    this.inputs = new Inputs(crypto, config.seed)
    this.trace = new Trace(this.clock)
    const vms = config.virtualMachines ?? 1
    this.memory = new RealMemory(
      PROCESSOR_BYTES,
      HOST_BYTES + config.memoryBytes * vms,
      config.secureMemoryBytes,
      this.trace,
    )
    this.cpu = new Cpu(this.memory, this.clock, this.trace, {
      random: this.inputs.stream('darn'),
      external: () => this.hypervisor.vm?.platform.presenter.pending ?? false,
      jit: config.jit ?? true,
    })
    this.tpm = new Tpm({
      crypto,
      random: this.inputs.stream('TPM'),
      now: () => this.clock.milliseconds,
      ...(config.tpmKey ? { wrappingKey: config.tpmKey } : {}),
    })
    this.chip = new Chip(this.clock, config.interventions?.scomStatus)
    this.network = config.network ? new VirtualSwitch(() => this.clock.milliseconds) : undefined
    const newPlatform = () => new Platform(this.trace, this.clock, this.inputs, this.cpu, config, this.network)
    this.platform = newPlatform()
    this.hypervisor = new Hypervisor({
      cpu: this.cpu,
      memory: this.memory,
      trace: this.trace,
      platformOf: (lpid) => (lpid === GUEST_LPID ? this.platform : newPlatform()),
      secureMemoryBytes: BigInt(config.secureMemoryBytes),
      systemCall2: () => this.#systemCall2(),
      tpm: (request) => logExchange(this.tpm, this.trace, 'hypervisor', request),
      ...(config.interventions?.tpmCommReturns === undefined
        ? {}
        : { tpmCommReturns: config.interventions.tpmCommReturns }),
      ...(scenario?.behaviour && { behaviour: scenario.behaviour() }),
      ...(config.secureFrameLimit !== undefined && { secureFrameLimit: config.secureFrameLimit }),
    })
    this.ultravisor = new Ultravisor({
      cpu: this.cpu,
      memory: this.memory,
      trace: this.trace,
      crypto,
      random: this.inputs.stream('ultravisor'),
      chip: this.chip,
      quirks: chosenQuirks(config.quirks),
      hypervisor: (vector) => this.hypervisor.enter(vector),
    })
    this.#steps = this.#boot()
  }

  /** Power-on to the first instruction of the VM: hostboot, OPAL, ultravisor, OPAL, host. */
  *#boot(): Steps<void> {
    const scenario = this.#scenario
    if (scenario) this.trace.add({ type: 'scenario', name: scenario.name, action: `the hypervisor ${scenario.tries}` })
    yield* bootPlatform({
      cpu: this.cpu,
      memory: this.memory,
      trace: this.trace,
      tpm: this.tpm,
      crypto: this.config.crypto,
      random: this.inputs.stream('OPAL'),
      interventions: this.config.interventions,
      startUltravisor: (uvFdt) => this.ultravisor.boot(uvFdt),
    })
    const load = (vm: Vm) => {
      const guest = vm.platform.load(
        this.#image,
        { read: (a, n) => vm.read(a, n), write: (a, b) => vm.write(a, b), bytes: vm.bytes },
        vm.dma((ra, length) => this.cpu.codeWritten(ra, length)),
      )
      this.config.interventions?.guestLoaded?.({
        read: (gpa, length) => vm.read(gpa, length),
        write: (gpa, bytes) => vm.write(gpa, bytes),
        kernelBase: guest.kernelBase,
        kernelBytes: guest.kernelBytes,
        rtasBase: guest.rtasBase,
      })
      return guest
    }
    yield* this.hypervisor.boot(BigInt(this.config.memoryBytes), load, this.config.virtualMachines)
  }

  /** `sc 2` of the hypervisor model: the hardware takes the interrupt, the ultravisor answers. */
  *#systemCall2(): Steps<void> {
    this.cpu.systemCall(2)
    yield* enterUltravisor(this.ultravisor, 0xc00)
  }

  /**
   * Goes on by one step of firmware, or by up to `maxInstructions` instructions of the guest. Afterwards the machine
   * stands at an exact place and can be inspected and changed.
   */
  advance(maxInstructions: number): Advance {
    if (this.#end) return { kind: 'end', end: this.#end }
    this.#poweredOn = true
    try {
      return this.#steps ? this.#advanceFirmware(this.#steps) : this.#advanceGuest(maxInstructions)
    } catch (error) {
      if (error instanceof MachineStop) return this.#finish(error.end)
      if (!(error instanceof SvmAborted)) throw error
      return this.#loseSvm(error)
    }
  }

  /** The ultravisor gave one SVM up. As the last VM it stays as it is, to be looked at. */
  #loseSvm(aborted: SvmAborted): Advance {
    const { hypervisor, ultravisor } = this
    const vm = hypervisor.vms.get(aborted.lpid)
    if (!vm || hypervisor.vms.size <= 1) return this.#finish(aborted.end)
    this.#frames.length = 0
    cleanUp(ultravisor, aborted)
    this.cpu.msr = MSR.SF | MSR.HV | MSR.ME | MSR.RI
    this.#steps = hypervisor.vmEnded(vm, aborted.end)
    return this.advance(1)
  }

  #advanceGuest(maxInstructions: number): Advance {
    const exit = this.cpu.run(maxInstructions)
    switch (exit.kind) {
      case 'budget':
        return { kind: 'instructions' }
      case 'breakpoint':
        return exit
      case 'idle':
        return this.#finish({ how: 'halted', reason: 'the processor waits and nothing will wake it' })
      case 'interrupt': {
        const { vector, into } = exit
        this.#steps = into === 'ultravisor' ? enterUltravisor(this.ultravisor, vector) : this.hypervisor.enter(vector)
        return { kind: 'crossing', exit }
      }
      default:
        throw new Error(`the processor came back with ${JSON.stringify(exit satisfies never)}`)
    }
  }

  #advanceFirmware(steps: Steps<void>): Advance {
    for (;;) {
      const next = steps.next()
      if (next.done) {
        this.#steps = undefined
        return { kind: 'guest' }
      }
      const event = next.value
      if (event.kind === 'enter') this.#frames.push({ procedure: event.procedure, values: event.values })
      else if (event.kind === 'leave') this.#frames.pop()
      else {
        const frame = this.#frames.at(-1)
        if (frame) {
          frame.step = event
          frame.values = { ...frame.values, ...event.values } as StepValues
        }
        return { kind: 'step', step: event }
      }
    }
  }

  #finish(end: MachineEnd): Advance {
    this.#end = end
    this.#steps = undefined
    this.#frames.length = 0
    this.trace.add({ type: 'end', ...end })
    return { kind: 'end', end }
  }

  /** Whether {@link checkpoint} can be taken: firmware in progress cannot be saved. */
  get canCheckpoint(): boolean {
    return this.inGuest || !this.#poweredOn
  }

  /**
   * The whole state, without a copy of memory: a page is copied when it is written next.
   * @throws Error while firmware runs, or after the end
   */
  checkpoint(): Checkpoint {
    if (!this.canCheckpoint)
      throw new Error('no checkpoint while firmware runs: expected the guest to have the processor')
    return {
      cpu: this.cpu.snapshot(),
      models: this.#models(),
      records: this.trace.happened,
      poweredOn: this.#poweredOn,
    }
  }

  /**
   * Goes back. The run from there on is the same to the last bit as it was the first time, as long as nobody interferes.
   * @throws RangeError for a checkpoint that was given up by {@link release}
   */
  restore(checkpoint: Checkpoint): void {
    this.cpu.restore(checkpoint.cpu)
    checkpoint.models.restore()
    this.trace.rewind(checkpoint.records)
    this.#frames.length = 0
    this.#end = undefined
    this.#poweredOn = checkpoint.poweredOn
    this.#steps = checkpoint.poweredOn ? undefined : this.#boot()
  }

  /** Gives a checkpoint up, with the pages that only it needs. */
  release(checkpoint: Checkpoint): void {
    this.cpu.release(checkpoint.cpu)
  }

  #models(): SavedState {
    const { config, trace, memory, cpu, clock } = this
    const roots = [
      this.inputs,
      this.tpm,
      this.chip,
      this.platform,
      this.hypervisor,
      this.ultravisor,
      this.#image,
      memory.owners,
    ]
    return new SavedState(roots, new Set<object>([config, config.crypto, trace, memory, cpu, clock]))
  }

  /** The firmware's call stack, outermost first; it lies above the guest's frames. Empty while the guest runs. */
  frames(): readonly StepFrame[] {
    return this.#frames
  }

  /** Typed at the VM's console: waits there until the guest reads it. */
  type(bytes: Uint8Array): void {
    this.platform.type(bytes)
  }

  get inGuest(): boolean {
    return this.#steps === undefined && this.#end === undefined
  }

  get end(): MachineEnd | undefined {
    return this.#end
  }

  /** What became of the newest UV_ESM; undefined where nobody called it. */
  get esm(): EsmResult | undefined {
    return this.ultravisor.esm
  }

  get vmState(): 'normal' | 'transient' | 'secure' | 'absent' {
    return this.hypervisor.vm?.state ?? 'absent'
  }

  /**
   * Another hypervisor from now on; to be called between two calls of {@link advance}.
   * @param name of a scenario, or undefined for KVM as it is
   * @throws RangeError for an unknown one, and for one that changes what is loaded before the VM runs
   */
  switchScenario(name: string | undefined): void {
    const scenario = scenarioOf({ ...this.config, scenario: name })
    if (scenario && !switchable(scenario))
      throw new RangeError(
        `scenario ${scenario.name} changes what is loaded before the VM runs: start anew with "hypervisor": { "scenario": "${scenario.name}" }`,
      )
    this.hypervisor.behaviour = scenario?.behaviour?.() ?? {}
    const action = scenario ? `the hypervisor ${scenario.tries}` : 'the hypervisor is KVM as it is'
    this.trace.add({ type: 'scenario', name: name ?? 'off', action })
  }

  /** Who has how much of secure memory, and what became of its pages. */
  get secureMemory(): SecureMemoryStatistics {
    return secureMemoryStatistics(this.ultravisor)
  }

  /** The state that the ultravisor holds a guest page in; undefined for a VM that it does not know. */
  pageState(gpa: bigint): string | undefined {
    const lpid = this.hypervisor.vm?.lpid
    const svm = lpid === undefined ? undefined : this.ultravisor.svms.get(lpid)
    return svm?.slotOf(gpa >> PAGE_SHIFT) ? svm.stateOf(gpa >> PAGE_SHIFT) : undefined
  }

  /** Guest physical address where the kernel lies; undefined before the VM is loaded. */
  get kernelBase(): bigint | undefined {
    return this.platform.guest?.kernelBase
  }

  /** Length in bytes of the kernel's image as it was loaded, without the .bss behind it. */
  get kernelBytes(): number {
    return this.#image.loaded.kernelBytes
  }

  /** Real address behind a guest physical address, by the partition table that the processor uses now. */
  guestRealAddress(gpa: bigint): bigint | undefined {
    const vm = this.hypervisor.vm
    if (!vm) return undefined
    const svm = this.ultravisor.svms.get(vm.lpid)
    const frame = gpa & ~0xffffn
    const secure = () => svm?.table.lookup(frame)
    // The ultravisor's table maps whole slots from the start of UV_ESM on; what has not been paged in is still the hypervisor's.
    const page =
      svm && (svm.state === 'SECURE' || svm.pagedIn.has(frame >> 16n)) ? secure() : (vm.table.lookup(frame) ?? secure())
    return page === undefined ? undefined : page + (gpa & 0xffffn)
  }
}
