/**
 * A machine small enough to know everything about: it executes the few instructions of test/fixtures/symbols/demo.c, and
 * firmware of three procedures answers `sc`. For tests of what the adapter does with a machine, not of machines.
 */
import type { Debuggee } from '../../debug-adapter/adapter/debuggee.ts'
import type { Advance, EsmResult, MachineEnd, StepFrame } from '../../debug-adapter/machine/api.ts'
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import type { Translation } from '../../debug-adapter/machine/cpu/types.ts'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { RealMemory, SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { Procedure, type Steps } from '../../debug-adapter/machine/steps.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'
import { parseElf } from '../../debug-adapter/symbols/elf.ts'

export const BOOT = new Procedure('firmware', 'scripted boot', 'test', { power: 'power on', load: 'load the guest' })
export const CALL = new Procedure('ultravisor', 'SCRIPTED_ESM', 'test', {
  check: 'check the caller',
  ask: 'ask the hypervisor',
  decide: 'decide',
})
export const HELP = new Procedure('hypervisor', 'SCRIPTED_HELP', 'test', { page: 'bring a page', done: 'say so' })

export const ENTRY = 0x4000a0n
/** `_start` ends in `b .` here; the script puts `sc 2` into its place, and a branch back behind it. */
export const CALL_SITE = 0x4000d4n
const SYSTEM_CALL_2 = 0x44000042
const STACK = 0x500000n

export class ScriptedMachine implements Debuggee {
  readonly clock = new Clock()
  readonly trace = new Trace(this.clock)
  readonly memory = new RealMemory(0x10000, 8 << 20, 2 << 20, this.trace)
  readonly #gpr = new Array<bigint>(32).fill(0n)
  readonly #spr = new Map<number, bigint>()
  readonly #breakpoints = new Set<bigint>()
  readonly #frames: { procedure: Procedure; step?: StepFrame['step']; values: StepFrame['values'] }[] = []
  #steps: Steps<void> | undefined = this.#boot()
  #calls = 0
  esm: EsmResult | undefined
  end: MachineEnd | undefined
  vmState: 'normal' | 'secure' = 'normal'
  readonly kernelBase = 0x400000n
  readonly kernelBytes = 0x1000
  readonly tpm = {
    pcr: (bank: 'sha1' | 'sha256', index: number) => new Uint8Array(bank === 'sha1' ? 20 : 32).fill(index),
    handles: () => [{ handle: 0x81800001, what: 'wrapping key' }],
  }

  constructor(
    readonly config: MachineConfig,
    readonly refuse = false,
  ) {}

  readonly cpu = {
    nia: 0n,
    msr: MSR.SF | MSR.HV | MSR.ME,
    lr: 0n,
    ctr: 0n,
    xer: 0n,
    cr: 0x24000008,
    gpr: (i: number) => this.#gpr[i]!,
    setGpr: (i: number, value: bigint) => {
      this.#gpr[i] = BigInt.asUintN(64, value)
    },
    spr: (n: number) => this.#spr.get(n) ?? 0n,
    setSpr: (n: number, value: bigint) => void this.#spr.set(n, value),
    translate: (ea: bigint): Translation => {
      const gpa = ea & 0x0fff_ffff_ffff_ffffn
      return gpa < BigInt(this.memory.normalBytes)
        ? { ok: true, gpa, ra: gpa }
        : { ok: false, gpa, vector: 0xe00, reason: 'no partition-scoped translation' }
    },
    breakpoints: {
      add: (ea: bigint) => void this.#breakpoints.add(ea),
      delete: (ea: bigint) => void this.#breakpoints.delete(ea),
    },
    codeWritten: () => {},
  }

  get breakpoints(): ReadonlySet<bigint> {
    return this.#breakpoints
  }

  frames(): readonly StepFrame[] {
    return this.#frames
  }

  pageState(): string | undefined {
    return this.vmState === 'secure' ? 'SECURE' : undefined
  }

  switchScenario(): void {
    throw new RangeError('the script has no hypervisor')
  }

  readonly secureMemory = { bytes: 0x20_0000, freeBytes: 0x10_0000, svms: [] }

  /** What was typed. */
  typed = ''

  type(bytes: Uint8Array): void {
    this.typed += new TextDecoder().decode(bytes)
  }

  guestRealAddress(gpa: bigint): bigint | undefined {
    return gpa < BigInt(this.memory.normalBytes) ? gpa : undefined
  }

  advance(maxInstructions: number): Advance {
    if (this.end) return { kind: 'end', end: this.end }
    if (this.#steps) return this.#firmware(this.#steps)
    for (let i = 0; i < maxInstructions; i++) {
      if (i > 0 && this.#breakpoints.has(this.cpu.nia)) return { kind: 'breakpoint', address: this.cpu.nia }
      if (i === 0 && this.#breakpoints.has(this.cpu.nia)) return { kind: 'breakpoint', address: this.cpu.nia }
      this.trace.clock.instructions++
      if (this.#execute()) {
        return { kind: 'crossing', exit: { kind: 'interrupt', vector: 0xc00, level: 2, into: 'ultravisor' } }
      }
    }
    return { kind: 'instructions' }
  }

  #firmware(steps: Steps<void>): Advance {
    for (;;) {
      const next = steps.next()
      if (this.end) {
        this.#frames.length = 0
        return { kind: 'end', end: this.end }
      }
      if (next.done) {
        this.#steps = undefined
        return { kind: 'guest' }
      }
      const event = next.value
      if (event.kind === 'enter') this.#frames.push({ procedure: event.procedure, values: event.values })
      else if (event.kind === 'leave') this.#frames.pop()
      else {
        const frame = this.#frames.at(-1)!
        frame.step = event
        frame.values = { ...frame.values, ...event.values }
        return { kind: 'step', step: event }
      }
    }
  }

  *#boot(): Steps<void> {
    yield* BOOT.frame({}, this.#bootSteps())
  }

  *#bootSteps(): Steps<void> {
    yield BOOT.at('power')
    this.trace.add({ type: 'boot', stage: 'scripted', title: 'begins', tcb: ['test'] })
    yield BOOT.at('load')
    const elf = parseElf(this.config.kernel)
    const view = this.memory.as(Actor.Debugger)
    for (const s of elf.segments)
      if (s.type === 'load')
        view.write(s.physicalAddress, this.config.kernel.slice(Number(s.fileOffset), Number(s.fileOffset + s.fileSize)))
    this.#store(CALL_SITE, BigInt(SYSTEM_CALL_2), 4)
    this.#store(CALL_SITE + 4n, 0x4bffffc8n, 4) // b _start
    this.memory.assign(0n, 128, { owner: 'guest', use: 'memory of VM 1', lpid: 1, gpa: 0n })
    this.memory.assign(SECURE_RA_BIT, 2, { owner: 'ultravisor', use: 'text' })
    this.#enterGuest(MSR.SF | MSR.ME | MSR.LE)
  }

  #enterGuest(msr: bigint): void {
    this.cpu.nia = ENTRY
    this.cpu.msr = msr
    this.#gpr.fill(0n)
    this.#gpr[1] = STACK
    this.cpu.lr = 0n
  }

  *#systemCall(): Steps<void> {
    yield* CALL.frame({ R3: 0xf110n }, this.#callSteps())
  }

  *#callSteps(): Steps<void> {
    const registers = [...this.#gpr]
    const back = { nia: this.cpu.spr(SPR.SRR0), msr: this.cpu.spr(SPR.SRR1) & ~0x30_0000n }
    this.trace.add({
      type: 'ultracall',
      phase: 'call',
      number: 0xf110,
      name: 'SCRIPTED_ESM',
      caller: 'normal VM',
      args: { kbase: 1n },
    })
    yield CALL.at('check', { call: this.#calls, digest: Uint8Array.of(0xab, 0xcd) })
    yield CALL.at('ask')
    yield* HELP.frame({ gpa: 0x10000n }, this.#help())
    yield CALL.at('decide', { secret: 0x1122334455667788n })
    if (this.refuse) {
      this.trace.add({
        type: 'refusal',
        by: 'ultravisor',
        rule: 'TEST-001',
        expected: 'a good image',
        found: 'a bad one',
        source: 'test §1',
      })
      this.esm = { outcome: 'refused', returnCode: -1n, rules: ['TEST-001'], reason: 'a bad image' }
      registers[3] = BigInt.asUintN(64, -1n)
      this.#restore(registers, back)
    } else if (this.#calls++ === 0) {
      this.vmState = 'secure'
      this.esm = { outcome: 'secure', returnCode: 0n, rules: [], reason: 'all is well' }
      this.#enterGuest(MSR.SF | MSR.ME | MSR.LE | MSR.S)
    } else if (this.#calls > 3) {
      this.trace.add({ type: 'console', text: 'good' })
      this.trace.add({ type: 'console', text: 'bye\nunfinished' })
      this.end = { how: 'halted', reason: 'the script is over' }
    } else this.#restore(registers, back)
  }

  #restore(registers: readonly bigint[], core: { nia: bigint; msr: bigint }): void {
    for (const [i, value] of registers.entries()) this.#gpr[i] = value
    Object.assign(this.cpu, core)
  }

  *#help(): Steps<void> {
    this.#gpr.fill(0n)
    yield HELP.at('page', { ra: SECURE_RA_BIT })
    yield HELP.at('done')
  }

  #load(address: bigint, size: 4 | 8): bigint {
    const bytes = this.memory
      .as(Actor.Debugger)
      .read(address & 0x0fff_ffff_ffff_ffffn, size)
      .reverse()
    return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
  }

  #store(address: bigint, value: bigint, size: 4 | 8): void {
    const bytes = Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
    this.memory.as(Actor.Debugger).write(address, bytes)
  }

  /** @returns whether it was `sc` */
  #execute(): boolean {
    const { cpu } = this
    const word = Number(this.#load(cpu.nia, 4))
    const [rt, ra, rb] = [(word >>> 21) & 31, (word >>> 16) & 31, (word >>> 11) & 31]
    const immediate = BigInt((word << 16) >> 16)
    const base = ra === 0 ? 0n : cpu.gpr(ra)
    const next = cpu.nia + 4n
    let target = next
    switch (word >>> 26) {
      case 14:
        cpu.setGpr(rt, base + immediate)
        break // addi
      case 15:
        cpu.setGpr(rt, base + (immediate << 16n))
        break // addis
      case 17: // sc
        cpu.setSpr(SPR.SRR0, next)
        cpu.setSpr(SPR.SRR1, cpu.msr | 0x20_0000n)
        cpu.msr = MSR.SF | MSR.HV | MSR.S | MSR.ME
        cpu.nia = 0xc00n
        this.#steps = this.#systemCall()
        return true
      case 18: // b, bl
        if (word & 1) cpu.lr = next
        target = cpu.nia + BigInt(((word & 0x03fffffc) << 6) >> 6)
        break
      case 19:
        target = cpu.lr
        break // blr
      case 24:
        break // nop
      case 30:
        cpu.setGpr(ra, cpu.gpr(rt) << 1n)
        break // sldi 1
      case 31: {
        const extended = (word >>> 1) & 0x3ff
        if (extended === 266) cpu.setGpr(rt, cpu.gpr(ra) + cpu.gpr(rb))
        else if (extended === 444) cpu.setGpr(ra, cpu.gpr(rt) | cpu.gpr(rb))
        else if (extended === 316) cpu.setGpr(ra, cpu.gpr(rt) ^ cpu.gpr(rb))
        else if (extended === 339) cpu.setGpr(rt, cpu.lr)
        else if (extended === 467) cpu.lr = cpu.gpr(rt)
        else throw new Error(`no instruction 31/${extended} in the script`)
        break
      }
      case 58:
        cpu.setGpr(rt, this.#load(base + (immediate & ~3n), 8))
        break // ld
      case 62: {
        // std, stdu
        const address = base + (immediate & ~3n)
        this.#store(address, cpu.gpr(rt), 8)
        if (word & 1) cpu.setGpr(ra, address)
        break
      }
      default:
        throw new Error(`no instruction 0x${word.toString(16)} in the script`)
    }
    cpu.nia = target
    return false
  }
}
