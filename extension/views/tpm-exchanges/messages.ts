import type { PefRequests, WireRecord } from '../../../debug-adapter/adapter/protocol.ts'
import type { StatusMessage } from '../common/messages.ts'

/** The records of the log that this view shows: exchanges, and what was measured into which PCR. */
export const TPM_TYPES = ['tpm', 'measurement'] as const

export type TpmRecord = Extract<WireRecord, { type: (typeof TPM_TYPES)[number] }>
export type Exchange = Extract<TpmRecord, { type: 'tpm' }>
export type Measurement = Extract<TpmRecord, { type: 'measurement' }>
export type TpmState = PefRequests['pef/tpmState']['body']

/** From the host half to the page. */
export type TpmMessage =
  | { readonly kind: 'reset' }
  | {
      readonly kind: 'records'
      readonly records: readonly TpmRecord[]
      readonly skipped: number
      /** Records from this position in the log on came since the last stop. */
      readonly newFrom: number
    }
  | { readonly kind: 'tpm'; readonly tpm: TpmState }

export type HostMessage = TpmMessage | StatusMessage
