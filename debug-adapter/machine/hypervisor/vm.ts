import type { RegisterFile } from '../cpu/types.ts'
import { Actor } from '../memory/actor.ts'
import type { Pool } from '../memory/pool.ts'
import { RadixTable } from '../memory/radix-table.ts'
import { PAGE_BYTES, PAGE_SHIFT, type RealMemory } from '../memory/real-memory.ts'
import type { GuestMemory } from '../platform/guest-memory.ts'
import type { Platform } from '../platform/platform.ts'
import { RefusalError } from '../refusal.ts'

const PAGE = BigInt(PAGE_BYTES)

/**
 * Where one 64 KiB frame of a VM is, as the hypervisor knows it (spec/ultravisor.md §5.2): `normal` and `shared` frames
 * have a page that the hypervisor can touch; `secure` ones are with the ultravisor; of `secure out` it holds ciphertext.
 */
export type FramePlace = 'normal' | 'secure' | 'secure out' | 'shared'

/** There are thousands: replaced as a whole and frozen, so that saving the state of a VM need not look into each. */
interface Frame {
  readonly place: FramePlace
  /** The hypervisor's page; undefined while the frame is in secure memory. */
  readonly page: bigint | undefined
}

export interface HvMemSlot {
  readonly id: number
  readonly start: bigint
  readonly bytes: bigint
}

interface Slot extends HvMemSlot {
  /** By the number of the frame in the slot. */
  readonly frames: Frame[]
}

/** How the virtual processor goes on when the hypervisor comes back to it. */
export type Resume =
  /** By UV_RETURN: the ultravisor has the registers, the hypervisor a cookie. `results`: R3.. of a hypercall. */
  | {
      readonly kind: 'secure'
      readonly cookie: bigint
      readonly results: readonly bigint[]
      readonly pidr: bigint
      readonly to: { readonly nia: bigint; readonly msr: bigint }
    }
  /** By hrfid, with all its registers. */
  | { readonly kind: 'normal'; readonly file: RegisterFile }

/** A VM as KVM knows it. */
export class Vm {
  readonly table: RadixTable
  private readonly slotsById = new Map<number, Slot>()
  /** Frames in secure memory, the one that came first in front. */
  private readonly secure = new Set<number>()
  /** KVM's secure_guest flags (spec/ultravisor.md §3.3). */
  secureGuest = { started: false, done: false }
  /** Undefined while it runs, and before it first ran. */
  resume: Resume | undefined
  /** Timebase at which its decrementer wakes it from H_CEDE; undefined while it does not wait. */
  wakesAt: bigint | undefined
  /** LPCR while this VM runs. */
  lpcr = 0n

  /**
   * @param memory   real memory
   * @param tables   where page tables come from
   * @param pages    where the VM's pages come from, and go back to
   * @param bytes    size of the VM's memory at its start
   * @param platform its devices and firmware
   * @throws RangeError where the host has not that much normal memory
   */
  constructor(
    readonly lpid: number,
    readonly memory: RealMemory,
    tables: Pool,
    readonly pages: Pool,
    readonly bytes: bigint,
    readonly platform: Platform,
  ) {
    this.table = new RadixTable(memory.as(Actor.Hypervisor), tables)
    if (!this.addSlot({ id: 0, start: 0n, bytes }))
      throw new RangeError(`no ${bytes} bytes of normal memory for VM ${lpid}`)
  }

  get state(): 'normal' | 'transient' | 'secure' {
    if (this.secureGuest.done) return 'secure'
    return this.secureGuest.started ? 'transient' : 'normal'
  }

  get slots(): HvMemSlot[] {
    return [...this.slotsById.values()]
  }

  /** Plugs memory in, zeroed. @returns false where the host has no room, or the slot would cover another */
  addSlot(slot: HvMemSlot): boolean {
    const overlaps = this.slots.some((s) => slot.start < s.start + s.bytes && s.start < slot.start + slot.bytes)
    const start = overlaps || this.slotsById.has(slot.id) ? undefined : this.pages.allocate(slot.bytes, PAGE)
    if (start === undefined) return false
    const { lpid, memory } = this
    const frames = Array.from(
      { length: Number(slot.bytes / PAGE) },
      (_, i): Frame => Object.freeze({ place: 'normal', page: start + BigInt(i) * PAGE }),
    )
    this.slotsById.set(slot.id, { ...slot, frames })
    memory.as(Actor.Hypervisor).fill(start, 0, Number(slot.bytes))
    memory.assign(start, Number(slot.bytes / PAGE), {
      owner: 'guest',
      use: `memory of VM ${lpid}`,
      lpid,
      gpa: slot.start,
    })
    for (let at = 0n; at < slot.bytes; at += PAGE) this.table.map(slot.start + at, start + at)
    return true
  }

  /** Takes memory away: its pages go back to the host, zeroed. */
  removeSlot(id: number): void {
    const slot = this.slotsById.get(id)
    if (!slot) return
    this.slotsById.delete(id)
    for (const [i, { page }] of slot.frames.entries()) {
      const gpa = slot.start + BigInt(i) * PAGE
      if (page !== undefined) this.#dropPage(page)
      this.secure.delete(Number(gpa >> PAGE_SHIFT))
      this.table.unmap(gpa)
    }
  }

  /** Gives everything back to the host. The VM must not be used any more. */
  destroy(): void {
    for (const { id } of this.slots) this.removeSlot(id)
    this.table.release()
  }

  placeOf(gpa: bigint): FramePlace | undefined {
    return this.#find(gpa)?.place
  }

  /** Real address of a frame's page that the hypervisor may touch, or undefined. */
  pageOf(gpa: bigint): bigint | undefined {
    return this.#find(gpa)?.page
  }

  /** The frame's content is with the ultravisor now: its normal page is cleared and goes back to the host. */
  becameSecure(gpa: bigint): void {
    const frame = this.#frameAt(gpa)
    if (frame.page !== undefined) this.#dropPage(frame.page)
    this.#setFrame(gpa, { place: 'secure', page: undefined })
    this.secure.add(Number(gpa >> PAGE_SHIFT))
    this.table.unmap(gpa & -PAGE)
  }

  /** Guest addresses of the frames in one place; those in secure memory oldest first. */
  *framesIn(place: FramePlace): Generator<bigint> {
    if (place === 'secure') for (const number of this.secure) yield BigInt(number) * PAGE
    else
      for (const { start, frames } of this.slotsById.values())
        for (const [i, frame] of frames.entries()) if (frame.place === place) yield start + BigInt(i) * PAGE
  }

  get secureFrames(): number {
    return this.secure.size
  }

  /**
   * A normal page for a frame that has none, zeroed: for sharing it, or for what the ultravisor gives back.
   * @returns undefined where the host has no page left
   */
  providePage(gpa: bigint): bigint | undefined {
    const frame = this.#frameAt(gpa)
    if (frame.page !== undefined) return frame.page
    const page = this.pages.allocate(PAGE)
    if (page === undefined) return undefined
    this.memory.as(Actor.Hypervisor).fill(page, 0, PAGE_BYTES)
    this.#setFrame(gpa, { ...frame, page })
    return page
  }

  setPlace(gpa: bigint, place: FramePlace): void {
    const frame = { ...this.#frameAt(gpa), place }
    this.#setFrame(gpa, frame)
    if (place !== 'secure') this.secure.delete(Number(gpa >> PAGE_SHIFT))
    const use = { shared: `shared by SVM ${this.lpid}`, 'secure out': `ciphertext of SVM ${this.lpid}` }[
      place as string
    ]
    if (frame.page !== undefined)
      this.memory.assign(frame.page, 1, {
        owner: use ? 'hypervisor' : 'guest',
        use: use ?? `memory of VM ${this.lpid}`,
        lpid: this.lpid,
        gpa: gpa & -PAGE,
      })
    if (place === 'normal' && frame.page !== undefined) this.table.map(gpa & -PAGE, frame.page)
  }

  /** A shared frame loses its page: the host moved it. The next access by the guest asks for another. */
  dropShared(gpa: bigint): void {
    const frame = this.#frameAt(gpa)
    if (frame.page !== undefined) this.#dropPage(frame.page)
    this.#setFrame(gpa, { ...frame, page: undefined })
  }

  /**
   * A copy of guest memory as the hypervisor can read it.
   * @throws RefusalError MEM-003 where a page is not with the hypervisor, MEM-004 outside the VM's memory
   */
  read(gpa: bigint, length: number): Uint8Array {
    return this.#readAs(Actor.Hypervisor, gpa, length)
  }

  /** Writes guest memory as the hypervisor can; errors as {@link read}. */
  write(gpa: bigint, bytes: Uint8Array): void {
    this.#writeAs(Actor.Hypervisor, gpa, bytes)
  }

  /**
   * The VM's memory as its devices reach it; errors as {@link read}.
   * @param written is told of each write: real address and bytes
   */
  dma(written: (ra: bigint, length: number) => void): GuestMemory {
    return {
      bytes: this.bytes,
      read: (gpa, length) => this.#readAs(Actor.Device, gpa, length),
      write: (gpa, bytes) => this.#writeAs(Actor.Device, gpa, bytes, written),
    }
  }

  #readAs(actor: Actor, gpa: bigint, length: number): Uint8Array {
    const out = new Uint8Array(length)
    const view = this.memory.as(actor)
    this.#eachPage(gpa, length, (ra, at, size) => out.set(view.read(ra, size), at))
    return out
  }

  #writeAs(actor: Actor, gpa: bigint, bytes: Uint8Array, written?: (ra: bigint, length: number) => void): void {
    const view = this.memory.as(actor)
    this.#eachPage(gpa, bytes.length, (ra, at, size) => {
      view.write(ra, bytes.subarray(at, at + size))
      written?.(ra, size)
    })
  }

  #eachPage(gpa: bigint, length: number, visit: (ra: bigint, at: number, size: number) => void): void {
    for (let at = 0; at < length; ) {
      const here = gpa + BigInt(at)
      const size = Math.min(length - at, PAGE_BYTES - Number(here % PAGE))
      visit(this.#touchable(here), at, size)
      at += size
    }
  }

  #touchable(gpa: bigint): bigint {
    const frame = this.#find(gpa)
    if (frame?.page !== undefined) return frame.page + (gpa % PAGE)
    throw new RefusalError({
      rule: frame ? 'MEM-003' : 'MEM-004',
      expected: frame ? 'a frame that the hypervisor has a page for' : `an address inside the VM's ${this.bytes} bytes`,
      found: `gpa 0x${gpa.toString(16)}${frame ? ', whose content is in secure memory' : ''}`,
      source: 'spec/ultravisor.md §8.2',
    })
  }

  #frameAt(gpa: bigint): Frame {
    const frame = this.#find(gpa)
    if (!frame) throw new RangeError(`gpa 0x${gpa.toString(16)} is outside the memory of VM ${this.lpid}`)
    return frame
  }

  #slotOf(gpa: bigint): Slot | undefined {
    for (const slot of this.slotsById.values()) if (gpa >= slot.start && gpa < slot.start + slot.bytes) return slot
    return undefined
  }

  #find(gpa: bigint): Frame | undefined {
    const slot = this.#slotOf(gpa)
    return slot?.frames[Number((gpa - slot.start) >> PAGE_SHIFT)]
  }

  #setFrame(gpa: bigint, frame: Frame): void {
    const slot = this.#slotOf(gpa)!
    slot.frames[Number((gpa - slot.start) >> PAGE_SHIFT)] = Object.freeze(frame)
  }

  #dropPage(page: bigint): void {
    this.memory.as(Actor.Hypervisor).fill(page, 0, PAGE_BYTES)
    this.memory.assign(page, 1, { owner: 'free', use: '' })
    this.pages.free(page, PAGE)
  }
}
