/**
 * What OPAL and the ultravisor say to the TPM in a whole run of the machine, held against the recorded exchanges of the real
 * code with a real TPM (test/fixtures/esm/tpm/transcript.json): the same commands in the same order, with the same fields at
 * the same places and the same content. What may differ is listed here by name; what is drawn anew in every run has to differ.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import type { TraceRecordOf } from '../../debug-adapter/machine/trace/records.ts'
import { phase, type Recorded } from '../tpm/transcript.ts'
import { fixture, fixtureConfig, fixtureJson, untilEsm } from './run.ts'

type Exchange = TraceRecordOf<'tpm'>
/** `TPM2_Load request inPrivate.buffer` */
type FieldName = string

/** Drawn by chance, or made with what is: the recorded bytes in these places would be a shortcut. */
const FRESH: readonly FieldName[] = [
  'TPM2_GetRandom response randomBytes.buffer',
  'TPM2_StartAuthSession request nonceCaller.buffer',
  'TPM2_StartAuthSession response nonceTPM.buffer',
  'TPM2_RSA_Decrypt request auth[0].nonceCaller.buffer',
  'TPM2_RSA_Decrypt request auth[0].hmac.buffer',
  'TPM2_RSA_Decrypt response message.buffer',
  'TPM2_RSA_Decrypt response auth[0].nonceTPM.buffer',
  'TPM2_RSA_Decrypt response auth[0].hmac.buffer',
  'TPM2_ObjectChangeAuth request auth[0].nonceCaller.buffer',
  'TPM2_ObjectChangeAuth request newAuth.buffer',
  'TPM2_ObjectChangeAuth response auth[0].nonceTPM.buffer',
  'TPM2_ObjectChangeAuth response outPrivate.buffer',
  'TPM2_Load request inPrivate.buffer',
  'TPM2_Create request inSensitive.userAuth.buffer',
  'TPM2_Create response outPrivate.buffer',
]

/** The storage key above the wrapping key is not the recorded one, and a qualified name depends on it. */
const ANOTHER_PARENT: readonly FieldName[] = [
  'TPM2_ReadPublic response outPublic.unique.buffer',
  'TPM2_ReadPublic response name.buffer',
  'TPM2_ReadPublic response qualifiedName.buffer',
]

/** Nor is any key, where the TPM was empty. */
const OTHER_KEYS: readonly FieldName[] = [
  ...ANOTHER_PARENT,
  'TPM2_CreatePrimary response outPublic.unique.buffer',
  'TPM2_CreatePrimary response creationTicket.digest.buffer',
  'TPM2_CreatePrimary response name.buffer',
  'TPM2_Create response outPublic.unique.buffer',
  'TPM2_Create response creationData',
  'TPM2_Create response creationHash.buffer',
  'TPM2_Create response creationTicket.digest.buffer',
  'TPM2_Load request inPublic.buffer',
  'TPM2_Load response name.buffer',
  'TPM2_RSA_Decrypt request cipherText.buffer',
]

/** GetRandom is repeated until 16 bytes are not zero, so how often is chance. */
const settled = <T extends { command: string }>(commands: readonly T[]): T[] =>
  commands.filter((c, i) => c.command !== 'TPM2_GetRandom' || commands[i - 1]?.command !== 'TPM2_GetRandom')

function expectSame(found: readonly Exchange[], recorded: readonly Recorded[], mayDiffer: readonly FieldName[] = []) {
  const [ours, theirs] = [settled(found), settled(recorded)]
  expect(ours.map(({ command }) => command)).toEqual(theirs.map(({ command }) => command))
  for (const [i, exchange] of ours.entries()) {
    const reference = theirs[i]!
    expect(exchange.responseCode, exchange.command).toBe(Number(reference.responseCode))
    for (const side of ['request', 'response'] as const) {
      const what = `${exchange.command} ${side}`
      const fields = reference[`${side}Fields`]!
      const [mine, recordedBytes] = [exchange[side], reference[side]]
      expect(mine.length, what).toBe(recordedBytes.length)
      expect(
        exchange[`${side}Fields`].map(({ name, offset, size }) => [name, offset, size]),
        what,
      ).toEqual(fields.map(([name, offset, size]) => [name, offset, size]))
      for (const [name, offset, size] of fields) {
        const field = `${what} ${name}`
        const value = mine.slice(offset * 2, (offset + size) * 2)
        const recordedValue = recordedBytes.slice(offset * 2, (offset + size) * 2)
        if (FRESH.includes(field)) expect(value, field).not.toBe(recordedValue)
        else if (!mayDiffer.includes(field)) expect(value, field).toBe(recordedValue)
      }
    }
  }
}

const exchanges = (machine: Machine, carrier: Exchange['carrier']): Exchange[] =>
  machine.trace.of('tpm').filter((record) => record.carrier === carrier)

/** OPAL's provisioning, without the measurements around it. */
function provisioning(machine: Machine): Exchange[] {
  const opal = exchanges(machine, 'OPAL')
  const at = (command: string) => opal.findIndex((exchange) => exchange.command === command)
  return opal.slice(at('TPM2_GetRandom'), at('TPM2_SelfTest') + 1)
}

const sample = (name: string) => new Uint8Array(readFileSync(new URL(`../guests/hello-svm/${name}`, import.meta.url)))

describe('a TPM with the wrapping key of an earlier boot', () => {
  const { machine, esm } = untilEsm({
    initrd: fixture('good/03-files/esmb-initrd.img'),
    bootargs: fixtureJson('good/03-files/expected.json').digests.bootargsText,
  })

  test('UV_ESM: the commands of the recorded second boot, for the very same lockbox', () => {
    expect(esm.outcome).toBe('secure')
    expectSame(exchanges(machine, 'hypervisor'), phase('uv-esm-second-boot'), [
      'TPM2_ReadPublic response qualifiedName.buffer',
    ])
  })

  test('OPAL: a new password for the wrapping key', () => {
    expectSame(provisioning(machine), phase('opal-next-boot'), ANOTHER_PARENT)
  })

  test('Startup comes from the first firmware, the measurements look as recorded', () => {
    expectSame(exchanges(machine, 'hostboot').slice(0, 1), phase('power-on'))
    const [recorded] = phase('trusted-boot')
    const extend = machine.trace.of('tpm').filter(({ command }) => command === 'TPM2_PCR_Extend')
    expect(extend.length).toBeGreaterThanOrEqual(phase('trusted-boot').length)
    for (const { requestFields, responseCode } of extend) {
      expect(responseCode).toBe(0)
      expect(requestFields.map(({ name, offset, size }) => [name, offset, size])).toEqual(
        recorded!.requestFields!.map(([name, offset, size]) => [name, offset, size]),
      )
    }
    expectSame(
      machine.trace.of('tpm').filter(({ command }) => command === 'TPM2_NV_ReadPublic'),
      phase('opal-tpm-nv-probe'),
    )
  })

  test('each command crosses in an H_SVM_TPM_COMM of its own; the last one closes the session', () => {
    const calls = machine.trace.of('hypercall').filter((r) => r.name === 'H_SVM_TPM_COMM' && r.phase === 'call')
    const operations = calls.map(({ args }) => Object.values(args)[0])
    const [EXECUTE, CLOSE] = [1n, 2n]
    expect(operations).toEqual([...phase('uv-esm-second-boot').map(() => EXECUTE), CLOSE])
  })

  test('no exchange is the same for another seed, but where nothing is drawn', () => {
    const other = untilEsm({
      seed: 2,
      initrd: fixture('good/03-files/esmb-initrd.img'),
      bootargs: fixtureJson('good/03-files/expected.json').digests.bootargsText,
    })
    for (const [i, { command, request }] of exchanges(other.machine, 'hypervisor').entries()) {
      const drawn = command === 'TPM2_StartAuthSession' || command === 'TPM2_RSA_Decrypt'
      expect(request === exchanges(machine, 'hypervisor')[i]!.request, command).toBe(!drawn)
    }
  })
})

describe('a TPM that was never used', () => {
  // With the key that seed 1 makes, which the operand of the sample is for.
  const { tpmKey: _, ...config } = fixtureConfig({
    kernel: sample('hello-svm.elf'),
    initrd: sample('initrd-esmb.img'),
    bootargs: JSON.parse(readFileSync(new URL('../guests/hello-svm/pef.json', import.meta.url), 'utf8')).bootargs,
    esm: 'guest',
  })
  const { machine, esm } = untilEsm({ ...config, tpmKey: undefined as never })

  test('OPAL: a storage key and the wrapping key', () => {
    expectSame(provisioning(machine), phase('opal-first-boot'), OTHER_KEYS)
  })

  test('UV_ESM: the commands of the recorded first boot', () => {
    expect(`${esm.outcome}: ${esm.reason}`).toMatch(/^secure/)
    expectSame(exchanges(machine, 'hypervisor'), phase('uv-esm-first-boot'), OTHER_KEYS)
  })
})
