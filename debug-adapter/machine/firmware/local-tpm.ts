import type { Steps } from '../steps.ts'
import { hex } from '../tpm/bytes.ts'
import { decodeCommand, decodeResponse } from '../tpm/decode.ts'
import type { Tpm } from '../tpm/tpm.ts'
import type { TraceRecordOf } from '../trace/records.ts'
import type { Trace } from '../trace/trace.ts'

type Carrier = TraceRecordOf<'tpm'>['carrier']

/**
 * Sends a command to the TPM and logs the whole exchange, decoded by field.
 * @param carrier who brought the command there
 * @param request a whole command packet
 * @returns the response packet
 */
export function* logExchange(
  tpm: Pick<Tpm, 'execute'>,
  trace: Trace,
  carrier: Carrier,
  request: Uint8Array,
): Steps<Uint8Array> {
  const response = yield* tpm.execute(request)
  const command = decodeCommand(request)
  const answer = decodeResponse(request, response)
  trace.add({
    type: 'tpm',
    command: command.name,
    code: command.code,
    carrier,
    request: hex(request),
    response: hex(response),
    requestSize: request.length,
    responseSize: response.length,
    responseCode: answer.responseCode ?? 0,
    responseName: answer.responseName ?? '',
    requestFields: command.fields,
    responseFields: answer.fields,
  })
  return response
}
