import type { MachineEnd } from '../api.ts'
import type { Clock } from '../clock/clock.ts'
import type { Inputs } from '../clock/inputs.ts'
import type { Trace } from '../trace/trace.ts'
import { Console } from './console.ts'
import type { GuestMemory } from './guest-memory.ts'
import { hcallOfNormalVm } from './hcall-table.ts'
import { handleHcall, type VirtualProcessor } from './hcalls.ts'
import { InterruptPresenter } from './interrupts/presenter.ts'
import { SOURCE } from './interrupts/sources.ts'
import { type LoadedGuest, loadGuest, type PreparedGuest } from './loader.ts'
import { ClientInterface } from './open-firmware/client-interface.ts'
import { PciHostBridge } from './pci/host-bridge.ts'
import { Rtas } from './rtas.ts'
import { type DeviceConfig, virtioDevices } from './virtio/devices.ts'
import type { VirtualSwitch } from './virtio/network.ts'
import { VirtioFunction } from './virtio/virtio-function.ts'
import { SharedAreas } from './vpa.ts'

/** The PAPR platform that QEMU would be: loader, console, RTAS and the hypercalls that are not PEF's own. */
export class Platform {
  readonly console: Console
  readonly rtas: Rtas
  readonly presenter = new InterruptPresenter()
  readonly bridge = new PciHostBridge(this.presenter)
  readonly areas = new SharedAreas()
  readonly #random
  private readonly devices
  readonly #trace: Trace
  private memory: GuestMemory | undefined
  private openFirmware: ClientInterface | undefined
  guest: LoadedGuest | undefined

  /** @param processor what H_SET_MODE sets up; without it that call is not there (H_FUNCTION) */
  constructor(
    trace: Trace,
    clock: Clock,
    inputs: Inputs,
    readonly processor?: VirtualProcessor,
    devices: DeviceConfig = {},
    network?: VirtualSwitch,
  ) {
    this.#trace = trace
    this.console = new Console(trace)
    this.rtas = new Rtas(this.console, clock, trace, this.presenter, this.bridge)
    this.#random = inputs.stream('H_RANDOM')
    this.devices = virtioDevices(devices, inputs, network)
  }

  /** Set when the VM ended itself. */
  get end(): MachineEnd | undefined {
    return this.rtas.end ?? this.openFirmware?.end
  }

  /** Typed at the terminal: waits there until the guest reads it. */
  type(bytes: Uint8Array): void {
    this.console.type(bytes)
    this.presenter.pulse(SOURCE.terminal)
  }

  /**
   * Puts a VM into its memory.
   * @param dma the same memory as devices reach it
   */
  load(image: PreparedGuest, memory: GuestMemory, dma: GuestMemory = memory): LoadedGuest {
    this.memory = memory
    this.bridge.functions.push(
      ...this.devices.map((device, slot) => new VirtioFunction(device, slot, this.bridge, dma, this.#trace)),
    )
    const { tree, claims } = image
    if (claims) this.openFirmware = new ClientInterface(tree, claims, memory, this.console, this.#trace)
    this.guest = loadGuest(image, memory)
    return this.guest
  }

  /**
   * @param args R4 and on
   * @returns R3, R4..; undefined for a call that this platform does not have
   * @throws RefusalError where the call points to memory that the hypervisor does not have
   * @throws Error before a VM is loaded
   */
  hypercall(number: number, args: readonly bigint[]): readonly bigint[] | undefined {
    const entry = hcallOfNormalVm(number)
    if (!entry) return undefined
    if (!this.memory) throw new Error(`${entry.name} before a VM is loaded: expected Platform.load first`)
    return handleHcall(entry.name, args, {
      memory: this.memory,
      console: this.console,
      rtas: this.rtas,
      openFirmware: this.openFirmware,
      random: this.#random,
      presenter: this.presenter,
      bridge: this.bridge,
      areas: this.areas,
      processor: this.processor,
    })
  }
}
