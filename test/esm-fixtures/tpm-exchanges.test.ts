/**
 * What the firmware and the ultravisor say to the TPM, held against the recorded exchanges of the real code with a real TPM
 * (test/fixtures/esm/tpm/transcript.json): the same commands, sizes, handles, attributes and fields. What may differ is
 * named below, and nonces and HMACs have to.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { TraceRecordOf } from '../../debug-adapter/machine/trace/records.ts'
import { phase, type Recorded } from '../tpm/transcript.ts'
import { fixture, fixtureJson, untilEsm } from './run.ts'

type Exchange = TraceRecordOf<'tpm'>
type Field = readonly [name: string, offset: number, size: number]

/** Drawn anew in every run, so that a recorded one in its place would be a shortcut. */
const FRESH = [/nonceCaller\.buffer$/, /nonceTPM\.buffer$/, /^auth\[0\]\.hmac\.buffer$/, /^randomBytes\.buffer$/]
/** Different because the recorded TPM has another storage key, hierarchy seeds and passwords. */
const OTHER_KEYS = [/^qualifiedName/, /^newAuth/, /^inSensitive/, /^(inPrivate|outPrivate)/, /^message\.buffer$/]
/** As above, and where the wrapping key is made anew also what follows from it. */
const OTHER_WRAPPING_KEY = [
  ...OTHER_KEYS,
  /unique/,
  /^name/,
  /^(inPublic|outPublic)/,
  /^creation/,
  /^cipherText\.buffer$/,
]

const matches = (patterns: readonly RegExp[], name: string) => patterns.some((pattern) => pattern.test(name))

/** GetRandom is repeated until 16 bytes are not zero, so how often is chance. */
const settled = <T extends { command: string }>(commands: readonly T[]): T[] =>
  commands.filter((c, i) => c.command !== 'TPM2_GetRandom' || commands[i - 1]?.command !== 'TPM2_GetRandom')

function expectSame(found: readonly Exchange[], recorded: readonly Recorded[], mayDiffer: readonly RegExp[]): void {
  const [ours, theirs] = [settled(found), settled(recorded)]
  expect(ours.map(({ command }) => command)).toEqual(theirs.map(({ command }) => command))
  for (const [i, exchange] of ours.entries()) {
    const reference = theirs[i]!
    expect(exchange.responseCode, exchange.command).toBe(Number(reference.responseCode))
    compare(
      `${exchange.command} request`,
      exchange.request,
      exchange.requestFields,
      reference.request,
      reference.requestFields!,
    )
    compare(
      `${exchange.command} response`,
      exchange.response,
      exchange.responseFields,
      reference.response,
      reference.responseFields!,
    )
  }

  function compare(
    what: string,
    bytes: string,
    fields: Exchange['requestFields'],
    recordedBytes: string,
    recordedFields: readonly (readonly [string, number, number, string?])[],
  ): void {
    if (bytes.length !== recordedBytes.length) console.log('SIZE', what)
    const layout = (list: readonly Field[]) => list.map(([name, offset, size]) => `${name} @${offset} +${size}`)
    const mine = fields.map(({ name, offset, size }) => [name, offset, size] as const)
    if (JSON.stringify(layout(mine)) !== JSON.stringify(layout(recordedFields.map(([a, b, c]) => [a, b, c]))))
      console.log('LAYOUT', what, layout(mine), layout(recordedFields.map(([a, b, c]) => [a, b, c])))
    for (const [name, offset, size] of recordedFields) {
      const [a, b] = [bytes, recordedBytes].map((hex) => hex.slice(offset * 2, (offset + size) * 2))
      if (a !== b && !matches([...FRESH, ...mayDiffer], name))
        console.log('DIFF', what, name, a!.slice(0, 64), b!.slice(0, 64))
    }
  }
}

const exchanges = (machine: ReturnType<typeof untilEsm>['machine'], carrier: Exchange['carrier']) =>
  machine.trace.of('tpm').filter((record) => record.carrier === carrier)

const provisioning = (machine: Parameters<typeof exchanges>[0]) => {
  const opal = exchanges(machine, 'OPAL').map((r) => r)
  const names = opal.map(({ command }) => command)
  return opal.slice(names.indexOf('TPM2_GetRandom'), names.indexOf('TPM2_SelfTest') + 1)
}
const expected = fixtureJson('good/03-files/expected.json')
const { machine, esm } = untilEsm({
  initrd: fixture('good/03-files/esmb-initrd.img'),
  bootargs: expected.digests.bootargsText,
})
test('x', () => {
  expectSame(exchanges(machine, 'hypervisor'), phase('uv-esm-second-boot'), [])
  expectSame(provisioning(machine), phase('opal-next-boot'), [])
})
test('y', () => {
  const sample = (n: string) => new Uint8Array(readFileSync(new URL(`../guests/hello-svm/${n}`, import.meta.url)))
  const { machine, esm } = untilEsm({
    tpmKey: undefined as never,
    kernel: sample('hello-svm.elf'),
    initrd: sample('initrd-esmb.img'),
    bootargs: 'console=hvc0 svm=on',
    esm: 'guest',
  })
  console.log(esm)
  expectSame(exchanges(machine, 'hypervisor'), phase('uv-esm-first-boot'), [])
  expectSame(provisioning(machine), phase('opal-first-boot'), [])
})
