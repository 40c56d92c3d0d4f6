/** Looks for private keys in an initrd (ESM141): it is hashed, not encrypted, so whoever gets the image can read them. */
import { hex, latin1 } from './reader.ts'

/** A private key in PEM: only the kind of its first line is kept, nothing of the key. */
export interface FoundPrivateKey {
  /** E.g. `RSA PRIVATE KEY`. */
  readonly kind: string
  /** In bytes from the start of what was looked at: of what is inside, where that is compressed. */
  readonly offset: number
  readonly compressed: boolean
}

/**
 * The beginning of a key that somebody wrote: the line, and behind it base64 or the header of an encrypted one. Programs that read keys
 * hold the line alone.
 */
const KEY = /-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----\r?\n(?:Proc-Type:|[A-Za-z0-9+/]{24})/
/** What ESM141 says was found. */
export function describePrivateKey({ kind, offset, compressed }: FoundPrivateKey): string {
  return `${kind} at byte ${hex(offset)}${compressed ? ' of the unpacked initrd' : ''}`
}

/** Longer than whatever {@link KEY} matches. Bytes. */
const OVERLAP = 128
/** `P`, of PRIVATE: what is searched for first, since most bytes are something else. */
const WORD = new TextEncoder().encode('PRIVATE KEY-----')
/** What unpacks to more than this is not looked at further. Bytes. */
const MAX_UNPACKED_BYTES = 1 << 30

/**
 * @param chunks of the initrd, each valid until the next one: a cpio archive, as it is or compressed with gzip. Other compressions hide
 *               what they hold from this search.
 */
export async function findPrivateKey(chunks: AsyncIterable<Uint8Array>): Promise<FoundPrivateKey | undefined> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done) return undefined
  const whole = (async function* () {
    try {
      for (let next: IteratorResult<Uint8Array> = first; !next.done; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  })()
  const compressed = first.value[0] === 0x1f && first.value[1] === 0x8b
  return search(compressed ? unpacked(whole) : whole, compressed)
}

async function search(chunks: AsyncIterable<Uint8Array>, compressed: boolean): Promise<FoundPrivateKey | undefined> {
  let kept = new Uint8Array(0)
  let start = 0
  for await (const chunk of chunks) {
    // What lies across the border of two chunks is in this small piece; all else is searched where it is.
    const border = new Uint8Array(kept.length + Math.min(OVERLAP, chunk.length))
    border.set(kept)
    border.set(chunk.subarray(0, OVERLAP), kept.length)
    const across = searchPiece(border)
    const found = across ?? searchPiece(chunk)
    if (found) return { ...found, offset: (across ? start - kept.length : start) + found.offset, compressed }
    start += chunk.length
    kept = (chunk.length >= OVERLAP ? chunk : border).slice(-OVERLAP)
    if (start > MAX_UNPACKED_BYTES) return undefined
  }
  return undefined
}

function searchPiece(bytes: Uint8Array): { kind: string; offset: number } | undefined {
  for (let at = bytes.indexOf(WORD[0]!); at >= 0; at = bytes.indexOf(WORD[0]!, at + 1)) {
    if (!WORD.every((byte, i) => bytes[at + i] === byte)) continue
    const from = Math.max(0, at - OVERLAP / 2)
    const match = KEY.exec(latin1(bytes.subarray(from, at + OVERLAP)))
    if (match) return { kind: match[1]!, offset: from + match.index }
  }
  return undefined
}

/**
 * What gzip packed, up to where it is damaged, or where something else begins that the kernel would unpack by itself: this search is
 * no judge of that.
 */
async function* unpacked(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let unreadable: { readonly error: unknown } | undefined
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        // A copy: the stream may look at it when the next one is there already.
        else controller.enqueue(value.slice())
      } catch (error) {
        unreadable = { error }
        throw error
      }
    },
    cancel: () => void chunks.return(undefined),
  })
  const reader = stream.pipeThrough(new DecompressionStream('gzip')).getReader()
  try {
    for (;;) {
      const next = await reader.read().catch(() => undefined)
      if (unreadable) throw unreadable.error
      if (!next || next.done) return
      yield next.value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
