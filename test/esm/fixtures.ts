import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../server/esm/crypto/rsa.ts'
import type { KnownKey } from '../../server/esm/verify/lockboxes.ts'

const root = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))

/** Bytes of a fixture; the path is relative to test/fixtures/esm. */
export function fixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(root + path))
}

export function fixtureText(path: string): string {
  return readFileSync(root + path, 'utf8')
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON files are described in the fixtures' README
export function fixtureJson(path: string): any {
  return JSON.parse(fixtureText(path))
}

export function privateKey(path: string): RsaPrivateKey {
  return parsePrivateKey(fixture(path))
}

/** Every public-key file of the fixtures. */
export function knownKeys(): KnownKey[] {
  const names = ['origin.pub', 'origin-enc.pub', 'origin-big.pub', 'recipient-2.pem', 'recipient-3.pem', 'tpm.pem']
  return names.map((name) => ({ name: `keys/${name}`, bytes: fixture(`keys/${name}`) }))
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
}
