import { Actor } from '../memory/actor.ts'
import type { Pool } from '../memory/pool.ts'
import { RadixTable } from '../memory/radix-table.ts'
import { PAGE_BYTES, PAGE_SHIFT, type RealMemory } from '../memory/real-memory.ts'
import { RefusalError } from '../refusal.ts'

const PAGE = BigInt(PAGE_BYTES)

/**
 * Where one 64 KiB frame of a VM is, as the hypervisor knows it (spec/ultravisor.md §5.2): `normal` and `shared` frames
 * have a page that the hypervisor can touch; `secure` ones are with the ultravisor; of `secure out` it holds ciphertext.
 */
export type FramePlace = 'normal' | 'secure' | 'secure out' | 'shared'

interface Frame {
  place: FramePlace
  /** The hypervisor's page; undefined while the frame is in secure memory. */
  page: bigint | undefined
}

export interface HvMemSlot {
  readonly id: number
  readonly start: bigint
  readonly bytes: bigint
}

/** A VM as KVM knows it. */
export class Vm {
  readonly table: RadixTable
  readonly slots: readonly HvMemSlot[]
  readonly #frames: Frame[]
  /** KVM's secure_guest flags (spec/ultravisor.md §3.3). */
  secureGuest = { started: false, done: false }

  /**
   * @param memory real memory
   * @param tables where page tables come from
   * @param pages  where the VM's pages come from, and go back to
   * @param bytes  size of the VM's memory
   * @throws RangeError where the host has not that much normal memory
   */
  constructor(
    readonly lpid: number,
    readonly memory: RealMemory,
    tables: Pool,
    readonly pages: Pool,
    readonly bytes: bigint,
  ) {
    this.slots = [{ id: 0, start: 0n, bytes }]
    this.table = new RadixTable(memory.as(Actor.Hypervisor), tables)
    const start = pages.allocate(bytes, PAGE)
    if (start === undefined) throw new RangeError(`no ${bytes} bytes of normal memory for VM ${lpid}`)
    this.#frames = Array.from({ length: Number(bytes / PAGE) }, (_, i) => ({
      place: 'normal',
      page: start + BigInt(i) * PAGE,
    }))
    memory.assign(start, Number(bytes / PAGE), { owner: 'guest', use: `memory of VM ${lpid}`, lpid, gpa: 0n })
    for (const [i, frame] of this.#frames.entries()) this.table.map(BigInt(i) * PAGE, frame.page!)
  }

  get state(): 'normal' | 'transient' | 'secure' {
    if (this.secureGuest.done) return 'secure'
    return this.secureGuest.started ? 'transient' : 'normal'
  }

  placeOf(gpa: bigint): FramePlace | undefined {
    return this.#frames[Number(gpa >> PAGE_SHIFT)]?.place
  }

  /** Real address of a frame's page that the hypervisor may touch, or undefined. */
  pageOf(gpa: bigint): bigint | undefined {
    return this.#frames[Number(gpa >> PAGE_SHIFT)]?.page
  }

  /** The frame's content is with the ultravisor now: its normal page is cleared and goes back to the host. */
  becameSecure(gpa: bigint): void {
    const frame = this.#frameAt(gpa)
    if (frame.page !== undefined) this.#dropPage(frame.page)
    frame.page = undefined
    frame.place = 'secure'
    this.table.unmap(gpa & -PAGE)
  }

  /** Marks a frame secure that never was paged in: H_SVM_INIT_DONE (spec/ultravisor.md §3.3). */
  *remainingNormal(): Generator<bigint> {
    for (const [i, frame] of this.#frames.entries()) if (frame.place === 'normal') yield BigInt(i) * PAGE
  }

  *sharedFrames(): Generator<bigint> {
    for (const [i, frame] of this.#frames.entries()) if (frame.place === 'shared') yield BigInt(i) * PAGE
  }

  *inSecureMemory(): Generator<bigint> {
    for (const [i, frame] of this.#frames.entries()) if (frame.place === 'secure') yield BigInt(i) * PAGE
  }

  /**
   * A normal page for a frame that has none: for sharing it, or for what the ultravisor gives back.
   * @throws RangeError where the host has no page left
   */
  providePage(gpa: bigint): bigint {
    const frame = this.#frameAt(gpa)
    if (frame.page !== undefined) return frame.page
    const page = this.pages.allocate(PAGE)
    if (page === undefined) throw new RangeError('the host has no free page left')
    this.memory.as(Actor.Hypervisor).fill(page, 0, PAGE_BYTES)
    frame.page = page
    return page
  }

  setPlace(gpa: bigint, place: FramePlace): void {
    const frame = this.#frameAt(gpa)
    frame.place = place
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
    if (place === 'normal') this.table.map(gpa & -PAGE, frame.page!)
  }

  /**
   * A copy of guest memory as the hypervisor can read it.
   * @throws RefusalError MEM-003 where a page is not with the hypervisor, MEM-004 outside the VM's memory
   */
  read(gpa: bigint, length: number): Uint8Array {
    const out = new Uint8Array(length)
    const view = this.memory.as(Actor.Hypervisor)
    this.#eachPage(gpa, length, (ra, at, size) => out.set(view.read(ra, size), at))
    return out
  }

  /** Writes guest memory as the hypervisor can; errors as {@link read}. */
  write(gpa: bigint, bytes: Uint8Array): void {
    const view = this.memory.as(Actor.Hypervisor)
    this.#eachPage(gpa, bytes.length, (ra, at, size) => view.write(ra, bytes.subarray(at, at + size)))
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
    const frame = this.#frames[Number(gpa >> PAGE_SHIFT)]
    if (frame?.page !== undefined) return frame.page + (gpa % PAGE)
    throw new RefusalError({
      rule: frame ? 'MEM-003' : 'MEM-004',
      expected: frame ? 'a frame that the hypervisor has a page for' : `an address inside the VM's ${this.bytes} bytes`,
      found: `gpa 0x${gpa.toString(16)}${frame ? ', whose content is in secure memory' : ''}`,
      source: 'spec/ultravisor.md §8.2',
    })
  }

  #frameAt(gpa: bigint): Frame {
    const frame = this.#frames[Number(gpa >> PAGE_SHIFT)]
    if (!frame) throw new RangeError(`gpa 0x${gpa.toString(16)} is outside the memory of VM ${this.lpid}`)
    return frame
  }

  #dropPage(page: bigint): void {
    this.memory.as(Actor.Hypervisor).fill(page, 0, PAGE_BYTES)
    this.memory.assign(page, 1, { owner: 'free', use: '' })
    this.pages.free(page, PAGE)
  }
}
