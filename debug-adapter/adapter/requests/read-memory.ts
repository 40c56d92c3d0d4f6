import type { DebugProtocol } from '@vscode/debugprotocol'
import { toBase64 } from '../../base64.ts'
import type { Refusal } from '../../machine/refusal.ts'
import { formatReference, offsetReference, parseReference, readMemory as read } from '../references.ts'
import { RequestError, type RequestHandler } from '../request.ts'

type Body = NonNullable<DebugProtocol.ReadMemoryResponse['body']> & {
  /** The rule that said no to the bytes behind `data`. */
  readonly refusal?: Refusal
}

/** Any size is answered at once: at most 1 MiB; whoever asked for more asks again behind it. */
export const readMemory: RequestHandler<DebugProtocol.ReadMemoryArguments, Body> = {
  command: 'readMemory',
  capabilities: { supportsReadMemoryRequest: true },
  handle: (session, { memoryReference, offset = 0, count }) => {
    if (!Number.isSafeInteger(count) || count < 0 || !Number.isSafeInteger(offset))
      throw new RequestError(`count ${count}, offset ${offset}: expected whole numbers, count from 0 on.`)
    const start = offsetReference(parseReference(memoryReference), BigInt(offset))
    const { bytes, unreadable, refusal } = read(session.target, start, count)
    return {
      address: formatReference(start),
      ...(bytes.length > 0 && { data: toBase64(bytes) }),
      ...(unreadable > 0 && { unreadableBytes: unreadable }),
      ...(refusal && { refusal }),
    }
  },
}
