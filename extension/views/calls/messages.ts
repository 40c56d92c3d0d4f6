import type { WireRecord } from '../../../debug-adapter/adapter/protocol.ts'
import type { StatusMessage } from '../common/messages.ts'

/** The records of the log that this view shows. */
export const CALL_TYPES = ['ultracall', 'hypercall', 'reflection', 'refusal', 'vm-state'] as const

export type CallRecord = Extract<WireRecord, { type: (typeof CALL_TYPES)[number] }>

/** From the host half to the page. */
export type CallsMessage =
  /** Forget everything. `skipped` records at the beginning of the log are not shown. */
  | { readonly kind: 'reset' }
  | {
      readonly kind: 'records'
      readonly records: readonly CallRecord[]
      readonly skipped: number
      /** Records from this position in the log on came since the last stop. */
      readonly newFrom: number
    }

export type HostMessage = CallsMessage | StatusMessage
