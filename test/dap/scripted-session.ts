/** A session with the scripted machine, launched and at the places that tests begin from. */
import { expect } from 'vitest'
import { InProcessClient } from './in-process.ts'
import { ScriptedMachine } from './scripted-machine.ts'

export const folder = new URL('../fixtures/symbols/', import.meta.url).pathname
export const kernel = 'demo-le-dwarf5.elf'
export const instruction = { threadId: 1, granularity: 'instruction' }

export async function launched(attributes: object = {}, refuse = false) {
  let machine!: ScriptedMachine
  const client = new InProcessClient((config) => {
    machine = new ScriptedMachine(config, refuse)
    return machine
  }, folder)
  await client.launch({ kernel, ...attributes })
  return { client, machine: () => machine }
}

export async function atEntry(refuse = false) {
  const { client, machine } = await launched({}, refuse)
  expect(await client.run('configurationDone', {})).toMatchObject({ reason: 'entry' })
  return { client, machine: machine() }
}

/** Runs to the `sc 2` of the script. */
export async function atCall(refuse = false) {
  const started = await atEntry(refuse)
  await started.client.ask('setInstructionBreakpoints', { breakpoints: [{ instructionReference: '0x4000d4' }] })
  expect(await started.client.run('continue')).toMatchObject({ reason: 'instruction breakpoint' })
  return started
}
