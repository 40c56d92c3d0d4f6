import type { PefRequests } from '../../../debug-adapter/adapter/protocol.ts'
import type { PageMessage, StatusMessage } from '../common/messages.ts'

export type MemoryMap = PefRequests['pef/memoryMap']['body']

/** From the host half to the page: the partition now, and as it was at the stop before. */
export interface MapMessage {
  readonly kind: 'map'
  readonly map: MemoryMap
  /** Undefined before the second stop: then nothing is marked. */
  readonly before?: MemoryMap
}

export type HostMessage = MapMessage | StatusMessage
export type { PageMessage }
