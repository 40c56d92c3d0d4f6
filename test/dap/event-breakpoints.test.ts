import { describe, expect, it } from 'vitest'
import { parseEventBreakpoint, recordValues } from '../../debug-adapter/adapter/event-breakpoints.ts'
import { callNames } from '../../debug-adapter/machine/call-names.ts'
import type { TraceEvent, TraceRecord } from '../../debug-adapter/machine/trace/records.ts'
import { startSample } from './sample.ts'
import { atEntry, launched } from './scripted-session.ts'

const record = (event: TraceEvent) => ({ ...event, seq: 0, at: 0 }) as TraceRecord
const matches = (name: string, event: TraceEvent) => parseEventBreakpoint(name, callNames)!.matches(record(event))
const call = (type: 'ultracall' | 'hypercall', name: string, phase: 'call' | 'return' = 'call'): TraceEvent => ({
  type,
  phase,
  number: 0xf130,
  name,
  caller: 'test',
  args: { gfn: 0x7fn, count: 2n },
})

describe('event breakpoints', () => {
  it('match calls by name and pattern, on their way in only', () => {
    expect(matches('uv:UV_SHARE_PAGE', call('ultracall', 'UV_SHARE_PAGE'))).toBe(true)
    expect(matches('uv:UV_*SHARE_PAGE', call('ultracall', 'UV_UNSHARE_PAGE'))).toBe(true)
    expect(matches('uv:UV_SHARE_PAGE', call('ultracall', 'UV_SHARE_PAGE', 'return'))).toBe(false)
    expect(matches('uv:UV_SHARE_PAGE', call('ultracall', 'UV_ESM'))).toBe(false)
    expect(matches('h:H_PUT_TERM_CHAR', call('hypercall', 'H_PUT_TERM_CHAR'))).toBe(true)
    expect(matches('rtas:query-*', { type: 'rtas-call', service: 'query-cpu-stopped-state', args: [0] })).toBe(true)
    expect(recordValues(record(call('ultracall', 'UV_SHARE_PAGE')))).toMatchObject({ r4: 0x7fn, r5: 2n, gfn: 0x7fn })
  })

  it('match pages by guest physical and real address, and PCRs', () => {
    const state: TraceEvent = { type: 'page-state', lpid: 1, gpa: 0x410000n, from: 'SECURE', to: 'SHARED' }
    const owner: TraceEvent = { type: 'page-owner', ra: 0x100000n, pages: 4, owner: 'free', use: '' }
    expect(matches('page:0x41ffff', state)).toBe(true)
    expect(matches('page:0x420000', state)).toBe(false)
    expect(matches('page:ra:0x13ffff', owner)).toBe(true)
    expect(matches('page:ra:0x140000', owner)).toBe(false)
    const measured: TraceEvent = { type: 'measurement', pcr: 6, bank: 'sha256', what: '', digest: '', value: '' }
    expect(matches('pcr:6', measured)).toBe(true)
    expect(matches('pcr:7', measured)).toBe(false)
    expect(matches('pcr:*', measured)).toBe(true)
  })

  it('say what is wrong with a name', async () => {
    const { client } = await launched()
    const names = [
      'uv:UV_NO_SUCH',
      'h:UV_ESM',
      'rtas:nothing',
      'tpm:TPM2_Nothing',
      'pcr:24',
      'page:x',
      'interrupt:0x301',
    ]
    const { breakpoints } = await client.ask('setFunctionBreakpoints', { breakpoints: names.map((name) => ({ name })) })
    for (const [i, name] of names.entries()) {
      expect(breakpoints[i].verified, name).toBe(false)
      expect(breakpoints[i].message, name).toContain(name.split(':')[1])
    }
  })

  it('stop where the event is, by its arguments', async () => {
    const { client, machine } = await atEntry()
    const { breakpoints } = await client.ask('setFunctionBreakpoints', {
      breakpoints: [{ name: 'svm' }, { name: 'interrupt:0xc00' }],
    })
    expect(breakpoints).toMatchObject([{ verified: true }, { verified: true }])
    expect(await client.run('continue')).toMatchObject({ hitBreakpointIds: [breakpoints[0].id] })
    expect(machine.vmState).toBe('secure')
    expect(machine.cpu.nia).toBe(0x4000a0n)
    expect(await client.stack()).toHaveLength(1)
  })

  it('patterns stand for all functions that fit', async () => {
    const { client, machine } = await atEntry()
    const { breakpoints } = await client.ask('setFunctionBreakpoints', {
      breakpoints: [{ name: 'm?dd*' }, { name: 'no_such*' }],
    })
    expect(breakpoints).toMatchObject([{ verified: true }, { verified: false }])
    expect(await client.run('continue')).toMatchObject({ hitBreakpointIds: [breakpoints[0].id] })
    expect(machine.cpu.nia).toBe(0x400048n)
  })

  it('stop the sample at calls, TPM commands, pages and measurements', async () => {
    const client = await startSample({ stopOn: 'none' })
    const names = [
      'pcr:6',
      'uv:UV_ESM r4==0x400000',
      'tpm:TPM2_*Decrypt',
      'page:0x400000',
      'svm',
      'h:H_PUT_TERM_CHAR length > 0',
    ]
    const { breakpoints } = await client.ask('setFunctionBreakpoints', {
      breakpoints: [...names.map((name) => ({ name })), { name: 'uv:UV_ESM', condition: 'r4 == 1' }],
    })
    expect(breakpoints.every((one: { verified: boolean }) => one.verified)).toBe(true)
    const order: string[] = []
    let stopped = await client.run('configurationDone', {})
    while (order.length < names.length) {
      for (const id of stopped.hitBreakpointIds) {
        const name = names[breakpoints.findIndex((one: { id: number }) => one.id === id)]!
        if (!order.includes(name)) order.push(name)
      }
      if (order.length < names.length) stopped = await client.run('continue')
    }
    const place = (name: string) => order.findIndex((one) => one.startsWith(name))
    expect(place('uv:')).toBeGreaterThan(place('pcr:'))
    expect(place('tpm:')).toBeGreaterThan(place('uv:'))
    expect(place('svm')).toBeGreaterThan(place('tpm:'))
    expect(await client.ask('disconnect', {})).toBeUndefined()
  })
})
