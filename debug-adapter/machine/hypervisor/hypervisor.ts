import type { Cpu } from '../cpu/cpu.ts'
import { MSR, privilegeState } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import { HOST_BYTES, HYPERVISOR_POOL } from '../firmware/memory-map.ts'
import { Pool } from '../memory/pool.ts'
import type { RealMemory } from '../memory/real-memory.ts'
import { H, HCALL, hcallCodeName, hcallOfNormalVm } from '../platform/hcall-table.ts'
import type { Platform } from '../platform/platform.ts'
import { processTable } from '../platform/process-table.ts'
import { RefusalError } from '../refusal.ts'
import { Procedure, type Steps } from '../steps.ts'
import { MachineStop } from '../stop.ts'
import type { Trace } from '../trace/trace.ts'
import { svmHcalls } from './svm-hcalls.ts'
import { UCALL } from './ucall.ts'
import { Vm } from './vm.ts'

export interface HypervisorParts {
  readonly cpu: Cpu
  readonly memory: RealMemory
  readonly trace: Trace
  readonly platform: Platform
  /** Bytes of secure memory that the device tree of the host announces. */
  readonly secureMemoryBytes: bigint
  /** Takes the system call interrupt of `sc 2` in the present state, and runs whoever answers until it comes back. */
  readonly systemCall2: () => Steps<void>
  /** The TPM device of the host. */
  readonly tpm: (request: Uint8Array) => Steps<Uint8Array>
  /** What H_SVM_TPM_COMM answers instead of asking the TPM. */
  readonly tpmCommReturns?: bigint
}

const BOOT = new Procedure('hypervisor', 'host boot', 'spec/ultravisor.md §8.2', {
  host: 'tell the ultravisor the partition of the host: UV_WRITE_PATE(0)',
  create: 'create the VM: memory, page table, UV_WRITE_PATE(lpid)',
  load: 'load kernel, initrd and device tree into the memory of the VM',
  enter: 'set the registers of the boot processor and enter the VM (hrfid)',
})

const LPCR_HOST_RADIX = 1n << 20n
/** Interrupts of the guest are little-endian (LPCR[ILE], IBM bit 38). */
const LPCR_ILE = 1n << 25n
const LPCR_UPRT = 1n << 22n
/** Guest translation shootdown enable: its tlbie is its own (Power ISA 3.0C III 2.2). */
const LPCR_GTSE = 1n << 10n
/** R4 of H_REGISTER_PROC_TBL: the guest uses tlbie. */
const PROCESS_TABLE_GTSE = 1n
export const GUEST_LPID = 1

/**
 * The model of KVM and QEMU. It is untrusted code: it sees the registers that the ultravisor reflected and the memory that
 * the hardware lets it touch, and reaches the ultravisor by `sc 2` like everybody else.
 */
export class Hypervisor {
  readonly #tables: Pool
  readonly #pages: Pool
  readonly secureGuestsEnabled = true
  vm: Vm | undefined

  constructor(readonly parts: HypervisorParts) {
    this.#tables = new Pool(
      'the page tables of the hypervisor',
      BigInt(HYPERVISOR_POOL.start),
      BigInt(HYPERVISOR_POOL.end),
    )
    this.#pages = new Pool('the normal memory of the host', BigInt(HOST_BYTES), BigInt(parts.memory.normalBytes))
  }

  get secureMemoryBytes(): bigint {
    return this.parts.secureMemoryBytes
  }

  get tpmCommReturns(): bigint | undefined {
    return this.parts.tpmCommReturns
  }

  /** Boots the host and creates, loads and enters the one VM. @param memoryBytes size of the VM's memory */
  *boot(
    memoryBytes: bigint,
    load: (vm: Vm) => {
      readonly entry: bigint
      readonly registers: ReadonlyMap<number, bigint>
      readonly littleEndian: boolean
    },
  ): Steps<void> {
    yield* BOOT.frame({ memoryBytes }, this.#boot(memoryBytes, load))
  }

  *#boot(memoryBytes: bigint, load: Parameters<Hypervisor['boot']>[1]): Steps<void> {
    const { cpu, memory } = this.parts
    cpu.msr = MSR.SF | MSR.HV | MSR.ME | MSR.RI
    memory.assign(BigInt(HYPERVISOR_POOL.start), (HYPERVISOR_POOL.end - HYPERVISOR_POOL.start) >> 16, {
      owner: 'hypervisor',
      use: 'page tables of VMs, bounce pages',
    })
    yield BOOT.at('host')
    yield* this.ultracall(UCALL.UV_WRITE_PATE, [0n, 1n << 63n, 0n])
    yield BOOT.at('create', { lpid: GUEST_LPID })
    const vm = new Vm(GUEST_LPID, memory, this.#tables, this.#pages, memoryBytes)
    this.vm = vm
    yield* this.ultracall(UCALL.UV_WRITE_PATE, [BigInt(vm.lpid), vm.table.pateDoubleword0, 0n])
    yield BOOT.at('load')
    const guest = load(vm)
    yield BOOT.at('enter', { nia: guest.entry })
    cpu.setSpr(SPR.LPIDR, BigInt(vm.lpid))
    cpu.setSpr(SPR.LPCR, LPCR_HOST_RADIX | LPCR_UPRT | (guest.littleEndian ? LPCR_ILE : 0n))
    for (let i = 0; i < 32; i++) cpu.setGpr(i, guest.registers.get(i) ?? 0n)
    cpu.setSpr(SPR.HSRR0, guest.entry)
    cpu.setSpr(SPR.HSRR1, MSR.SF | MSR.ME | (guest.littleEndian ? MSR.LE : 0n))
    cpu.returnFromInterrupt('hrfid')
    cpu.flushTranslations()
    this.logState(vm, 'absent', 'normal')
  }

  logState(vm: Vm, from: 'normal' | 'transient' | 'secure' | 'absent', to: typeof from): void {
    this.parts.trace.add({ type: 'vm-state', lpid: vm.lpid, from, to })
  }

  /** `sc 2` with R3.. set. @returns R3, signed */
  *ultracall(number: number, args: readonly bigint[]): Steps<bigint> {
    const { cpu } = this.parts
    const nia = cpu.nia
    cpu.setGpr(3, BigInt(number))
    for (const [i, arg] of args.entries()) cpu.setGpr(4 + i, BigInt.asUintN(64, arg))
    yield* this.parts.systemCall2()
    cpu.nia = nia
    return BigInt.asIntN(64, cpu.gpr(3))
  }

  /** The request goes to the TPM as it is; it may hold what the hypervisor cannot read. */
  *tpm(request: Uint8Array): Steps<Uint8Array> {
    return yield* this.parts.tpm(request)
  }

  /**
   * The hypervisor's code at an interrupt vector. Ends when the guest, or the ultravisor, has the processor again.
   * The registers are all it knows.
   */
  *enter(vector: number): Steps<void> {
    if (vector === 0xc00) return yield* this.#hypercall()
    return this.#otherInterrupt(vector)
  }

  *#hypercall(): Steps<void> {
    const { cpu, trace, platform } = this.parts
    const vm = this.vm!
    const number = Number(BigInt.asUintN(32, cpu.gpr(3)))
    const entry = hcallOfNormalVm(number)
    const name = entry?.name ?? `hypercall 0x${number.toString(16)}`
    const returnTo = { nia: cpu.spr(SPR.SRR0), msr: cpu.spr(SPR.SRR1) }
    const cookie = cpu.gpr(31)
    const guestIsSecure = (returnTo.msr & MSR.S) !== 0n
    const caller = guestIsSecure ? 'ultravisor or secure VM' : privilegeState(returnTo.msr)
    const registers = Array.from({ length: 9 }, (_, i) => cpu.gpr(4 + i))
    const args: Record<string, bigint> = {}
    for (let i = 0; i + 1 < (entry?.in ?? 1); i++) args[entry?.args?.[i] ?? `R${4 + i}`] = registers[i] ?? 0n
    const record = { type: 'hypercall', number, name, caller } as const
    trace.add({ ...record, phase: 'call', args })

    const results = yield* this.#answer(vm, number, name, registers, guestIsSecure)
    const code = BigInt.asIntN(64, results[0]!)
    const out: Record<string, bigint> = {}
    for (const [i, value] of results.slice(1).entries()) out[`R${4 + i}`] = value
    trace.add({ ...record, phase: 'return', args: out, returnCode: code, returnName: hcallCodeName(code) })
    if (platform.end) throw new MachineStop(platform.end)
    yield* this.#resume(results, returnTo, cookie)
  }

  *#answer(
    vm: Vm,
    number: number,
    name: string,
    registers: readonly bigint[],
    secure: boolean,
  ): Steps<readonly bigint[]> {
    const { platform } = this.parts
    const own = svmHcalls[name]
    if (own) {
      // The dispatcher lets these through only where the ultravisor set S (spec/ultravisor.md §3.3).
      const fromUltravisor = secure || number === HCALL.H_SVM_INIT_ABORT
      return fromUltravisor ? yield* own(this, vm, registers) : [H.UNSUPPORTED]
    }
    if (name === 'H_REGISTER_PROC_TBL') return [yield* this.#registerProcessTable(vm, registers)]
    try {
      const answer = platform.hypercall(number, registers)
      return answer ?? [H.FUNCTION]
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      this.parts.trace.add({ type: 'refusal', by: 'hypervisor', ...error.refusal })
      return [H.PARAMETER]
    }
  }

  /** The process table of the guest goes into doubleword 1 of its partition table entry (spec/ultravisor.md §8.2). */
  *#registerProcessTable(vm: Vm, args: readonly bigint[]): Steps<bigint> {
    const { cpu } = this.parts
    const { code, doubleword1 } = processTable(args)
    if (doubleword1 === undefined) return code
    // The call's own registers are used for the ultracall, those of the guest above R12 stay.
    const written = yield* this.ultracall(UCALL.UV_WRITE_PATE, [BigInt(vm.lpid), vm.table.pateDoubleword0, doubleword1])
    if (written !== 0n) return H.HARDWARE
    // A guest that asks for it may invalidate translations by itself.
    const lpcr = cpu.spr(SPR.LPCR) & ~LPCR_GTSE
    cpu.setSpr(SPR.LPCR, lpcr | ((args[0]! & PROCESS_TABLE_GTSE) !== 0n ? LPCR_GTSE : 0n))
    cpu.flushTranslations()
    return H.SUCCESS
  }

  /** Gives the processor back: by UV_RETURN where a secure VM is behind it, else by hrfid (spec/ultravisor.md §8.2). */
  *#resume(results: readonly bigint[], to: { nia: bigint; msr: bigint }, cookie: bigint): Steps<void> {
    const { cpu } = this.parts
    if (this.vm!.secureGuest.started) {
      cpu.setGpr(0, BigInt.asUintN(64, results[0]!))
      for (const [i, value] of results.slice(1).entries()) cpu.setGpr(4 + i, BigInt.asUintN(64, value))
      cpu.setGpr(2, to.msr)
      cpu.setGpr(3, BigInt(UCALL.UV_RETURN))
      cpu.setGpr(31, cookie)
      cpu.setSpr(SPR.HSRR0, to.nia)
      cpu.setSpr(SPR.HSRR1, to.msr)
      return yield* this.parts.systemCall2()
    }
    cpu.setGpr(3, BigInt.asUintN(64, results[0]!))
    for (const [i, value] of results.slice(1).entries()) cpu.setGpr(4 + i, BigInt.asUintN(64, value))
    cpu.setSpr(SPR.HSRR0, to.nia)
    cpu.setSpr(SPR.HSRR1, to.msr & ~0x30_0000n)
    cpu.returnFromInterrupt('hrfid')
  }

  /** Interrupts that are no hypercalls: this model has no devices to emulate behind an address, so the guest is lost. */
  #otherInterrupt(vector: number): void {
    const { cpu } = this.parts
    const at = `0x${cpu.spr(SPR.HSRR0).toString(16)}`
    const gpa = `0x${((cpu.spr(SPR.ASDR) >> 12n) << 12n).toString(16)}`
    const reasons: Record<number, string> = {
      3584: `data access at ${at} to guest physical address ${gpa}, where the VM has no memory`,
      3616: `instruction fetch at ${at} from guest physical address ${gpa}, where the VM has no memory`,
      3648: `illegal instruction at ${at}`,
      512: `machine check at 0x${cpu.spr(SPR.SRR0).toString(16)}`,
    }
    const reason = reasons[vector] ?? `interrupt 0x${vector.toString(16)} that the hypervisor has no handler for`
    throw new MachineStop({ how: 'fault', reason: cpu.lastFault ? `${reason}: ${cpu.lastFault}` : reason })
  }
}
