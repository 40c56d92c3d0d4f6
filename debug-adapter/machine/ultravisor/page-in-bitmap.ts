import { PAGE_BYTES } from '../memory/real-memory.ts'
import { UV_PAGE_BYTES } from './svm.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

/** Frames that a bitmap of 2 MiB has bits for: 1 TiB of guest memory (spec/ultravisor.md §0.1). */
const FRAMES = UV_PAGE_BYTES * 8n

/**
 * The bitmap in which the released firmware notes what UV_ESM paged in: reading is bounded, writing is not (Q47). What lies inside it is
 * noted elsewhere; here is what happens beyond.
 */
export class PageInBitmap {
  private readonly page: bigint | undefined

  constructor(readonly uv: Ultravisor) {
    this.page = uv.takePage()
    this.#assign('ultravisor', 'bitmap of frames that UV_ESM paged in')
  }

  #assign(owner: 'ultravisor' | 'free', use: string): void {
    if (this.page === undefined) return
    this.uv.parts.memory.assign(this.page, Number(UV_PAGE_BYTES) / PAGE_BYTES, { owner, use })
  }

  /** Whether a frame never counts as paged in. */
  forgets(gfn: bigint): boolean {
    return gfn >= FRAMES
  }

  /** Sets the bit of a frame, wherever that is. The number of the frame is a C `int` there. */
  note(gfn: bigint): void {
    if (this.page === undefined || !this.forgets(gfn)) return
    const { memory, parts } = this.uv
    const word = BigInt.asUintN(64, BigInt.asIntN(32, gfn)) >> 6n
    const at = this.page + word * 8n
    if (parts.memory.offsetOf(at, 8) < 0) crash('Q47', `gfn 0x${gfn.toString(16)} is noted at 0x${at.toString(16)}`)
    memory.setU64(at, memory.u64(at) | (1n << (gfn & 63n)))
    parts.cpu.codeWritten(at, 8)
  }

  release(): void {
    if (this.page === undefined) return
    this.uv.pages.free(this.page, UV_PAGE_BYTES)
    this.#assign('free', '')
  }
}
