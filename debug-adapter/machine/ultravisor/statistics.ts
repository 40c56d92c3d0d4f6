import type { SecureMemoryStatistics } from '../api.ts'
import type { PageState } from '../trace/records.ts'
import type { Ultravisor } from './ultravisor.ts'

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
