/** What the machine looks like when UV_ESM is decided: who holds the keys, what the guest is, what the hypervisor can read. */
import { describe, expect, test } from 'vitest'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { PAGE_BYTES, SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { flattenKernel } from '../../server/esm/kernel-image.ts'
import { guestCases } from './guest-cases.ts'
import { fixture, fixtureJson, kernel, untilEsm } from './run.ts'

const bad = fixtureJson('bad/expected.json')
const image = fixture('bad/base/esmb-initrd.img')
const masterKey = Buffer.from(bad.masterKey, 'hex')
const run = (change: Partial<MachineConfig> = {}) => untilEsm({ initrd: image, ...change })

const secureMemory = ({ memory }: Machine): Buffer =>
  Buffer.from(memory.as(Actor.Ultravisor).read(SECURE_RA_BIT, memory.secureBytes))
const normalMemory = ({ memory }: Machine): Buffer =>
  Buffer.from(memory.as(Actor.Hypervisor).read(0n, memory.normalBytes))

/** Bytes of the guest at `gpa`, through the page table that the processor uses for it. */
function guestBytes(machine: Machine, gpa: bigint, length: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < length; ) {
    const here = gpa + BigInt(at)
    const size = Math.min(length - at, PAGE_BYTES - Number(here % BigInt(PAGE_BYTES)))
    parts.push(machine.memory.as(Actor.Debugger).read(machine.guestRealAddress(here)!, size).slice())
    at += size
  }
  return new Uint8Array(Buffer.concat(parts))
}

describe('accepted', () => {
  const { machine } = run()
  const { cpu, platform } = machine

  test('the guest starts again at its kernel, secure, with its registers', () => {
    const { kernelBase, fdt } = platform.guest!
    expect(cpu.nia).toBe(kernelBase)
    expect([3, 4, 5].map((i) => cpu.gpr(i))).toEqual([fdt, kernelBase, 0n])
    expect(cpu.msr & MSR.S).not.toBe(0n)
    expect(cpu.msr & (MSR.HV | MSR.PR | MSR.EE)).toBe(0n)
    expect(machine.vmState).toBe('secure')
  })

  test('kernel and initrd are what was loaded, in secure memory', () => {
    const { kernelBase, initrd } = platform.guest!
    const flat = flattenKernel(kernel).bytes
    expect(guestBytes(machine, kernelBase, flat.length)).toEqual(flat)
    expect(guestBytes(machine, initrd!.start, image.length)).toEqual(image)
    for (const gpa of [kernelBase, initrd!.start])
      expect(machine.guestRealAddress(gpa)! & SECURE_RA_BIT).toBe(SECURE_RA_BIT)
  })

  test('the master key is in secure memory, and nowhere that the hypervisor can read', () => {
    expect(secureMemory(machine).includes(masterKey)).toBe(true)
    expect(normalMemory(machine).includes(masterKey)).toBe(false)
    const carried = machine.trace.of('tpm').map(({ request, response }) => request + response)
    expect(carried.join(' ')).not.toContain(bad.masterKey)
  })

  test('the password of the wrapping key is gone from normal memory', () => {
    const { request, requestFields } = machine.trace.of('tpm').find((r) => r.command === 'TPM2_ObjectChangeAuth')!
    const { offset, size } = requestFields.find(({ name }) => name === 'newAuth.buffer')!
    const password = Buffer.from(request, 'hex').subarray(offset, offset + size)
    expect(password).toHaveLength(16)
    expect(secureMemory(machine).includes(password)).toBe(true)
    expect(normalMemory(machine).includes(password)).toBe(false)
  })
})

describe.each([
  ['before the TPM is asked', 'initrd-length-zero', false],
  ['by the TPM', 'password-wrong', false],
  ['by a digest, with the lockbox open', 'bootargs-extra-space', true],
])('refused %s', (_, id, opened) => {
  const { machine } = run(guestCases[id])
  const { cpu, platform } = machine

  test('the guest goes on behind its sc 2 as a normal VM, with the code in R3', () => {
    const at = guestBytes(machine, cpu.nia - 4n, 4)
    expect([...at].reverse()).toEqual([0x44, 0x00, 0x00, 0x42])
    expect(BigInt.asIntN(64, cpu.gpr(3))).toBe(-4n)
    expect(cpu.msr & (MSR.S | MSR.HV)).toBe(0n)
    expect(machine.vmState).toBe('normal')
  })

  test('it finds its kernel and initrd as they were, in normal memory', () => {
    const { kernelBase, initrd } = platform.guest!
    const flat = flattenKernel(kernel).bytes
    expect(guestBytes(machine, kernelBase, flat.length)).toEqual(flat)
    expect(guestBytes(machine, initrd!.start, image.length)).toEqual(image)
    for (const gpa of [kernelBase, initrd!.start]) expect(machine.guestRealAddress(gpa)! & SECURE_RA_BIT).toBe(0n)
  })

  test('no key is left anywhere', () => {
    const rsa = machine.trace.of('tpm').find((r) => r.command === 'TPM2_RSA_Decrypt' && r.responseCode === 0)
    expect(rsa !== undefined).toBe(opened)
    expect(secureMemory(machine).includes(masterKey)).toBe(false)
    expect(normalMemory(machine).includes(masterKey)).toBe(false)
  })

  test('no secure page belongs to the VM any more', () => {
    const left = [...machine.memory.owned()].filter((p) => p.owner === 'secure guest')
    expect(left).toEqual([])
  })

  test('the TPM has no session left', () => {
    expect(machine.tpm.handles().filter(({ what }) => what.includes('session'))).toEqual([])
  })
})
