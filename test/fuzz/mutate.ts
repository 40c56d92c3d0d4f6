/** Damage: the same for the same numbers. */

/** A number from 0 to below. */
export type Pick = (below: number) => number

/** xorshift32: the same numbers for the same seed. */
export function numbers(seed: number): Pick {
  let state = Math.imul(seed, 0x9e37_79b1) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** What sizes, counts and offsets are likely to be mishandled. */
const EXTREMES = [0, 1, 3, 4, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
const MOST_BYTES = 1 << 16
/** What YAML, JSON and PEM are made of. */
const WORDS = [
  '\n- ',
  ': ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '\\u',
  '&a ',
  '*a',
  '<<: *a',
  '!!',
  '|\n',
  '>-\n',
  '---\n',
  '# ',
  '//',
  '/*',
  ',',
  '\t',
  '\0',
  '\ufeff',
  '\ud800',
  '-----BEGIN ',
  '-----END ',
  'Proc-Type: 4,ENCRYPTED\n',
  '07070100',
]

/** @param others inputs that a part may be taken from */
export function mutate(input: Uint8Array, others: readonly Uint8Array[], pick: Pick, isText = false): Uint8Array {
  let bytes = input
  for (let times = 1 + pick(4); times > 0; times--) bytes = once(bytes, others, pick, isText)
  return bytes.subarray(0, MOST_BYTES)
}

function once(bytes: Uint8Array, others: readonly Uint8Array[], pick: Pick, isText: boolean): Uint8Array {
  // The beginning of a file holds the numbers that the rest is read by.
  const at = pick(pick(2) ? Math.min(bytes.length, 64) + 1 : bytes.length + 1)
  const size = pick(pick(4) ? 16 : 4096)
  switch (pick(isText ? 8 : 7)) {
    case 0:
      return replace(bytes, at, 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << pick(8))))
    case 1:
      return replace(bytes, at, 1, Uint8Array.of(pick(256)))
    case 2: {
      const word = new Uint8Array(4)
      const value = pick(3) ? EXTREMES[pick(EXTREMES.length)]! : pick(bytes.length + 64)
      new DataView(word.buffer).setUint32(0, value, pick(2) === 0)
      return replace(bytes, pick(2) ? at & ~3 : at, 4, word)
    }
    case 3:
      return bytes.slice(0, at)
    case 4:
      return replace(bytes, at, size, new Uint8Array(0))
    case 5: {
      // A part that is there many times: what nests, or what is looked at once for each.
      const part = bytes.subarray(at, at + size)
      const copies = 1 + pick(pick(3) ? 4 : 200)
      const many = new Uint8Array(Math.min(part.length * copies, MOST_BYTES))
      for (let to = 0; part.length > 0 && to + part.length <= many.length; to += part.length) many.set(part, to)
      return replace(bytes, at, 0, many)
    }
    case 6: {
      const other = others[pick(others.length)]!
      const from = pick(other.length + 1)
      return replace(bytes, at, size, other.subarray(from, from + size))
    }
    default:
      return replace(
        bytes,
        at,
        pick(2) * size,
        new TextEncoder().encode(WORDS[pick(WORDS.length)]!.repeat(1 + pick(pick(8) ? 2 : 2000))),
      )
  }
}

function replace(bytes: Uint8Array, at: number, size: number, by: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.min(bytes.length, at + size))
  const out = new Uint8Array(Math.min(at, bytes.length) + by.length + tail.length)
  out.set(bytes.subarray(0, at))
  out.set(by, Math.min(at, bytes.length))
  out.set(tail, out.length - tail.length)
  return out
}
