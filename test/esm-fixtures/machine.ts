/** A machine with the fixtures in it, driven as its users drive it: built from a config, advanced until UV_ESM is decided. */
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import type { EsmResult } from '../../debug-adapter/machine/api.ts'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { fixture, fixtureJson, privateKey } from '../esm/fixtures.ts'

const MIB = 1024 * 1024
/** UV_ESM of the fixtures takes under a thousand steps and a handful of guest instructions. */
const MAX_ADVANCES = 200_000

export const bad = fixtureJson('bad/expected.json')
export const tpmKey = privateKey('keys/tpm-private-for-replay.pem')
export const kernel = fixture('inputs/vmlinux')
export const plainInitrd = fixture(bad.initrd)
export const baseImage = fixture('bad/base/esmb-initrd.img')

/** The machine of the fixtures, for what `changes` does not say: as `pef run --esm stub --tpm-key ...` would build it. */
export function config(changes: Partial<MachineConfig> = {}): MachineConfig {
  return {
    kernel,
    bootargs: bad.bootargs,
    memoryBytes: 80 * MIB,
    secureMemoryBytes: 144 * MIB,
    seed: 1,
    tpmKey,
    esm: 'stub',
    crypto: nodeCrypto,
    ...changes,
  }
}

export interface Run {
  readonly machine: Machine
  readonly esm: EsmResult
}

/** Runs a machine until UV_ESM is decided. @throws Error where it ends, or goes on for ever, without a verdict */
export function runToVerdict(changes: Partial<MachineConfig>): Run {
  const machine = new Machine(config(changes))
  for (let i = 0; i < MAX_ADVANCES; i++) {
    if (machine.esm && machine.inGuest) return { machine, esm: machine.esm }
    const advance = machine.advance(10_000)
    if (advance.kind === 'end') {
      if (machine.esm) return { machine, esm: machine.esm }
      throw new Error(`the machine ended before UV_ESM was decided: ${advance.end.reason}`)
    }
  }
  throw new Error(`no verdict after ${MAX_ADVANCES} advances`)
}

const UV_ESMB_GET_FILE = 0xf14cn
const SC_2 = Uint8Array.of(0x42, 0x00, 0x00, 0x44)

/** One UV_ESMB_GET_FILE by the secure guest: `sc 2` is put where it stands, and what was there is put back. */
function getFileChunk(machine: Machine, name: string, offset: number): { result: bigint; data: Uint8Array } {
  const { cpu, memory } = machine
  const nia = cpu.nia
  const ra = machine.guestRealAddress(nia)!
  const view = memory.as(Actor.Debugger)
  const before = view.read(ra, 4).slice()
  view.write(ra, SC_2)
  cpu.codeWritten(ra, 4)
  const packed = new Uint8Array(64)
  packed.set(new TextEncoder().encode(name))
  const words = new DataView(packed.buffer)
  cpu.setGpr(3, UV_ESMB_GET_FILE)
  cpu.setGpr(4, BigInt(offset))
  for (let i = 0; i < 8; i++) cpu.setGpr(5 + i, words.getBigUint64(i * 8))
  machine.advance(1)
  for (let i = 0; !machine.inGuest; i++) {
    if (machine.end) throw new Error(`the machine ended in UV_ESMB_GET_FILE: ${machine.end.reason}`)
    if (i > MAX_ADVANCES) throw new Error('UV_ESMB_GET_FILE does not return')
    machine.advance(1)
  }
  if (cpu.nia !== nia + 4n) throw new Error(`UV_ESMB_GET_FILE came back to 0x${cpu.nia.toString(16)}`)
  const result = BigInt.asIntN(64, cpu.gpr(3))
  const data = new Uint8Array(64)
  const out = new DataView(data.buffer)
  for (let i = 0; i < 8; i++) out.setBigUint64(i * 8, cpu.gpr(4 + i))
  cpu.nia = nia
  view.write(ra, before)
  cpu.codeWritten(ra, 4)
  return { result, data: data.subarray(0, result > 0n ? Number(result) : 0) }
}

/** Reads a whole attached file as the secure guest does, 64 bytes a call. @returns the file, or the negative code */
export function getFile(machine: Machine, name: string): Uint8Array | number {
  const parts: Uint8Array[] = []
  let offset = 0
  for (;;) {
    const { result, data } = getFileChunk(machine, name, offset)
    if (result < 0n) return Number(result)
    if (result === 0n) return new Uint8Array(Buffer.concat(parts))
    parts.push(data)
    offset += data.length
  }
}

/** Whether the processor runs a secure VM: MSR[S]=1, HV=0. */
export function runsSecure(machine: Machine): boolean {
  return (machine.cpu.msr & 0x0040_0000n) !== 0n && (machine.cpu.msr & (1n << 60n)) === 0n && machine.cpu.spr(SPR.LPIDR) !== 0n
}
