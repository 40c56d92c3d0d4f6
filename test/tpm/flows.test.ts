import { describe, expect, test } from 'vitest'
import { runToEnd, type Steps } from '../../debug-adapter/machine/steps.ts'
import { decodeCommand } from '../../debug-adapter/machine/tpm/decode.ts'
import { Tpm } from '../../debug-adapter/machine/tpm/tpm.ts'
import { pcrExtend, startup } from '../../debug-adapter/machine/tss/commands.ts'
import {
  provisionWrappingKey,
  type WrappingKey,
  wrappingKeyPolicies,
} from '../../debug-adapter/machine/tss/provision.ts'
import { unwrapSymmetricKey } from '../../debug-adapter/machine/tss/unwrap.ts'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import { oaepEncrypt } from '../../server/esm/crypto/rsa.ts'
import { hex, keys, phase } from './transcript.ts'

function randomFrom(seed: number): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32)
      out.set(crypto.sha256(new TextEncoder().encode(`${seed} ${counter++}`)).subarray(0, length - at), at)
    return out
  }
}

/** A TPM after power-on, and what was sent to it. */
function machine(seed = 1) {
  const tpm = new Tpm({ crypto, random: randomFrom(seed) })
  const sent: Uint8Array[] = []
  const transport = function* (command: Uint8Array): Steps<Uint8Array> {
    sent.push(command)
    return yield* tpm.execute(command)
  }
  runToEnd(tpm.execute(startup()))
  const provision = (): WrappingKey => {
    const result = runToEnd(provisionWrappingKey(transport, { crypto, random: randomFrom(seed + 100) }))
    if (!result.ok) throw new Error(result.reason)
    return result.key
  }
  const unwrap = (key: WrappingKey, ciphertext: Uint8Array, change: Partial<WrappingKey> = {}) =>
    runToEnd(unwrapSymmetricKey(transport, { crypto, random: randomFrom(seed + 200), ...key, ciphertext, ...change }))
  const wrap = (message: Uint8Array) =>
    oaepEncrypt(tpm.publicKey(0x8180_0001)!, message, { crypto, random: randomFrom(seed + 300) })
  return { tpm, sent, transport, provision, unwrap, wrap }
}

const names = (commands: readonly Uint8Array[]) => commands.map((command) => decodeCommand(command).name)
const secret = randomFrom(9)(32)

test('the policies are those that the published firmware computes', () => {
  const { a, b, or } = wrappingKeyPolicies(crypto)
  expect([hex(a), hex(b), hex(or)]).toEqual([keys.policyA, keys.policyB, keys.policyOR])
})

describe('OPAL and the ultravisor send what the real ones sent', () => {
  const { tpm, sent, provision, unwrap, wrap } = machine()
  const key = provision()
  // GetRandom is repeated until 16 bytes are not zero, so how often is chance.
  const shape = (commands: readonly string[]) => commands.filter((name, i) => name !== 'TPM2_GetRandom' || i === 0)

  test('first boot, unwrap, next boot, unwrap with the new password', () => {
    expect(shape(names(sent.splice(0)))).toEqual(shape(phase('opal-first-boot').map((c) => c.command)))
    expect(unwrap(key, wrap(secret))).toMatchObject({ ok: true, key: secret })
    expect(sent.map((c) => c.length)).toEqual(phase('uv-esm-first-boot').map((c) => c.request.length / 2))
    expect(names(sent.splice(0))).toEqual(phase('uv-esm-first-boot').map((c) => c.command))

    tpm.powerCycle()
    runToEnd(tpm.execute(startup()))
    const next = provision()
    expect(shape(names(sent.splice(0)))).toEqual(shape(phase('opal-next-boot').map((c) => c.command)))
    expect(hex(next.password)).not.toBe(hex(key.password))
    expect(hex(next.publicName)).toBe(hex(key.publicName))
    expect(unwrap(next, wrap(secret))).toMatchObject({ ok: true, key: secret })
    expect(unwrap(key, wrap(secret))).toMatchObject({ ok: false, rule: 'ESM133', responseCode: 0x9a2 })
  })
})

describe('whatever is wrong fails for its own reason', () => {
  const { tpm, provision, unwrap, wrap, transport } = machine(2)
  const key = provision()
  const good = wrap(secret)
  const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte))

  test.each([
    ['another handle', { handle: 0x8180_0005 }, 'ESM131'],
    ['the handle of the parent', { handle: 0x8180_0000 }, 'ESM132'],
    ['another Name', { publicName: flipped(key.publicName) }, 'ESM132'],
    ['another password', { password: flipped(key.password) }, 'ESM133'],
    ['another policy A', { policyA: flipped(key.policyA) }, 'ESM134'],
    ['another policy B', { policyB: flipped(key.policyB) }, 'ESM134'],
  ])('%s', (_, change, rule) => {
    expect(unwrap(key, good, change)).toMatchObject({ ok: false, rule })
  })

  test.each([
    ['a short ciphertext', good.slice(1), 'ESM025'],
    ['a changed ciphertext', flipped(good), 'ESM026'],
    [
      'OAEP with SHA-1',
      oaepEncrypt(tpm.publicKey(0x8180_0001)!, secret, { crypto, random: randomFrom(5), hash: 'sha1' }),
      'ESM026',
    ],
  ])('%s', (_, ciphertext, rule) => {
    expect(unwrap(key, ciphertext)).toMatchObject({ ok: false, rule })
    expect(tpm.handles().filter(({ what }) => what.includes('session'))).toEqual([])
  })

  test('a response that somebody changed on the way', () => {
    const tampering = function* (command: Uint8Array): Steps<Uint8Array> {
      const response = yield* transport(command)
      return decodeCommand(command).name === 'TPM2_RSA_Decrypt'
        ? response.map((b, i) => (i === 20 ? b ^ 1 : b))
        : response
    }
    const result = runToEnd(unwrapSymmetricKey(tampering, { crypto, random: randomFrom(6), ...key, ciphertext: good }))
    expect(result).toMatchObject({ ok: false, rule: 'ESM135' })
  })

  test('what the hypervisor carries does not hold the key', () => {
    let seen = ''
    const listening = function* (command: Uint8Array): Steps<Uint8Array> {
      const response = yield* transport(command)
      seen += hex(command) + hex(response)
      return response
    }
    const result = runToEnd(unwrapSymmetricKey(listening, { crypto, random: randomFrom(7), ...key, ciphertext: good }))
    expect(result.ok).toBe(true)
    expect(seen).not.toContain(hex(secret))
    expect(seen).not.toContain(hex(key.password))
  })

  test('a PCR 16 that is not zero keeps OPAL from changing the password', () => {
    runToEnd(tpm.execute(pcrExtend(16, secret, secret.slice(0, 20))))
    const result = runToEnd(provisionWrappingKey(transport, { crypto, random: randomFrom(8) }))
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining('0x1c4') })
  })
})
