import type { DebugProtocol } from '@vscode/debugprotocol'
import { fromBase64 } from '../../base64.ts'
import { refusalText } from '../../machine/refusal.ts'
import { offsetReference, parseReference, writeMemory as write } from '../references.ts'
import { RequestError, type RequestHandler } from '../request.ts'

export const writeMemory: RequestHandler<
  DebugProtocol.WriteMemoryArguments,
  DebugProtocol.WriteMemoryResponse['body']
> = {
  command: 'writeMemory',
  capabilities: { supportsWriteMemoryRequest: true },
  handle: (session, { memoryReference, offset = 0, data, allowPartial = false }) => {
    let bytes: Uint8Array
    try {
      bytes = fromBase64(data)
    } catch {
      throw new RequestError('data: expected bytes in base64.')
    }
    if (!Number.isSafeInteger(offset)) throw new RequestError(`offset ${offset}: expected a whole number.`)
    const start = offsetReference(parseReference(memoryReference), BigInt(offset))
    const { written, refusal } = write(session.standing, start, bytes, allowPartial)
    if (refusal && !allowPartial) throw new RequestError(refusalText(refusal))
    return { bytesWritten: written }
  },
  after: (session) => session.invalidate(['all']),
}
