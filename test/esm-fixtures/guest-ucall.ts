import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'

const SC_2 = Uint8Array.of(0x42, 0x00, 0x00, 0x44)
const UV_ESMB_GET_FILE = 0xf14cn
const MAX_ADVANCES = 100_000

/**
 * An ultracall by the guest where it stands: `sc 2` is put there, executed, and what was there is put back.
 * @param registers R3 and on
 * @returns R3 and on, as the guest sees them
 */
export function guestUcall(machine: Machine, registers: readonly bigint[]): bigint[] {
  const { cpu, memory } = machine
  const { nia } = cpu
  const ra = machine.guestRealAddress(nia)!
  const view = memory.as(Actor.Debugger)
  const before = view.read(ra, SC_2.length).slice()
  view.write(ra, SC_2)
  cpu.codeWritten(ra, SC_2.length)
  for (const [i, value] of registers.entries()) cpu.setGpr(3 + i, value)
  const first = machine.advance(1)
  if (first.kind !== 'crossing') throw new Error(`sc 2 did not leave the guest: ${first.kind}`)
  for (let i = 0; !machine.inGuest; i++) {
    if (machine.end) throw new Error(`the machine ended in an ultracall: ${machine.end.reason}`)
    if (i > MAX_ADVANCES) throw new Error('the ultracall does not return')
    machine.advance(1)
  }
  if (cpu.nia !== nia + 4n) throw new Error(`the ultracall came back to 0x${cpu.nia.toString(16)}`)
  cpu.nia = nia
  view.write(ra, before)
  cpu.codeWritten(ra, before.length)
  return Array.from({ length: 10 }, (_, i) => cpu.gpr(3 + i))
}

/** Reads an attached file as a secure guest does, 64 bytes a call. @returns the file, or the negative code in R3 */
export function getFile(machine: Machine, name: string): Uint8Array | number {
  const packed = new Uint8Array(64)
  packed.set(new TextEncoder().encode(name))
  const parts: Uint8Array[] = []
  for (let offset = 0; ; offset += parts.at(-1)!.length) {
    const [r3, ...rest] = guestUcall(machine, [UV_ESMB_GET_FILE, BigInt(offset), ...words(packed)])
    const count = Number(BigInt.asIntN(64, r3!))
    if (count < 0) return count
    if (count === 0) return new Uint8Array(Buffer.concat(parts))
    const data = new Uint8Array(64)
    for (const [i, value] of rest.slice(0, 8).entries()) new DataView(data.buffer).setBigUint64(i * 8, value)
    parts.push(data.subarray(0, count))
  }
}

function words(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer)
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(i * 8))
}
