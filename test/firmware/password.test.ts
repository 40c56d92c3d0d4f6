import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ULTRAVISOR } from '../../debug-adapter/machine/firmware/memory-map.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import { findNode, parseFdt } from '../../server/esm/fdt.ts'
import { BootMachine, commandCode, hex, MiB, passwordOf, text, unhex } from './boot-machine.ts'

/** Every real address where `wanted` lies, in normal and in secure memory. */
function find(memory: BootMachine['memory'], wanted: Uint8Array): bigint[] {
  const view = memory.as(Actor.Debugger)
  const ranges = [
    { start: 0n, bytes: memory.normalBytes },
    { start: SECURE_RA_BIT, bytes: memory.secureBytes },
  ]
  return ranges.flatMap(({ start, bytes }) => {
    const all = Buffer.from(view.read(start, bytes))
    const found: bigint[] = []
    for (let at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + 1)) found.push(start + BigInt(at))
    return found
  })
}

describe('the password of the wrapping key', () => {
  test('is in uv_fdt when the ultravisor starts, and nowhere else', () => {
    let handed: Record<string, Uint8Array> = {}
    let places: bigint[] = []
    let uvFdtAt = 0n
    const machine = new BootMachine({
      ultravisor: ({ memory, trace }, uvFdt) => {
        uvFdtAt = uvFdt
        places = find(memory, passwordOf(trace))
        const tree = parseFdt(memory.as(Actor.Ultravisor).read(uvFdt, 4096))
        expect(findNode(tree, '/ibm,uv-fdt')!.properties.get('compatible')).toEqual(text('ibm,uv-fdt\0'))
        handed = Object.fromEntries(findNode(tree, '/ibm,uv-fdt/ibm,uv-tpm')!.properties)
      },
    }).boot()
    const password = passwordOf(machine.trace)
    expect(password).toHaveLength(16)
    expect(places).toHaveLength(1)
    expect(places[0]! - uvFdtAt).toBeLessThan(4096n)
    expect(places[0]! & SECURE_RA_BIT).toBe(SECURE_RA_BIT)

    expect(Object.keys(handed)).toEqual([
      'compatible',
      'wrapping-key-handle',
      'wrapping-key-passwd',
      'wrapping-key-publicname',
      'wrapping-key-policy-a',
      'wrapping-key-policy-b',
    ])
    expect(hex(handed['compatible']!)).toBe(hex(text('ibm,uv-tpm\0')))
    expect(hex(handed['wrapping-key-handle']!)).toBe('81800001')
    expect(hex(handed['wrapping-key-passwd']!)).toBe(`${hex(password)}00`)
    // The Name is the hash of the public area that the TPM answers to ReadPublic.
    const read = machine.trace.of('tpm').findLast(({ command }) => command === 'TPM2_ReadPublic')!
    const response = unhex(read.response)
    const area = response.subarray(12, 12 + new DataView(response.buffer).getUint16(10))
    const name = `000b${createHash('sha256').update(area).digest('hex')}`
    expect(hex(handed['wrapping-key-publicname']!)).toBe(name)
    expect(hex(handed['wrapping-key-policy-a']!)).toBe(
      '8dbd2aa10f701b1eda230fa8a38803d342f3b48c2ffcbed56c04674c79dff00f',
    )
    expect(hex(handed['wrapping-key-policy-b']!)).toBe(
      '9795d78f53de94401899cc2d5ba76007b3d4dad85bf95cabeeba04d0f98b502e',
    )
  })

  test('is seen in the memory of OPAL before it is overwritten, and as zeros after', () => {
    const machine = new BootMachine().boot()
    const password = passwordOf(machine.trace)
    expect(machine.step('overwrite the own copy').values['inMemory']).toEqual(password)
    expect(machine.step('start the ultravisor').values['inMemory']).toEqual(new Uint8Array(16))
    const said = machine.trace.of('boot').filter(({ title }) => title.includes('its own copy is overwritten'))
    expect(said).toHaveLength(1)
  })

  test('is another for another seed', () => {
    const of = (seed: number) => hex(passwordOf(new BootMachine({ seed }).boot().trace))
    expect(of(1)).toBe(of(1))
    expect(of(2)).not.toBe(of(1))
  })

  test('is what the TPM asks for now: the password of the boot before does not do', () => {
    // ObjectChangeAuth took it: the exchange is in the log, and was not refused.
    const machine = new BootMachine().boot()
    const change = machine.trace.of('tpm').filter(({ command }) => command === 'TPM2_ObjectChangeAuth')
    expect(change).toHaveLength(1)
    expect(change[0]!.responseCode).toBe(0)
    expect(change[0]!.request).toContain(`0010${hex(passwordOf(machine.trace))}`)
  })

  test('is in the store of the ultravisor alone once a whole machine has booted', () => {
    const fixture = (path: string) => readFileSync(new URL(`../fixtures/esm/${path}`, import.meta.url))
    const machine = new Machine({
      kernel: fixture('inputs/vmlinux'),
      initrd: fixture('inputs/initrd.img'),
      bootargs: '',
      memoryBytes: 80 * MiB,
      secureMemoryBytes: 64 * MiB,
      seed: 7,
      tpmKey: parsePrivateKey(fixture('keys/tpm-private-for-replay.pem')),
      esm: 'guest',
      crypto: nodeCrypto,
    })
    while (!machine.inGuest) machine.advance(1)
    const places = find(machine.memory, passwordOf(machine.trace))
    expect(places).toHaveLength(1)
    const store = SECURE_RA_BIT + BigInt(ULTRAVISOR.storeOffset)
    expect(places[0]! >= store && places[0]! < store + BigInt(ULTRAVISOR.storeBytes)).toBe(true)
  })
})

describe('a wrapping key that cannot be provisioned', () => {
  const uvTpm = (options: ConstructorParameters<typeof BootMachine>[0]) => {
    let names: string[] = []
    const machine = new BootMachine({
      ...options,
      ultravisor: ({ memory }, uvFdt) => {
        const tree = parseFdt(memory.as(Actor.Ultravisor).read(uvFdt, 4096))
        names = [...findNode(tree, '/ibm,uv-fdt/ibm,uv-tpm')!.properties.keys()]
      },
    }).boot()
    return { machine, names }
  }

  test('is logged with the reason, and the ultravisor starts without it', () => {
    // TPM_RC_VALUE, parameter 1: PolicyOR where PCR 16 is not zero.
    const { machine, names } = uvTpm({
      tpmAnswers: (request) => (commandCode(request) === 0x171 ? unhex('80010000000a000001c4') : undefined),
    })
    expect(machine.trace.of('refusal').map(({ rule, by, found }) => ({ rule, by, found }))).toEqual([
      { rule: 'ESM136', by: 'firmware', found: expect.stringMatching(/PolicyOR answered 0x1c4/) },
    ])
    expect(names).toEqual(['compatible'])
    expect(machine.trace.of('boot').some(({ title }) => title.includes('no wrapping key'))).toBe(true)
    expect(machine.trace.of('boot').at(-1)!.stage).toBe('host')
  })

  test('may be one that a scenario edits', () => {
    const { names } = uvTpm({
      interventions: {
        wrappingKeyProperties: (properties) => {
          properties.delete('wrapping-key-passwd')
          properties.set('wrapping-key-handle', unhex('81800005'))
        },
      },
    })
    expect(names).toEqual([
      'compatible',
      'wrapping-key-handle',
      'wrapping-key-publicname',
      'wrapping-key-policy-a',
      'wrapping-key-policy-b',
    ])
  })
})
