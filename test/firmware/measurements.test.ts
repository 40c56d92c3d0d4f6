import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { BootMachine, commandCode, hex, text, unhex } from './boot-machine.ts'

const sha512 = (bytes: Uint8Array) => createHash('sha512').update(bytes).digest()
const component = (name: string) => sha512(text(`pef-debug model of ${name}, version 1\n`))
const signer = (name: string) => sha512(text(`pef-debug key of ${name}, version 1\n`))
const padded = (digits: string) => unhex(digits.padEnd(128, '0'))
const NODE = padded('')

/** Every measurement of a boot, in order. */
const EXPECTED: readonly (readonly [pcr: number, what: string, value: Uint8Array | 'separator'])[] = [
  [1, 'security switches', padded('8000000000000000')],
  [1, 'PVR of the chip', padded('004e1203')],
  [1, 'node number', NODE],
  [4, 'node number', NODE],
  [5, 'node number', NODE],
  [6, 'node number', NODE],
  [1, 'TPM required', padded('01')],
  [1, 'hash of the hardware keys', signer('hardware')],
  [0, 'self-boot engine and hostboot base', component('self-boot engine and hostboot base')],
  [1, 'key of self-boot engine and hostboot base', signer('self-boot engine and hostboot base')],
  [0, 'hostboot', component('hostboot')],
  [1, 'key of hostboot', signer('hostboot')],
  [4, 'OPAL', component('OPAL')],
  [5, 'key of OPAL', signer('OPAL')],
  [4, 'ultravisor', component('ultravisor')],
  [4, 'host kernel', component('host kernel')],
  ...Array.from({ length: 8 }, (_, pcr) => [pcr, 'separator', 'separator'] as const),
]

/** The separator's digest in each bank: the hash of FF FF FF FF. */
const SEPARATOR = {
  sha1: 'd9be6524a5f5047db5866813acf3277892a7a30a',
  sha256: 'ad95131bc0b799c0b1af477fb14fcf26a6a9f76079e48bf090acb7e8367bfd0e',
}
const BANKS = [
  ['sha256', 32],
  ['sha1', 20],
] as const

describe('the measurements of a boot', () => {
  const machine = new BootMachine().boot()

  test('are logged in order, with digest and value in both banks', () => {
    const logged = machine.trace.of('measurement')
    const expected = EXPECTED.flatMap(([pcr, what, value]) =>
      BANKS.map(([bank, bytes]) => {
        const digest = value === 'separator' ? SEPARATOR[bank] : hex(value.subarray(0, bytes))
        return { pcr, what, bank, digest }
      }),
    )
    expect(logged.map(({ pcr, what, bank, digest }) => ({ pcr, what, bank, digest }))).toEqual(expected)
  })

  test.each(BANKS)('make the %s registers what the same extends make elsewhere', (bank, bytes) => {
    const registers = Array.from({ length: 24 }, (_, i) =>
      // Registers of dynamic launch begin as ones, all others as zeros (PC Client profile).
      Buffer.alloc(bytes, i >= 17 && i <= 22 ? 0xff : 0),
    )
    for (const [pcr, , value] of EXPECTED) {
      const digest = value === 'separator' ? unhex(SEPARATOR[bank]) : value.subarray(0, bytes)
      registers[pcr] = createHash(bank).update(registers[pcr]!).update(digest).digest()
    }
    for (let pcr = 0; pcr < 24; pcr++)
      expect(hex(machine.tpm.pcr(bank, pcr)), `PCR ${pcr}`).toBe(registers[pcr]!.toString('hex'))
    // What the log said last of each register is what it holds.
    for (let pcr = 0; pcr < 8; pcr++) {
      const last = machine.trace.of('measurement').findLast((record) => record.bank === bank && record.pcr === pcr)
      expect(last?.value).toBe(registers[pcr]!.toString('hex'))
    }
  })

  test('are each one TPM2_PCR_Extend, by hostboot until OPAL runs and by OPAL after it', () => {
    const extends_ = machine.trace.of('tpm').filter((record) => record.code === 0x182)
    expect(extends_.map((record) => record.carrier)).toEqual(EXPECTED.map((_, i) => (i < 14 ? 'hostboot' : 'OPAL')))
    expect(extends_.every((record) => record.responseCode === 0)).toBe(true)
  })

  test('are of bytes that lie in memory where the component is', () => {
    const { memory, steps } = machine
    const at = (title: string, name: string) =>
      steps.find((step) => step.title.startsWith(title))!.values[name] as bigint
    const places = {
      OPAL: at('load and verify OPAL', 'at'),
      ultravisor: at('unpack the ultravisor', 'base'),
      'host kernel': at('load the host kernel', 'at'),
    }
    for (const [name, address] of Object.entries(places)) {
      const bytes = memory.bytes.slice(memory.offsetOf(address, 256), memory.offsetOf(address, 256) + 256)
      const image = bytes.subarray(0, bytes.indexOf(0))
      expect(sha512(image).equals(component(name)), name).toBe(true)
    }
  })

  test('that the TPM does not take end the boot with the reason', () => {
    const failing = new BootMachine({
      tpmAnswers: (request) => (commandCode(request) === 0x182 ? unhex('80010000000a00000101') : undefined),
    })
    expect(() => failing.boot()).toThrow(/BOOT-001.*security switches into PCR 1.*0x101/)
  })
})

test('a TPM that does not start ends the boot', () => {
  const failing = new BootMachine({ tpmAnswers: () => unhex('80010000000a00000101') })
  expect(() => failing.boot()).toThrow(/BOOT-001: expected a TPM that starts/)
})
