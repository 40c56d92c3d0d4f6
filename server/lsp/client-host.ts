/** Files for a language server that has none: its client reads them. */
import { nobleCrypto } from '../esm/crypto/noble.ts'
import type { ServerHost } from './host.ts'
import type { PefClientRequests } from './protocol.ts'

const CHUNK_BYTES = 1 << 20

type Ask = <R extends keyof PefClientRequests>(
  request: R,
  args: PefClientRequests[R]['arguments'],
) => Promise<PefClientRequests[R]['body']>

/**
 * What only a host with an operating system knows is absent: who may read a file (ESM140), and what svm-tool would miss (ESM127).
 * @param rulePages uri of the folder with the rules' pages
 */
export function clientHost(ask: Ask, rulePages: string | undefined): ServerHost {
  return {
    crypto: nobleCrypto,
    rulePages,
    stat: async (uri) => (await ask('pef/stat', { uri })) ?? undefined,
    read: async (uri, limit) => (await ask('pef/read', { uri, limit })) ?? undefined,
    list: (uri) => ask('pef/list', { uri }),
    async *chunks(uri, from) {
      const bytes = await ask('pef/read', { uri, limit: Number.MAX_SAFE_INTEGER })
      for (let at = from; bytes && at < bytes.length; at += CHUNK_BYTES) {
        yield bytes.subarray(at, at + CHUNK_BYTES)
        // Hashing a large file takes a while here: a key that was pressed meanwhile is answered in between.
        await new Promise((resolve) => setTimeout(resolve))
      }
    },
  }
}
