/** A hypercall of the secure VM as a person sees it through the debugger: both register files of the crossing, and what became of each register. */
import { afterEach, expect, it } from 'vitest'
import { hcallByNumber } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { breakAtCalls, instruction, register, sampleAtEsm } from './sample.ts'
import type { StdioClient } from './stdio-client.ts'

interface Crossed {
  readonly name: string
  readonly guest: string
  readonly hypervisor: string
  readonly how: string
}

interface Reflection {
  readonly direction: unknown
  readonly registers: readonly Crossed[]
}

let client: StdioClient
afterEach(() => client?.kill())

const GPRS = Array.from({ length: 32 }, (_, i) => `R${i}`)
const number = async (name: string): Promise<bigint> =>
  BigInt((await register(client, name.toLowerCase())).split(' ')[0]!)
const gprs = async (): Promise<bigint[]> => {
  const values: bigint[] = []
  for (const name of GPRS) values.push(await number(name))
  return values
}

/** Registers of the newest reflection of the log in a direction, by name. */
async function newest(direction: 'out' | 'back'): Promise<Map<string, Crossed>> {
  const { records } = await client.ask('pef/trace', { types: ['reflection'], limit: 10_000 })
  const found: Reflection = records.findLast((record: Reflection) => record.direction === direction)
  return new Map(found.registers.map((one) => [one.name, one]))
}

it('shows which registers the hypervisor gets, and which come back', { timeout: 120_000 }, async () => {
  client = await sampleAtEsm()
  await client.ask('setInstructionBreakpoints', { breakpoints: [] })
  await breakAtCalls(client, 1)
  expect((await client.run('continue')).reason).toBe('instruction breakpoint')
  expect((await register(client, 'msr')).includes('S')).toBe(true)
  const guest = await gprs()
  const [nia, lr] = [await number('nia'), await number('lr')]
  const call = hcallByNumber.get(Number(guest[3]))!
  expect(call.name).toBe('H_PUT_TERM_CHAR')

  // Into the ultravisor, and step by step until the hypervisor has the processor: what it holds then is what the hypervisor gets.
  const layer = async (): Promise<string> => (await client.ask('threads')).threads[0].name
  for (let i = 0; !(await layer()).includes('(hypervisor)') && i < 40; i++) await client.run('stepIn', instruction)
  const processor = await client.scope('Processor: general registers')
  const seen = GPRS.map((name) => BigInt(processor.get(name.toLowerCase())!.value.split(' ')[0]!))
  const shown = GPRS.slice(3, 3 + call.in)
  expect(seen.slice(3, 3 + call.in)).toEqual(guest.slice(3, 3 + call.in))
  expect(seen.filter((value, i) => value !== 0n && i !== 31 && !shown.includes(`R${i}`))).toEqual([])
  expect((await client.scope('Processor: special registers')).get('lr')!.value).toMatch(/^0x0+\b/)
  // The guest's frames below still show what the guest has.
  expect([await gprs(), await number('lr')]).toEqual([guest, lr])

  // The next step makes the record.
  await client.run('stepIn', instruction)
  const out = await newest('out')
  for (const [i, name] of GPRS.entries()) {
    const row = out.get(name)
    if (!row) {
      expect([name, guest[i], seen[i]]).toEqual([name, 0n, 0n])
      continue
    }
    const how = name === 'R31' ? 'synthesised' : shown.includes(name) ? 'kept' : 'scrubbed'
    expect([name, BigInt(row.guest), BigInt(row.hypervisor), row.how]).toEqual([name, guest[i], seen[i], how])
  }
  expect(out.get('LR')).toMatchObject({ how: 'scrubbed', hypervisor: '0x0' })
  expect(BigInt(out.get('LR')!.guest)).toBe(lr)
  // Where the guest stands is told by a cookie, which SRR0, HSRR0 and R31 hold.
  expect(new Set(['R31', 'SRR0', 'HSRR0'].map((name) => out.get(name)!.hypervisor)).size).toBe(1)
  expect(out.get('NIA')).toMatchObject({ how: 'synthesised', hypervisor: '0xc00' })
  expect(BigInt(out.get('NIA')!.guest)).toBe(nia + 4n)

  await client.run('stepOut', instruction)
  while ((await client.stack())[0]!.includes(' — ')) await client.run('stepOut', instruction)
  const back = await newest('back')
  const after = await gprs()
  expect(await number('nia')).toBe(nia + 4n)
  const results = GPRS.slice(3, 3 + call.out)
  for (const [i, name] of GPRS.entries()) {
    if (results.includes(name)) expect(back.get(name)?.how ?? 'kept').toBe('kept')
    else expect([name, after[i], back.get(name)?.how ?? 'restored']).toEqual([name, guest[i], 'restored'])
  }
  expect(after[3]).toBe(0n)
})
