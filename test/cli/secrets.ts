/** Whether key material got into a text: any 16 bytes of it, however they are written. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import { fixtures } from './esm-tool.ts'

const SLICE_BYTES = 16

/** A secret and what it is called in a failure. */
export interface Secret {
  readonly name: string
  readonly bytes: Uint8Array
  /** Other ways that it is written in, whole. */
  readonly texts?: readonly string[]
}

/** The bytes that a text could stand for: as they are, and what is written in hexadecimal, in base64, or as a list of decimal numbers. */
function* bytesIn(text: string): Generator<Buffer> {
  yield Buffer.from(text, 'latin1')
  for (const [run] of text.matchAll(/[0-9a-fA-F]{32,}/g))
    for (const start of [0, 1]) yield Buffer.from(run.slice(start), 'hex')
  // Line breaks stand in the middle of a PEM.
  for (const [run] of text.replace(/\\n|\s/g, '').matchAll(/[A-Za-z0-9+/]{22,}/g))
    for (const start of [0, 1, 2, 3]) yield Buffer.from(run.slice(start), 'base64')
  for (const [run] of text.matchAll(/\d{1,3}(?:,\s?\d{1,3}){15,}/g)) yield Buffer.from(run.split(/,\s?/).map(Number))
}

/** The secrets of which a text has a part. */
export function leaksIn(text: string, secrets: readonly Secret[]): string[] {
  const leaks = new Set<string>()
  const slices = new Map<string, string>()
  /** The first four bytes of each slice: most places of a text are told apart by them. */
  const starts = new Set<number>()
  for (const { name, bytes, texts = [] } of secrets) {
    for (const whole of texts) if (text.includes(whole)) leaks.add(name)
    const buffer = Buffer.from(bytes)
    for (let at = 0; at + SLICE_BYTES <= buffer.length; at++) {
      slices.set(buffer.toString('latin1', at, at + SLICE_BYTES), name)
      starts.add(buffer.readInt32BE(at))
    }
  }
  for (const bytes of bytesIn(text))
    for (let at = 0; at + SLICE_BYTES <= bytes.length; at++)
      if (starts.has(bytes.readInt32BE(at))) {
        const name = slices.get(bytes.toString('latin1', at, at + SLICE_BYTES))
        if (name !== undefined) leaks.add(name)
      }
  return [...leaks]
}

const fromNumber = (value: bigint) => Uint8Array.from(Buffer.from(value.toString(16).padStart(256, '0'), 'hex'))

/** The secret numbers of a private key of the fixtures, and the lines of its file. */
export function secretsOfKey(keyFile: string, passphrase?: string): Secret[] {
  const pem = readFileSync(join(fixtures, keyFile), 'latin1')
  const key = parsePrivateKey(new TextEncoder().encode(pem), passphrase)
  const lines = pem.split('\n').filter((line) => /^[A-Za-z0-9+/]{64}$/.test(line))
  // The modulus is public, and the first line of a key has little else.
  const secretLines = lines.slice(6)
  return (['d', 'p', 'q'] as const).map((part) => ({
    name: `${part} of ${keyFile}`,
    bytes: withoutLeadingZeros(fromNumber(key[part])),
    texts: [key[part].toString(), ...(part === 'd' ? secretLines : [])],
  }))
}

function withoutLeadingZeros(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(bytes.findIndex((byte) => byte !== 0))
}
