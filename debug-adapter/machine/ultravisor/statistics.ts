import type { PageState } from '../trace/records.ts'
import type { Ultravisor } from './ultravisor.ts'

/** What one SVM has in secure memory, and what its pages have been through (spec/ultravisor.md §9.1, 12). */
export interface SvmStatistics {
  readonly lpid: number
  /** Frames of 64 KiB in its memory slots. */
  readonly frames: number
  /** How many of them are in each state; states of none are left out. */
  readonly states: Readonly<Partial<Record<PageState, number>>>
  readonly pageIns: number
  readonly pageOuts: number
  readonly shares: number
  readonly unshares: number
  /** Faults that the ultravisor took: pages that were out, shared pages that were withdrawn, devices. */
  readonly faults: number
}

export interface SecureMemoryStatistics {
  /** Bytes for SVMs, without what firmware keeps. */
  readonly bytes: number
  readonly freeBytes: number
  readonly svms: readonly SvmStatistics[]
}

const FRAME_BYTES = 0x1_0000n

export function secureMemoryStatistics(uv: Ultravisor): SecureMemoryStatistics {
  return {
    bytes: Number(uv.pagesBytes),
    freeBytes: Number(uv.pages.freeBytes),
    svms: [...uv.svms.values()].map((svm) => {
      const frames = [...svm.slots.values()].reduce((sum, { bytes }) => sum + Number(bytes / FRAME_BYTES), 0)
      const states: Partial<Record<PageState, number>> = {}
      for (const { state } of svm.frames.values()) states[state] = (states[state] ?? 0) + 1
      const secure = frames - svm.frames.size
      return { lpid: svm.lpid, frames, states: { ...(secure > 0 && { SECURE: secure }), ...states }, ...svm.counts }
    }),
  }
}
