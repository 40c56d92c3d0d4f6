import { describe, expect, test } from 'vitest'
import { runToEnd } from '../../debug-adapter/machine/steps.ts'
import { CC } from '../../debug-adapter/machine/tpm/constants.ts'
import { decodeCommand, decodeResponse } from '../../debug-adapter/machine/tpm/decode.ts'
import { startup } from '../../debug-adapter/machine/tss/commands.ts'
import { bytes, hex, keys, phase, phases, type Recorded, recordedTpm } from './transcript.ts'

/** The random bytes that the recorded TPM drew, in the order in which ours needs them. */
function drawnBy(recorded: Recorded): Uint8Array[] {
  const { nondeterministic = [], response } = recorded
  const at = (end: string) => nondeterministic.filter(({ field }) => field.endsWith(end))
  const nonces = [...at('randomBytes.buffer'), ...at('nonceTPM.buffer')]
  const drawn: Uint8Array[] = nonces.map(({ offset, size }) => bytes(response).slice(offset, offset + size))
  if (recorded.command === 'TPM2_ObjectChangeAuth') drawn.unshift(bytes(keys.privateBlobs.objectChangeAuth.iv))
  return drawn
}

function replay(name: string, password: string): { recorded: Recorded; response: Uint8Array }[] {
  let queue: Uint8Array[] = []
  const random = (length: number) => {
    const next = queue.shift()
    if (next && next.length !== length)
      throw new Error(`the TPM drew ${length} bytes where ${next.length} were recorded`)
    return next ?? new Uint8Array(length)
  }
  const tpm = recordedTpm(random, password)
  runToEnd(tpm.execute(startup()))
  return phase(name).map((recorded) => {
    queue = drawnBy(recorded)
    return { recorded, response: runToEnd(tpm.execute(bytes(recorded.request))) }
  })
}

const { afterFirstBoot, afterSecondBoot } = keys.passwords

describe('with the recorded keys and nonces every response is the recorded one, to the byte', () => {
  test.each([
    ['opal-tpm-nv-probe', afterFirstBoot],
    ['uv-esm-first-boot', afterFirstBoot],
    ['opal-next-boot', afterFirstBoot],
    ['uv-esm-second-boot', afterSecondBoot],
    ['uv-esm-stale-password', afterSecondBoot],
    ...phases
      .filter(
        (p) => p.phase.startsWith('negative/') && p.phase !== 'negative/framing' && p.phase !== 'negative/pcr16-dirty',
      )
      .map((p) => [p.phase, afterSecondBoot] as [string, string]),
  ])('%s', (name, password) => {
    for (const { recorded, response } of replay(name, password))
      expect(`${recorded.command} ${hex(response)}`).toBe(`${recorded.command} ${recorded.response}`)
  })
})

test('packets that are no commands get the codes of the reference implementation', () => {
  for (const { recorded, response } of replay('negative/framing', afterSecondBoot)) {
    if (recorded.implementationSpecific) expect(response.length).toBe(recorded.response.length / 2)
    else expect(hex(response)).toBe(recorded.response)
  }
})

test('measurements change the PCRs as recorded; PCR 16 not zero closes the branch that changes the password', () => {
  for (const name of ['trusted-boot', 'negative/pcr16-dirty'])
    for (const { recorded, response } of replay(name, afterSecondBoot)) {
      // The update counter of PCR_Read counts what came before this phase too.
      const skip = recorded.command === 'TPM2_PCR_Read' ? 28 : 0
      expect(`${recorded.command} ${hex(response).slice(skip)}`).toBe(
        `${recorded.command} ${recorded.response.slice(skip)}`,
      )
    }
})

test('the decoder names every field of every recorded command and response', () => {
  // Of NV_ReadPublic only the answer that there is no such index: this TPM has none.
  const implemented = new Set(Object.keys(CC).map((name) => `TPM2_${name}`))
  const known = phases
    .flatMap((p) => p.commands)
    .filter(
      (c) => implemented.has(c.command) && !(c.command === 'TPM2_NV_ReadPublic' && c.responseCode === '0x00000000'),
    )
  expect(known.length).toBeGreaterThan(170)
  for (const recorded of known) {
    const shown = (fields: readonly (readonly [string, number, number, string?])[] = []) =>
      fields.filter(([, , size]) => size > 0).map(([name, offset, size]) => `${name} ${offset} ${size}`)
    const ours = (fields: readonly { name: string; offset: number; size: number }[]) =>
      fields.map(({ name, offset, size }) => `${name} ${offset} ${size}`)
    const command = bytes(recorded.request)
    expect(ours(decodeCommand(command).fields)).toEqual(shown(recorded.requestFields))
    if (recorded.command === 'TPM2_GetCapability') continue
    expect(ours(decodeResponse(command, bytes(recorded.response)).fields)).toEqual(shown(recorded.responseFields))
  }
})
