import { describe, expect, test } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import {
  HOST_BYTES,
  HYPERVISOR_POOL,
  LEAST_SECURE_BYTES,
  OPAL,
  SYSTEM_FDT,
  UV_CONSOLE,
  UV_MEMCONS,
  UV_OPAL,
} from '../../debug-adapter/machine/firmware/memory-map.ts'
import { opal } from '../../debug-adapter/machine/firmware/opal.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { recordJson } from '../../debug-adapter/machine/trace/trace.ts'
import { findNode, getBytes, getString, parseFdt } from '../../server/esm/fdt.ts'
import { BootMachine, MiB } from './boot-machine.ts'

describe('the stages of a boot', () => {
  const machine = new BootMachine().boot()

  test('are logged with what is trusted at each', () => {
    const before = ['processor', 'self-boot engine', 'hostboot', 'OPAL', 'TPM']
    const after = ['processor', 'TPM', 'ultravisor']
    expect(machine.trace.of('boot').map(({ stage, tcb }) => [stage, tcb])).toEqual([
      ['hostboot', ['processor', 'self-boot engine', 'hostboot']],
      ['OPAL', before],
      // Before the next stage its own copy of the password is gone.
      ['OPAL', before],
      ['ultravisor', after],
      ['OPAL (after)', after],
      ['host', after],
    ])
  })

  test('can be stopped at each step, and the frames close', () => {
    const own = machine.steps.filter((step) =>
      ['hostboot', 'OPAL', 'OPAL after the ultravisor'].includes(step.procedure.name),
    )
    const lines = (name: string) => own.filter((step) => step.procedure.name === name).map((step) => step.line)
    for (const name of ['hostboot', 'OPAL', 'OPAL after the ultravisor']) {
      const listing = own.find((step) => step.procedure.name === name)!.procedure.listing.split('\n')
      // Every line of the listing behind the header of three is reached once, in order.
      expect(lines(name)).toEqual(Array.from({ length: listing.length - 4 }, (_, i) => i + 4))
    }
    let depth = 0
    for (const { kind } of machine.events) {
      depth += kind === 'enter' ? 1 : kind === 'leave' ? -1 : 0
      expect(depth).toBeGreaterThanOrEqual(0)
    }
    expect(depth).toBe(0)
  })

  test('show the privilege state: secure until the ultravisor returns', () => {
    expect(machine.step('start OPAL').values['msr']).toBe(MSR.SF | MSR.S | MSR.HV | MSR.ME)
    expect(machine.step('check that MSR[S] is 0').values['msr']).toBe(MSR.SF | MSR.HV | MSR.ME)
    expect(machine.cpu.spr(SPR.SMFCTRL)).toBe(0x8000_0000_0000_0002n)
  })

  test('enter the ultravisor with the registers of its interface', () => {
    expect(Object.fromEntries(machine.cpu.gprs)).toEqual({
      3: BigInt(UV_OPAL.start),
      4: 0n,
      5: 0n,
      6: 0x65504150n,
      8: BigInt(OPAL.start),
      9: BigInt(OPAL.start),
    })
    expect(machine.step('start the ultravisor').values['nia']).toBe(SECURE_RA_BIT)
  })

  test('ask for the firmware version and probe the NV index without minding the answer', () => {
    const commands = machine.trace
      .of('tpm')
      .map(({ command, carrier, responseCode }) => ({ command, carrier, responseCode }))
    expect(commands.slice(0, 2)).toEqual([
      { command: 'TPM2_Startup', carrier: 'hostboot', responseCode: 0 },
      { command: 'TPM2_GetCapability', carrier: 'hostboot', responseCode: 0 },
    ])
    const probe = commands.filter(({ command }) => command === 'TPM2_NV_ReadPublic')
    expect(probe).toEqual([{ command: 'TPM2_NV_ReadPublic', carrier: 'OPAL', responseCode: 0x18b }])
  })

  test('are the same to the last record for the same seed, and not for another', () => {
    const log = (seed: number) => new BootMachine({ seed }).boot().trace.records.map(recordJson).join('\n')
    expect(log(1)).toBe(machine.trace.records.map(recordJson).join('\n'))
    expect(log(2)).not.toBe(log(1))
  })
})

describe('what OPAL leaves in normal memory', () => {
  const machine = new BootMachine().boot()
  const view = machine.memory.as(Actor.Hypervisor)

  test('struct uv_opal names base, trees and console', () => {
    const at = BigInt(UV_OPAL.start)
    // Magic, version, return code and API version are never filled in.
    expect([view.u64(at), view.u64(at + 8n)]).toEqual([0n, 0n])
    expect(view.u64(at + 16n)).toBe(SECURE_RA_BIT)
    expect(view.u64(at + 24n)).toBe(BigInt(SYSTEM_FDT.start))
    const uvFdt = view.u64(at + 32n)
    expect(uvFdt & SECURE_RA_BIT).toBe(SECURE_RA_BIT)
    expect(() => view.u32(uvFdt)).toThrow(/MEM-001/)
    const memcons = view.u64(at + 40n)
    expect(memcons).toBe(BigInt(UV_MEMCONS.start))
    expect(view.u64(memcons)).toBe(0x6630696567726173n)
    expect(view.u64(memcons + 8n)).toBe(BigInt(UV_CONSOLE.start))
    expect(view.u32(memcons + 24n)).toBe(UV_CONSOLE.bytes)
  })

  test('the device tree of the host announces secure memory and the ultravisor', () => {
    const tree = parseFdt(view.read(BigInt(SYSTEM_FDT.start), SYSTEM_FDT.bytes))
    const secure = findNode(tree, '/secure-memory@1000000000000')!
    expect(getString(secure, 'compatible')).toBe('ibm,secure-memory')
    const pair = new Uint8Array(16)
    new DataView(pair.buffer).setBigUint64(0, SECURE_RA_BIT)
    new DataView(pair.buffer).setBigUint64(8, BigInt(64 * MiB))
    expect(getBytes(secure, 'reg')).toEqual(pair)
    expect(getString(findNode(tree, '/ibm,ultravisor')!, 'compatible')).toBe('ibm,ultravisor')
    const firmware = findNode(tree, '/ibm,ultravisor/firmware')!
    expect(getBytes(firmware, 'secure-memory-ranges')).toEqual(pair)
  })

  test('every range has its owner, and none overlaps another', () => {
    const uses = new Map([...machine.memory.owned()].map(({ ra, owner, use }) => [ra, `${owner}: ${use}`]))
    expect(uses.get(BigInt(OPAL.start))).toBe('firmware: OPAL')
    expect(uses.get(BigInt(UV_OPAL.start))).toBe('firmware: struct uv_opal')
    expect(uses.get(0n)).toBe('hypervisor: host kernel')
    expect(uses.get(SECURE_RA_BIT)).toBe('ultravisor: text')
    const counted = machine.trace.of('page-owner').reduce((sum, record) => sum + record.pages, 0)
    expect(uses.size).toBe(counted)
    expect(HYPERVISOR_POOL.end).toBeLessThanOrEqual(HOST_BYTES)
    const inPool = [...uses.keys()].filter(
      (ra) => ra >= BigInt(HYPERVISOR_POOL.start) && ra < BigInt(HYPERVISOR_POOL.end),
    )
    expect(inPool).toEqual([])
  })
})

describe('a boot that cannot go on says why', () => {
  test('too little secure memory', () => {
    const small = new BootMachine({ secureBytes: 32 * MiB })
    expect(() => small.boot()).toThrow(`BOOT-002: expected at least ${LEAST_SECURE_BYTES} bytes of secure memory`)
    expect(() => new BootMachine({ secureBytes: 0 }).boot()).toThrow(/BOOT-002.*found 0 bytes/)
    expect(() => new BootMachine({ secureBytes: LEAST_SECURE_BYTES }).boot()).not.toThrow()
  })

  test('OPAL outside the secure state', () => {
    const machine = new BootMachine()
    machine.cpu.msr = MSR.SF | MSR.HV
    expect(() => machine.run(opal(machine.parts, []))).toThrow(/BOOT-004: expected MSR\[S\]=1/)
  })

  test('an ultravisor that returns in the secure state', () => {
    const machine = new BootMachine({ ultravisor: ({ cpu }) => (cpu.msr |= MSR.S) })
    expect(() => machine.boot()).toThrow(/BOOT-004: expected MSR\[S\]=0 after the ultravisor/)
  })

  test('an ultravisor that reports an error', () => {
    const machine = new BootMachine({
      ultravisor: ({ memory }) => memory.as(Actor.Ultravisor).setU32(BigInt(UV_OPAL.start) + 8n, 0xffff_fffa),
    })
    expect(() => machine.boot()).toThrow(/BOOT-005.*0xfffffffa/)
  })
})
