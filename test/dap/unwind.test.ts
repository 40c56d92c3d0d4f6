/** The call stack where no call leads on: across the frame that Linux makes for an interrupt. */
import { describe, expect, it } from 'vitest'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { atEntry } from './scripted-session.ts'

const LEAF = 0x400000n
const MIDDLE = 0x400040n
const STACK = 0x500000n

/** In `leaf`, on an interrupt frame that holds registers at an offset and its marker at another. */
async function interrupted(marker: bigint, registers: bigint, msr: bigint, mark = 0x7265677368657265n) {
  const { client, machine } = await atEntry()
  const memory = machine.memory.as(Actor.Debugger)
  const store = (address: bigint, value: bigint) =>
    memory.write(
      address,
      Uint8Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)),
    )
  const { scopes } = await client.ask('scopes', { frameId: 1 })
  const reference = (name: string) => scopes.find((scope: { name: string }) => scope.name === name).variablesReference
  store(STACK + marker, mark)
  for (let i = 0n; i < 32n; i++) store(STACK + registers + i * 8n, 0x1000n + i)
  store(STACK + registers + 8n, 0x580000n)
  store(STACK + registers + 32n * 8n, MIDDLE + 0x24n)
  store(STACK + registers + 33n * 8n, msr)
  store(STACK + registers + 40n * 8n, 0x901n)
  await client.ask('setVariable', {
    variablesReference: reference('Special registers'),
    name: 'nia',
    value: `${LEAF + 8n}`,
  })
  return client
}

describe('the frame of an interrupt', () => {
  it.each([
    ['Linux before 6.2', 96n, 112n],
    ['Linux from 6.2 on', 32n, 48n],
  ])('%s: what was interrupted stands behind it, with all of its registers', async (_, marker, registers) => {
    const client = await interrupted(marker, registers, MSR.SF | MSR.ME)
    expect(await client.stack()).toEqual(['leaf+0x8', 'middle+0x24 — interrupted, vector 0x900'])
    const kept = await client.scope('General registers', 2)
    expect(kept.get('r14')?.value).toContain('000000000000100e')
    expect(kept.get('r1')?.value).toContain('0000000000580000')
  })

  it('a user process is no code of the kernel', async () => {
    const client = await interrupted(96n, 112n, MSR.SF | MSR.ME | MSR.PR)
    expect(await client.stack()).toEqual(['leaf+0x8', 'user process at 0x400064 — interrupted, vector 0x900'])
    const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
    expect(stackFrames[1]).toMatchObject({ line: 0, presentationHint: 'subtle' })
  })

  it('without the marker there is none', async () => {
    const client = await interrupted(96n, 112n, MSR.SF, 0x7265677368657266n)
    expect(await client.stack()).toEqual(['leaf+0x8'])
  })
})
