import { hex, hexBytes } from '../format.ts'
import type { PcrValue, PefRequests } from '../protocol.ts'
import type { RequestHandler } from '../request.ts'

const BANKS = ['sha1', 'sha256'] as const
const PCRS = 24

export const pefTpmState: RequestHandler<
  PefRequests['pef/tpmState']['arguments'],
  PefRequests['pef/tpmState']['body']
> = {
  command: 'pef/tpmState',
  handle: (session) => {
    const { tpm } = session.target.machine
    const pcrs: PcrValue[] = BANKS.flatMap((bank) =>
      Array.from({ length: PCRS }, (_, index) => ({ bank, index, value: hexBytes(tpm.pcr(bank, index)) })),
    )
    return { pcrs, handles: tpm.handles().map(({ handle, what }) => ({ handle: hex(handle), what })) }
  },
}
