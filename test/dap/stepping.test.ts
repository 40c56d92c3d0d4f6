import { describe, expect, it } from 'vitest'
import { CALL_SITE, ENTRY } from './scripted-machine.ts'
import { atCall, atEntry, folder, instruction } from './scripted-session.ts'

describe('stepping', () => {
  it('goes by instruction, and by line', async () => {
    const { client, machine } = await atEntry()
    expect(await client.run('stepIn', instruction)).toMatchObject({ reason: 'step' })
    expect(machine.cpu.nia).toBe(ENTRY + 4n)
    await client.run('next', { threadId: 1 })
    const { stackFrames } = await client.ask('stackTrace', { threadId: 1 })
    expect(stackFrames[0]).toMatchObject({ line: 19, source: { name: 'demo.c', path: `${folder}demo.c` } })
  })

  it('over a call runs all of it; into it, and out again', async () => {
    const { client, machine } = await atEntry()
    const nia = (): bigint => machine.cpu.nia
    while (nia() !== 0x4000b8n) await client.run('next', instruction)
    await client.run('stepIn', instruction)
    expect(await client.stack()).toEqual(['middle+0x8', '_start+0x1c'])
    while (nia() !== 0x400064n) await client.run('next', instruction)
    await client.run('next', instruction)
    expect(nia()).toBe(0x400068n)
    expect(await client.stack()).toEqual(['middle+0x28', '_start+0x1c'])
    await client.run('stepOut')
    expect(nia()).toBe(0x4000bcn)
    expect(machine.cpu.gpr(1)).toBe(0x500000n - 32n)
  })

  it('out of a leaf that never made a frame', async () => {
    const { client, machine } = await atEntry()
    await client.ask('setFunctionBreakpoints', { breakpoints: [{ name: 'leaf' }] })
    await client.run('continue')
    expect(await client.stack()).toEqual(['leaf+0x8', 'middle+0x28', '_start+0x1c'])
    await client.run('stepOut')
    expect(machine.cpu.nia).toBe(0x400068n)
  })

  it('into sc 2 lands on the first step; over nested frames; out to the guest', async () => {
    const { client, machine } = await atCall()
    expect(await client.run('stepIn')).toMatchObject({ reason: 'step' })
    expect(await client.stack()).toEqual(['SCRIPTED_ESM (ultravisor) — check the caller', '_start+0x34'])
    await client.run('stepIn')
    await client.run('stepIn')
    expect(await client.stack()).toEqual([
      'SCRIPTED_HELP (hypervisor) — bring a page',
      'SCRIPTED_ESM (ultravisor) — ask the hypervisor',
      '_start+0x34',
    ])
    await client.run('stepOut')
    expect((await client.stack())[0]).toBe('SCRIPTED_ESM (ultravisor) — decide')
    await client.run('stepOut')
    expect(machine.vmState).toBe('secure')
    expect(machine.cpu.nia).toBe(ENTRY)
    expect(await client.stack()).toEqual(['_start'])
  })

  it('over a step runs the frames that it makes', async () => {
    const { client } = await atCall()
    await client.run('stepIn')
    await client.run('next')
    await client.run('next')
    expect((await client.stack())[0]).toBe('SCRIPTED_ESM (ultravisor) — decide')
  })

  it('over the sc 2 that makes it secure stops where the secure VM begins', async () => {
    const { client, machine } = await atCall()
    expect(await client.run('next')).toMatchObject({ reason: 'step' })
    expect(machine.cpu.nia).toBe(ENTRY)
    expect((await client.ask('threads')).threads).toEqual([{ id: 1, name: 'vCPU 0 (secure privileged)' }])
    // The next one returns behind the call.
    expect(await client.run('continue')).toMatchObject({ reason: 'instruction breakpoint' })
    await client.run('next', instruction)
    expect(machine.cpu.nia).toBe(CALL_SITE + 4n)
  })
})
