import { describe, expect, test } from 'vitest'
import { decodeCommand, decodeResponse } from '../../debug-adapter/machine/tpm/decode.ts'
import type { Tpm } from '../../debug-adapter/machine/tpm/tpm.ts'
import { startup } from '../../debug-adapter/machine/tss/commands.ts'
import { cases } from './cases.ts'
import { Client } from './client.ts'
import { randomFrom } from './sides.ts'
import { bytes, keys, phases, recordedTpm } from './transcript.ts'

/**
 * Frames of the recorded boots and of the cases, changed at random: whatever comes in, a well-formed answer goes out, after
 * a bounded number of steps. The frames around a changed one are sent as they were, so that sessions, keys and indices exist
 * and their HMACs are right when it comes.
 */
const PASSWORD = keys.passwords.afterFirstBoot as string
/** More steps than any command has: a TPM that goes on is one that hangs. */
const MAX_STEPS = 200

const newTpm = (): Tpm => recordedTpm(randomFrom(3), PASSWORD)

function answer(tpm: Tpm, command: Uint8Array): Uint8Array {
  const steps = tpm.execute(command)
  for (let i = 0; i < MAX_STEPS; i++) {
    const next = steps.next()
    if (next.done) return next.value
  }
  throw new Error(`no answer after ${MAX_STEPS} steps`)
}

/** A response says how long it is, a refusal is a header alone, and what succeeded can be read to its end. */
function checkForm(command: Uint8Array, response: Uint8Array): number {
  expect(response.length).toBeGreaterThanOrEqual(10)
  expect(response.length).toBeLessThanOrEqual(4096)
  const view = new DataView(response.buffer, response.byteOffset)
  expect(view.getUint32(2)).toBe(response.length)
  const code = view.getUint32(6)
  if (code !== 0) {
    expect([view.getUint16(0), response.length]).toEqual([0x8001, 10])
    return code
  }
  expect(view.getUint16(0)).toBe(new DataView(command.buffer, command.byteOffset).getUint16(0))
  const decoded = decodeResponse(command, response)
  expect(decoded.fields.map(({ name }) => name)).not.toContain('undecoded')
  expect(decodeCommand(command).fields.map(({ name }) => name)).not.toContain('undecoded')
  return code
}

/** A generator of numbers that is the same for the same seed (Park and Miller). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48271) % 0x7fff_ffff
    return state % below
  }
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff]

/** One to four changes: bits, bytes, fields of two bytes, a piece taken out or put in twice, an end cut off. */
function mutated(frame: Uint8Array, next: (below: number) => number): Uint8Array {
  let out = frame.slice()
  for (let changes = 1 + next(4); changes > 0; changes--) {
    const at = next(out.length || 1)
    const piece = out.slice(at, at + 1 + next(8))
    switch (next(6)) {
      case 0:
        out[at]! ^= 1 << next(8)
        break
      case 1:
        out[at] = INTERESTING[next(INTERESTING.length)]!
        break
      case 2:
        out.set([INTERESTING[next(5)]!, INTERESTING[next(5)]!].slice(0, out.length - at), at)
        break
      case 3:
        out = Uint8Array.of(...out.slice(0, at), ...out.slice(at + piece.length))
        break
      case 4:
        out = Uint8Array.of(...out.slice(0, at), ...piece, ...out.slice(at))
        break
      default:
        out = out.slice(0, at)
    }
  }
  // Mostly the length is made right, so that more than the header is looked at.
  if (out.length >= 6 && next(8) > 0) new DataView(out.buffer).setUint32(2, out.length)
  return out
}

type Event = Uint8Array | 'power cycle'

/** The frames that a case sends to our TPM. */
async function framesOf(name: string): Promise<Event[]> {
  const tpm = newTpm()
  const events: Event[] = [startup()]
  const exchange = async (command: Uint8Array) => {
    events.push(command.slice())
    return answer(tpm, command)
  }
  const powerCycle = async () => {
    events.push('power cycle')
    tpm.powerCycle()
  }
  answer(tpm, startup())
  const wrapping = { handle: 0x8180_0001, password: bytes(PASSWORD) } as never
  await cases[name]!({ client: new Client(exchange), wrapping, powerCycle })
  return events
}

/** Sends the frames, with `each` changed copies of every one before it. @returns how often each response code came */
function replay(events: readonly Event[], each: number, seed: number): ReadonlyMap<number, number> {
  const tpm = newTpm()
  const next = numbers(seed)
  const seen = new Map<number, number>()
  const send = (command: Uint8Array) => {
    const code = checkForm(command, answer(tpm, command))
    seen.set(code, (seen.get(code) ?? 0) + 1)
  }
  for (const event of events) {
    if (event === 'power cycle') {
      tpm.powerCycle()
      continue
    }
    for (let i = 0; i < each; i++) send(mutated(event, next))
    send(event)
  }
  return seen
}

describe('changed frames', () => {
  test.each(phases.map(({ phase, commands }) => [phase, commands] as const))(
    'of the recorded phase %s',
    (_, commands) => {
      const events = [startup(), ...commands.map(({ request }) => bytes(request))]
      const seen = replay(events, 40, 7)
      expect([...seen.keys()].some((code) => code !== 0)).toBe(true)
    },
  )

  test.each(Object.keys(cases))('of the case: %s', async (name) => {
    const seen = replay(await framesOf(name), 6, 11)
    expect(seen.size).toBeGreaterThan(1)
  })
})
