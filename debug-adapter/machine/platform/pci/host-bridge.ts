import type { InterruptPresenter } from '../interrupts/presenter.ts'
import { PCI_LEVEL_SOURCES, SOURCE } from '../interrupts/sources.ts'
import { busAddress } from './addresses.ts'
import { DmaWindows } from './dma-windows.ts'

/** A function on the bus: its configuration space, and the registers behind its BAR. */
export interface PciFunction {
  readConfig(offset: number, size: number): number
  writeConfig(offset: number, size: number, value: number): void
  /** Bus address of its registers; undefined while they are switched off. */
  readonly registers: { readonly start: bigint; readonly bytes: number } | undefined
  /** @param offset from the start of the registers @returns the value, little-endian in `size` bytes */
  read(offset: number, size: number): bigint
  write(offset: number, size: number, value: bigint): void
}

/** The level interrupt of a slot. */
export const slotSource = (slot: number): number => SOURCE.pciLevel + (slot % PCI_LEVEL_SOURCES)

/** One PCI host bridge with one bus; a slot holds one function (spec/pseries.md §7). */
export class PciHostBridge {
  readonly windows = new DmaWindows()
  /** By slot. */
  readonly functions: PciFunction[] = []
  /** Slots whose interrupt is up. */
  private readonly raised = new Set<number>()

  constructor(readonly presenter: InterruptPresenter) {}

  /** The interrupt pin of a slot: several share a source, which is up while one of them is. */
  setInterrupt(slot: number, up: boolean): void {
    if (up) this.raised.add(slot)
    else this.raised.delete(slot)
    const source = slotSource(slot)
    this.presenter.setLevel(
      source,
      [...this.raised].some((other) => slotSource(other) === source),
    )
  }

  /** The register at a guest physical address; undefined where no device answers. */
  #find(gpa: bigint, size: number): { device: PciFunction; offset: number } | undefined {
    const bus = busAddress(gpa)
    if (bus === undefined) return undefined
    for (const device of this.functions) {
      const at = device.registers
      if (at && bus >= at.start && bus + BigInt(size) <= at.start + BigInt(at.bytes))
        return { device, offset: Number(bus - at.start) }
    }
    return undefined
  }

  /** Whether an address is the bridge's, a device there or not. */
  covers(gpa: bigint): boolean {
    return busAddress(gpa) !== undefined
  }

  /** @returns little-endian in `size` bytes; all ones where no device answers, as on a real bus */
  read(gpa: bigint, size: number): bigint {
    const found = this.#find(gpa, size)
    return BigInt.asUintN(size * 8, found ? found.device.read(found.offset, size) : -1n)
  }

  write(gpa: bigint, size: number, value: bigint): void {
    const found = this.#find(gpa, size)
    found?.device.write(found.offset, size, value)
  }
}
