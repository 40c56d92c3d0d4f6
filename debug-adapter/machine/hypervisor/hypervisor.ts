import type { MachineEnd } from '../api.ts'
import type { Cpu } from '../cpu/cpu.ts'
import { LPCR, PROGRAM } from '../cpu/interrupts.ts'
import { MSR, privilegeState, SRR1_SC_LEVEL } from '../cpu/msr.ts'
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
import type { Behaviour, SeenHypercall } from './behaviour.ts'
import { emulateAccess } from './mmio.ts'
import { sharedPageLost } from './paging.ts'
import { svmHcalls } from './svm-hcalls.ts'
import { UCALL } from './ucall.ts'
import { Vcpu } from './vcpu.ts'
import { Vm } from './vm.ts'

export interface HypervisorParts {
  readonly cpu: Cpu
  readonly memory: RealMemory
  readonly trace: Trace
  /** Makes the devices and the firmware of one VM; the first call gives those of the first VM. */
  readonly platformOf: (lpid: number) => Platform
  /** Bytes of secure memory that the device tree of the host announces. */
  readonly secureMemoryBytes: bigint
  /** Takes the system call interrupt of `sc 2` in the present state, and runs whoever answers until it comes back. */
  readonly systemCall2: () => Steps<void>
  /** The TPM device of the host. */
  readonly tpm: (request: Uint8Array) => Steps<Uint8Array>
  /** What H_SVM_TPM_COMM answers instead of asking the TPM. */
  readonly tpmCommReturns?: bigint
  /** Where it does otherwise than KVM. */
  readonly behaviour?: Behaviour
  /** Frames of one VM that may be in secure memory at a time, once it is secure; the oldest one leaves for a new one. */
  readonly secureFrameLimit?: number
}

/** What a loader says about the VM that it has put into its memory. */
export interface Loaded {
  readonly entry: bigint
  readonly registers: ReadonlyMap<number, bigint>
  readonly littleEndian: boolean
}

const BOOT = new Procedure('hypervisor', 'host boot', 'spec/ultravisor.md §8.2', {
  host: 'tell the ultravisor the partition of the host: UV_WRITE_PATE(0)',
  create: 'create the VM: memory, page table, UV_WRITE_PATE(lpid)',
  load: 'load kernel, initrd and device tree into the memory of the VM',
  enter: 'set the registers of the boot processor and enter the VM (hrfid)',
})

/** Ticks that a processor waits at most before it looks around again: a second. H_CEDE may end for no reason. */
const LONGEST_WAIT = 512_000_000

/** R4 of H_REGISTER_PROC_TBL: the guest uses tlbie. */
const PROCESS_TABLE_GTSE = 1n
export const GUEST_LPID = 1

/**
 * The model of KVM and QEMU. It is untrusted code: it sees the registers that the ultravisor reflected and the memory that
 * the hardware lets it touch, and reaches the ultravisor by `sc 2` like everybody else.
 */
export class Hypervisor {
  private readonly tables: Pool
  private readonly pages: Pool
  private readonly vcpu: Vcpu
  /** Whether KVM_CAP_PPC_SECURE_GUEST is enabled for its VMs. */
  secureGuestsEnabled = true
  behaviour: Behaviour
  secureFrameLimit: number | undefined
  /** By LPID. */
  readonly vms = new Map<number, Vm>()
  /** The VM that has the processor. */
  vm: Vm | undefined

  constructor(readonly parts: HypervisorParts) {
    this.tables = new Pool(
      'the page tables of the hypervisor',
      BigInt(HYPERVISOR_POOL.start),
      BigInt(HYPERVISOR_POOL.end),
    )
    this.pages = new Pool('the normal memory of the host', BigInt(HOST_BYTES), BigInt(parts.memory.normalBytes))
    this.vcpu = new Vcpu(this)
    this.behaviour = parts.behaviour ?? {}
    this.secureFrameLimit = parts.secureFrameLimit
  }

  get secureMemoryBytes(): bigint {
    return this.parts.secureMemoryBytes
  }

  get tpmCommReturns(): bigint | undefined {
    return this.parts.tpmCommReturns
  }

  /**
   * Boots the host; creates and loads its VMs, and enters the first.
   * @param memoryBytes size of a VM's memory
   * @param count       how many VMs, each with the next LPID from 1 on
   */
  *boot(memoryBytes: bigint, load: (vm: Vm) => Loaded, count = 1): Steps<void> {
    yield* BOOT.frame({ memoryBytes }, this.#boot(memoryBytes, load, count))
  }

  *#boot(memoryBytes: bigint, load: (vm: Vm) => Loaded, count: number): Steps<void> {
    const { cpu, memory } = this.parts
    cpu.msr = MSR.SF | MSR.HV | MSR.ME | MSR.RI
    memory.assign(BigInt(HYPERVISOR_POOL.start), (HYPERVISOR_POOL.end - HYPERVISOR_POOL.start) >> 16, {
      owner: 'hypervisor',
      use: 'page tables of VMs, bounce pages',
    })
    yield BOOT.at('host')
    yield* this.ultracall(UCALL.UV_WRITE_PATE, [0n, 1n << 63n, 0n])
    for (let i = 0; i < count; i++) yield* this.#create(GUEST_LPID + i, memoryBytes, load)
    const first = this.vms.get(GUEST_LPID)!
    yield BOOT.at('enter', { nia: this.vcpu.entryOf(first) })
    yield* this.vcpu.run(first)
    for (const vm of this.vms.values()) this.logState(vm, 'absent', 'normal')
  }

  *#create(lpid: number, memoryBytes: bigint, load: (vm: Vm) => Loaded): Steps<void> {
    yield BOOT.at('create', { lpid })
    const { memory, platformOf } = this.parts
    const vm = new Vm(lpid, memory, this.tables, this.pages, memoryBytes, platformOf(lpid))
    this.vms.set(lpid, vm)
    yield* this.ultracall(UCALL.UV_WRITE_PATE, [BigInt(lpid), vm.table.pateDoubleword0, 0n])
    yield BOOT.at('load')
    this.vcpu.prepare(vm, load(vm))
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

  /** The request goes to the TPM as it is; it may hold what the hypervisor cannot read. @returns undefined: no response came */
  *tpm(request: Uint8Array): Steps<Uint8Array | undefined> {
    const response = yield* this.parts.tpm(request)
    return this.behaviour.tpmResponse ? this.behaviour.tpmResponse(request, response) : response
  }

  /**
   * The hypervisor's code at an interrupt vector. Ends when the guest, or the ultravisor, has the processor again.
   * The registers are all it knows.
   */
  *enter(vector: number): Steps<void> {
    if (vector === 0xc00) return yield* this.#hypercall()
    const { behaviour } = this
    if (behaviour.interrupt && (yield* behaviour.interrupt(this, this.vm!, vector))) return
    if (vector === 0x980) return yield* this.vcpu.timeSliceEnded()
    if (vector === 0xe00 && (emulateAccess(this, this.vm!) || (yield* this.#dataStorage()))) return
    return this.#otherInterrupt(vector)
  }

  *#hypercall(): Steps<void> {
    const { cpu, trace } = this.parts
    const vm = this.vm!
    const { platform } = vm
    const number = Number(BigInt.asUintN(32, cpu.gpr(3)))
    const entry = hcallOfNormalVm(number)
    const name = entry?.name ?? `hypercall 0x${number.toString(16)}`
    const returnTo = { nia: cpu.spr(SPR.SRR0), msr: cpu.spr(SPR.SRR1) }
    const cookie = cpu.gpr(31)
    const guestIsSecure = (returnTo.msr & MSR.S) !== 0n
    // KVM: a user of a guest with a radix tree makes no hypercalls (Linux arch/powerpc/kvm/book3s_hv.c, kvmppc_handle_exit_hv).
    if (!guestIsSecure && (returnTo.msr & MSR.PR) !== 0n) {
      cpu.nia = returnTo.nia
      cpu.msr = returnTo.msr & ~SRR1_SC_LEVEL.mask
      cpu.interrupt(0x700, { status: PROGRAM.privileged })
      return
    }
    const caller = guestIsSecure ? 'ultravisor or secure VM' : privilegeState(returnTo.msr)
    const registers = Array.from({ length: 9 }, (_, i) => cpu.gpr(4 + i))
    const args: Record<string, bigint> = {}
    for (let i = 0; i + 1 < (entry?.in ?? 1); i++) args[entry?.args?.[i] ?? `R${4 + i}`] = registers[i] ?? 0n
    const record = { type: 'hypercall', number, name, caller } as const
    trace.add({ ...record, phase: 'call', args })

    const call: SeenHypercall = { number, name, args: registers, secure: guestIsSecure }
    const { behaviour } = this
    if (behaviour.before) yield* behaviour.before(this, vm, call)
    const other = behaviour.answer && (yield* behaviour.answer(this, vm, call))
    const results = other ?? (yield* this.#answer(vm, call))
    if (behaviour.after) yield* behaviour.after(this, vm, call, results)
    const code = BigInt.asIntN(64, results[0] ?? 0n)
    const out: Record<string, bigint> = {}
    for (const [i, value] of results.slice(1).entries()) out[`R${4 + i}`] = BigInt.asUintN(64, value)
    trace.add({ ...record, phase: 'return', args: out, returnCode: code, returnName: hcallCodeName(code) })
    if (platform.end) return yield* this.vmEnded(vm, platform.end)
    // PAPR: the processor waits with external interrupts enabled; the ultravisor sees to that for its own guests.
    if (name === 'H_CEDE' && !guestIsSecure) returnTo.msr |= MSR.EE
    vm.wakesAt = name === 'H_CEDE' ? cpu.clock.timebase + BigInt.asIntN(64, cpu.spr(SPR.DEC)) + 1n : undefined
    if (name === 'H_CEDE') cpu.waitForDecrementer(this.#idleTicks())
    yield* this.vcpu.resume(vm, call, results, returnTo, cookie)
  }

  /** Ticks that nobody has anything to do: none while a VM runs or has an interrupt that waits. */
  #idleTicks(): number {
    let ticks = LONGEST_WAIT
    for (const { wakesAt, platform } of this.vms.values()) {
      if (wakesAt === undefined || platform.presenter.pending) return 0
      ticks = Math.min(ticks, Math.max(0, Number(wakesAt - this.parts.cpu.clock.timebase)))
    }
    return ticks
  }

  *#answer(vm: Vm, { number, name, args, secure }: SeenHypercall): Steps<readonly bigint[]> {
    const own = svmHcalls[name]
    try {
      if (own) {
        // The dispatcher lets these through only where the ultravisor set S (spec/ultravisor.md §3.3).
        const fromUltravisor = secure || number === HCALL.H_SVM_INIT_ABORT
        return fromUltravisor ? yield* own(this, vm, args) : [H.UNSUPPORTED]
      }
      if (name === 'H_REGISTER_PROC_TBL') return [yield* this.#registerProcessTable(vm, args)]
      return vm.platform.hypercall(number, args) ?? [H.FUNCTION]
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
    const lpcr = cpu.spr(SPR.LPCR) & ~LPCR.GTSE
    cpu.setSpr(SPR.LPCR, lpcr | ((args[0]! & PROCESS_TABLE_GTSE) !== 0n ? LPCR.GTSE : 0n))
    cpu.flushTranslations()
    return H.SUCCESS
  }

  /** A reflected 0xE00: a shared page that the hypervisor had taken away (spec/ultravisor.md §8.2). @returns whether that was it */
  *#dataStorage(): Steps<boolean> {
    const { cpu } = this.parts
    const vm = this.vm!
    const returnTo = { nia: cpu.spr(SPR.HSRR0), msr: cpu.spr(SPR.HSRR1) }
    if ((returnTo.msr & MSR.S) === 0n || !vm.secureGuest.done) return false
    const cookie = cpu.gpr(31)
    if (!(yield* sharedPageLost(this, vm, cpu.spr(SPR.ASDR)))) return false
    yield* this.vcpu.resumeSecure(vm, [], returnTo, cookie)
    return true
  }

  /** Interrupts that are no hypercalls: the guest is lost. */
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

  /**
   * A VM is at its end. Where others are left, what it had goes back to the host and they go on; the last one stays as it is, to be
   * looked at.
   * @throws MachineStop where it was the last one
   */
  *vmEnded(vm: Vm, end: MachineEnd): Steps<void> {
    if (this.vms.size <= 1) throw new MachineStop(end)
    this.parts.trace.add({ type: 'vm-end', lpid: vm.lpid, ...end })
    const { state } = vm
    if (state !== 'normal') yield* this.ultracall(UCALL.UV_SVM_TERMINATE, [BigInt(vm.lpid)])
    yield* this.ultracall(UCALL.UV_WRITE_PATE, [BigInt(vm.lpid), 0n, 0n])
    this.vms.delete(vm.lpid)
    vm.destroy()
    if (state !== 'secure') this.logState(vm, state, 'absent')
    yield* this.vcpu.run(this.vcpu.next(vm))
  }
}
