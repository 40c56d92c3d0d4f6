import type { Steps } from '../steps.ts'

/** How a client reaches a TPM: a local bus, or a page that the hypervisor carries. */
export type TpmTransport = (command: Uint8Array) => Steps<Uint8Array>

/** The command did not reach the TPM, or its answer did not come back. */
export class TransportError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TransportError'
  }
}
