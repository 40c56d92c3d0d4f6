import type { CryptoProvider } from '../../server/esm/crypto/provider.ts'
import type { MachineConfig } from '../machine/config.ts'
import { assemble } from '../machine/cpu/isa/assemble.ts'
import { MSR } from '../machine/cpu/msr.ts'
import { SPR } from '../machine/cpu/spr.ts'
import { Machine } from '../machine/machine.ts'
import { Actor } from '../machine/memory/actor.ts'
import { hcallByName } from '../machine/platform/hcall-table.ts'
import { runToEnd, type Steps } from '../machine/steps.ts'
import { MachineStop } from '../machine/stop.ts'
import { SvmAborted } from '../machine/ultravisor/abort.ts'
import { ultracallByName } from '../machine/ultravisor/call-table.ts'
import { enterUltravisor } from '../machine/ultravisor/exceptions.ts'
import { Expectations } from './expectations.ts'
import { suiteImage } from './image.ts'

const MiB = 1 << 20
/** Where the kernel lies. UV_ESM enters an SVM there. */
export const KERNEL = 0x40_0000n
/** Guest memory that nothing was loaded to: whole frames. */
export const FREE = 0x100_0000n
/** Where programs of a case are put: a frame of their own, since the kernel's is hashed. */
const PROGRAM = 0x180_0000n
/** Memory of the host that nobody uses: pages of 64 KiB. */
const HOST_PAGES = 0x3c0_0000n
export const PAGE = 0x1_0000n
export const LPID = 1n

/** Where a guest program came to a stop, and with what in its registers. */
export interface Stopped {
  /** `end`: it ran through; `vector`: it took an interrupt; `kernel`: UV_ESM made it secure; `machine`: the VM is gone. */
  readonly how: 'end' | 'vector' | 'kernel' | 'machine'
  readonly vector?: number
  readonly gpr: readonly bigint[]
}

export interface BenchOptions {
  readonly crypto: CryptoProvider
  readonly config?: Partial<MachineConfig>
  /** `secure`: the VM is past UV_ESM. `normal`: at its first instruction, nothing called. */
  readonly start: 'secure' | 'normal'
}

const VECTORS = [
  0x100, 0x200, 0x300, 0x380, 0x400, 0x480, 0x500, 0x600, 0x700, 0x800, 0x900, 0xa00, 0xc00, 0xd00, 0xf60,
]
const MAX_ADVANCES = 300_000

/** One machine with the image of the suite, and everything that a case does to it and asks of it. */
export class Bench extends Expectations {
  readonly machine: Machine
  /** Set where the VM or the machine came to its end. */
  ended: string | undefined

  constructor({ crypto, config, start }: BenchOptions) {
    super()
    this.machine = new Machine({
      ...suiteImage(crypto),
      memoryBytes: 32 * MiB,
      secureMemoryBytes: 96 * MiB,
      seed: 1,
      esm: start === 'secure' ? 'stub' : 'guest',
      crypto,
      ...config,
    })
    const { machine } = this
    const vms = config?.virtualMachines ?? 1
    for (let i = 0; i < MAX_ADVANCES; i++) {
      if (machine.advance(1000).kind === 'end') break
      const { svms } = machine.ultravisor
      const secure = machine.esm && svms.size >= vms && [...svms.values()].every(({ state }) => state === 'SECURE')
      if (machine.inGuest && (start === 'normal' || secure)) break
    }
    this.ended = machine.end?.reason
  }

  /** Real address of a page of the host that nobody uses. */
  hostPage(number: number): bigint {
    return HOST_PAGES + BigInt(number) * PAGE
  }

  /** An ultracall of the hypervisor: R3.. set, `sc 2` with MSR[HV]=1. @returns R3, signed */
  host(name: string, ...args: readonly bigint[]): bigint {
    return this.hostRegisters(0n, ultracallNumber(name), args)[0]!
  }

  /** As {@link host}, with more bits in MSR, any number. @returns R3 (signed) and R4 to R12 */
  hostRegisters(msr: bigint, number: number, args: readonly bigint[]): bigint[] {
    const { cpu, hypervisor } = this.machine
    const saved = cpu.save()
    cpu.msr = MSR.SF | MSR.HV | MSR.ME | msr
    this.steps(hypervisor.ultracall(number, args))
    const result = [BigInt.asIntN(64, cpu.gpr(3)), ...Array.from({ length: 9 }, (_, i) => cpu.gpr(4 + i))]
    cpu.load(saved)
    return result
  }

  /** Something that the hypervisor model does while the guest stands. */
  hypervisor<T>(work: Steps<T>): T | undefined {
    const { cpu } = this.machine
    const saved = cpu.save()
    cpu.msr = MSR.SF | MSR.HV | MSR.ME
    const result = this.steps(work)
    cpu.load(saved)
    return result
  }

  /** Runs firmware to its end. A VM that is lost by it is noted, not thrown. */
  steps<T>(work: Steps<T>): T | undefined {
    try {
      return runToEnd(work)
    } catch (error) {
      if (!(error instanceof MachineStop) && !(error instanceof SvmAborted)) throw error
      this.ended = error.end.reason
      return undefined
    }
  }

  /**
   * An interrupt that no program raises but the hardware itself: the processor takes it where the guest stands, and firmware does what
   * it does about it.
   */
  raise(vector: number): void {
    const { cpu, hypervisor, ultravisor } = this.machine
    const exit = cpu.interrupt(vector)
    if (exit.kind !== 'interrupt') return
    this.steps(exit.into === 'ultravisor' ? enterUltravisor(ultravisor, vector) : hypervisor.enter(vector))
  }

  /** An ultracall by the guest: a program that loads R3.. and executes `sc 2`. @returns R3, signed */
  guest(name: string, ...args: readonly bigint[]): bigint {
    return signed(this.call(2, ultracallNumber(name), args)[0]!)
  }

  /** A hypercall by the guest: `sc 1`. @returns R3, signed */
  hcall(name: string, ...args: readonly bigint[]): bigint {
    return signed(this.call(1, hypercallNumber(name), args)[0]!)
  }

  /** `sc` by the guest. @returns R3 to R12 as it finds them after */
  call(level: 0 | 1 | 2, number: number, args: readonly bigint[]): bigint[] {
    const loads = [BigInt(number), ...args].flatMap((value, i) => load(3 + i, value))
    return this.run([...loads, `sc ${level}`]).gpr.slice(3, 13)
  }

  /** Assembles a program into guest memory and has the processor execute it, in the present state of the guest. */
  run(lines: readonly string[], at = PROGRAM): Stopped {
    const { machine } = this
    const { cpu } = machine
    const bytes = new Uint8Array((lines.length + 1) * 4)
    const view = new DataView(bytes.buffer)
    for (const [i, line] of [...lines, 'b .+0'].entries())
      view.setUint32(i * 4, assemble(line, at + BigInt(i * 4)), true)
    // Under pressure the frame of the programs may have left.
    if (this.state(at) === 'PAGEDOUT') {
      const { crossing } = machine.ultravisor
      const args = [at & -PAGE, 0n, 16n]
      this.hypervisor(crossing.hypercall(hypercallNumber('H_SVM_PAGE_IN'), args, MSR.SF | MSR.S | MSR.ME))
    }
    this.write(at, bytes)
    const end = at + BigInt(lines.length * 4)
    cpu.breakpoints.clear()
    for (const stop of [end, KERNEL, ...VECTORS.map(BigInt)]) cpu.breakpoints.add(stop)
    cpu.nia = at
    return this.resume(end)
  }

  /** Lets the guest go on until it reaches `end`, an interrupt vector, or its own end. */
  resume(end: bigint): Stopped {
    const { machine } = this
    const { cpu } = machine
    let how: Stopped['how'] = 'machine'
    let vector: number | undefined
    for (let i = 0; ; i++) {
      if (machine.inGuest && cpu.nia === end) how = 'end'
      else if (machine.inGuest && cpu.nia === KERNEL) how = 'kernel'
      else if (machine.inGuest && i > 0 && VECTORS.includes(Number(cpu.nia)))
        [how, vector] = ['vector', Number(cpu.nia)]
      if (how !== 'machine') break
      if (i > MAX_ADVANCES) {
        this.ended = `the program does not come to its end: it stands at 0x${cpu.nia.toString(16)}`
        break
      }
      if (machine.advance(1000).kind === 'end') {
        this.ended = machine.end!.reason
        break
      }
    }
    cpu.breakpoints.clear()
    const gpr = Array.from({ length: 32 }, (_, i) => cpu.gpr(i))
    return { how, gpr, ...(vector !== undefined && { vector }) }
  }

  /** What is in guest memory, whoever has it. */
  read(gpa: bigint, length: number): Uint8Array {
    const ra = this.machine.guestRealAddress(gpa)
    return ra === undefined ? new Uint8Array(0) : this.machine.memory.as(Actor.Debugger).read(ra, length)
  }

  write(gpa: bigint, bytes: Uint8Array): void {
    const { cpu, memory } = this.machine
    const ra = this.machine.guestRealAddress(gpa)
    if (ra === undefined) throw new Error(`there is no guest memory at 0x${gpa.toString(16)}`)
    memory.as(Actor.Debugger).write(ra, bytes)
    cpu.codeWritten(ra, bytes.length)
  }

  /** A page of the host as the hypervisor can read it. */
  hostRead(ra: bigint, length = Number(PAGE)): Uint8Array {
    return this.machine.memory.as(Actor.Hypervisor).read(ra, length)
  }

  hostWrite(ra: bigint, bytes: Uint8Array): void {
    this.machine.memory.as(Actor.Hypervisor).write(ra, bytes)
  }

  /** What the ultravisor says of a frame. */
  state(gpa: bigint): string {
    return this.machine.pageState(gpa) ?? 'none'
  }

  /** Rule ids of everything that was refused since the last call of this. */
  #seen = 0
  rules(): string[] {
    const records = this.machine.trace.of('refusal')
    const fresh = records.slice(this.#seen).map(({ rule }) => rule)
    this.#seen = records.length
    return fresh
  }

  spr(number: number): bigint {
    return this.machine.cpu.spr(number)
  }

  /** A guest that translates: process table, and one tree that maps the frame of its programs where it is. Then PR may be 1. */
  makeTranslation(): void {
    const [table, root, second, third, leaves] = [0n, 1n, 2n, 3n, 4n].map((n) => FREE + 0x40_0000n + n * PAGE) as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ]
    const put = (gpa: bigint, value: bigint) => {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setBigUint64(0, value)
      this.write(gpa, bytes)
    }
    const VALID = 1n << 63n
    // 52 bits: RTS 0b10101 split over bits 1:2 and 56:58; root of 13 bits (Power ISA 3.0C III 5.7.6.1).
    put(table, (0b10n << 61n) | (0b101n << 5n) | root | 13n)
    put(root, VALID | second | 9n)
    put(second, VALID | third | 9n)
    put(third, VALID | leaves | 5n)
    const page = PROGRAM >> 16n
    put(third + (page >> 5n) * 8n, VALID | leaves | 5n)
    put(leaves + (page & 31n) * 8n, VALID | (1n << 62n) | PROGRAM | 0x187n)
    this.machine.cpu.flushTranslations()
    this.translation = table
  }

  /** Process table of {@link makeTranslation}. */
  translation = 0n

  /** Puts the guest into the problem state, with translation on. */
  enterProblemState(): void {
    this.makeTranslation()
    this.expect('H_REGISTER_PROC_TBL', this.hcall('H_REGISTER_PROC_TBL', 0x1cn, this.translation, 0n, 0n), 0n)
    const { cpu } = this.machine
    cpu.setSpr(SPR.PIDR, 0n)
    // Nothing else interrupts the program.
    cpu.setSpr(SPR.DEC, 0x7fff_ffffn)
    cpu.msr |= MSR.PR | MSR.IR | MSR.DR | MSR.EE
  }
}

export const signed = (value: bigint): bigint => BigInt.asIntN(64, value)

/** Instructions that load a 64-bit constant. */
export function load(register: number, value: bigint): string[] {
  const part = (shift: bigint): number => Number((BigInt.asUintN(64, value) >> shift) & 0xffffn)
  const signedPart = (shift: bigint): number => (part(shift) << 16) >> 16
  const r = `r${register}`
  return [
    `lis ${r},${signedPart(48n)}`,
    `ori ${r},${r},${part(32n)}`,
    `rldicr ${r},${r},32,31`,
    `oris ${r},${r},${part(16n)}`,
    `ori ${r},${r},${part(0n)}`,
  ]
}

export function ultracallNumber(name: string): number {
  const entry = ultracallByName.get(name)
  if (!entry) throw new Error(`no ultracall is called ${name}`)
  return entry.number
}

export function hypercallNumber(name: string): number {
  const entry = hcallByName.get(name)
  if (!entry) throw new Error(`no hypercall is called ${name}`)
  return entry.number
}
