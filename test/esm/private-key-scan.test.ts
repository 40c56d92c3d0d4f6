/** ESM141: private keys in an initrd, wherever the borders of what is read lie. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { findPrivateKey } from '../../server/esm/private-key-scan.ts'

const pem = readFileSync(new URL('../fixtures/esm/keys/origin.sec', import.meta.url))
const bytes = (text: string) => new TextEncoder().encode(text)

/** As a file is read: one buffer for all chunks. */
async function* inChunks(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size)
  for (let at = 0; at < whole.length; at += size) {
    const part = whole.subarray(at, at + size)
    buffer.set(part)
    yield buffer.subarray(0, part.length)
  }
}

describe('private keys in an initrd', () => {
  const initrd = Buffer.concat([bytes('P'.repeat(1000)), pem, bytes('y'.repeat(1000))])

  it.each([1, 7, 64, 127, 128, 129, 1000, 1010, 1 << 20])('are found in chunks of %i bytes', async (size) => {
    expect(await findPrivateKey(inChunks(initrd, size))).toEqual({
      kind: 'RSA PRIVATE KEY',
      offset: 1000,
      compressed: false,
    })
  })

  it('are found in what gzip compressed', async () => {
    const packed = gzipSync(initrd)
    expect(await findPrivateKey(inChunks(packed, 100))).toMatchObject({ offset: 1000, compressed: true })
  })

  it('are not seen in a program that reads keys, in public keys, in nothing, or in a damaged archive', async () => {
    const program = bytes('-----BEGIN OPENSSH PRIVATE KEY-----\n\0-----END OPENSSH PRIVATE KEY-----\n\0')
    const none = [program, bytes('-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC'), new Uint8Array(0)]
    for (const one of [...none, gzipSync(initrd).subarray(0, 60), Buffer.concat([gzipSync(program), program])])
      expect(await findPrivateKey(inChunks(one, 50))).toBeUndefined()
  })
})
