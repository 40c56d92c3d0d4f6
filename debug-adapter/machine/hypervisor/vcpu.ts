import { LPCR } from '../cpu/interrupts.ts'
import { MSR, SRR1_SC_LEVEL } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { Returning, SeenHypercall } from './behaviour.ts'
import type { Hypervisor, Loaded } from './hypervisor.ts'
import { UCALL } from './ucall.ts'
import type { Resume, Vm } from './vm.ts'

const SWITCH = new Procedure('hypervisor', 'switch to another VM', 'spec/ultravisor.md §8.2', {
  load: 'load LPIDR, LPCR and what is left of the virtual processor',
  enter: 'give the processor away: UV_RETURN for a secure VM, hrfid for a normal one',
})

/** Instructions that a VM runs before the next one does, where there is more than one. */
const TIME_SLICE = 50_000n
/** HFSCR: all but transactional memory and doorbells, which KVM keeps from guests of a POWER9 (Power ISA 3.0C III 6.2.12). */
export const HFSCR_GUEST = 0x19fn
const HV_MSR = MSR.SF | MSR.HV | MSR.ME | MSR.RI

/** Hypercalls that a guest makes to give the processor away, or that take a device's time. */
const YIELDS: ReadonlySet<string> = new Set(['H_CEDE', 'H_CONFER', 'H_PROD', 'H_PUT_TERM_CHAR'])

/** The one hardware thread shared out among the virtual processors of the VMs. */
export class Vcpu {
  constructor(readonly hv: Hypervisor) {}

  /** The first entry of a VM: by hrfid, with the registers that its loader wants. */
  prepare(vm: Vm, guest: Loaded): void {
    const { cpu } = this.hv.parts
    // LD: as the device tree says (ibm,dec-bits). LPES: what its interrupt controller presents is the guest's own.
    vm.lpcr = LPCR.HR | LPCR.UPRT | LPCR.LPES | LPCR.LD | (guest.littleEndian ? LPCR.ILE : 0n)
    const file = cpu.save()
    for (let i = 0; i < 32; i++) file.gpr[i] = guest.registers.get(i) ?? 0n
    file.msr = HV_MSR
    file.spr.set(SPR.HSRR0, guest.entry)
    file.spr.set(SPR.HSRR1, MSR.SF | MSR.ME | (guest.littleEndian ? MSR.LE : 0n))
    file.spr.set(SPR.HFSCR, HFSCR_GUEST)
    vm.resume = { kind: 'normal', file }
  }

  /** Where a VM that is prepared begins. */
  entryOf(vm: Vm): bigint {
    return (vm.resume?.kind === 'normal' && vm.resume.file.spr.get(SPR.HSRR0)) || 0n
  }

  /** After a hypercall: back to the guest, or to the next VM where the call gives the processor away. */
  *resume(
    vm: Vm,
    call: SeenHypercall,
    results: readonly bigint[],
    to: { nia: bigint; msr: bigint },
    cookie: bigint,
  ): Steps<void> {
    const { cpu } = this.hv.parts
    if (vm.secureGuest.started) {
      vm.resume = { kind: 'secure', cookie, results, to, pidr: cpu.spr(SPR.PIDR) }
    } else {
      cpu.setGpr(3, BigInt.asUintN(64, results[0]!))
      for (const [i, value] of results.slice(1).entries()) cpu.setGpr(4 + i, BigInt.asUintN(64, value))
      cpu.setSpr(SPR.HSRR0, to.nia)
      cpu.setSpr(SPR.HSRR1, to.msr & ~SRR1_SC_LEVEL.mask)
      if (this.hv.vms.size > 1) vm.resume = { kind: 'normal', file: cpu.save() }
      else return cpu.returnFromInterrupt('hrfid')
    }
    // During UV_ESM the ultravisor itself waits for the answer, and nobody else.
    const mayYield = YIELDS.has(call.name) && vm.state !== 'transient'
    vm.lpcr = cpu.spr(SPR.LPCR)
    yield* this.run(mayYield ? this.next(vm) : vm)
  }

  /** Back to a secure VM from an interrupt that was reflected. */
  *resumeSecure(vm: Vm, results: readonly bigint[], to: { nia: bigint; msr: bigint }, cookie: bigint): Steps<void> {
    const { cpu } = this.hv.parts
    vm.lpcr = cpu.spr(SPR.LPCR)
    vm.resume = { kind: 'secure', cookie, results, to, pidr: cpu.spr(SPR.PIDR) }
    yield* this.run(vm)
  }

  /** The hypervisor decrementer: the next VM's turn. */
  *timeSliceEnded(): Steps<void> {
    const { cpu } = this.hv.parts
    const vm = this.hv.vm!
    const to = { nia: cpu.spr(SPR.HSRR0), msr: cpu.spr(SPR.HSRR1) }
    const secure = (to.msr & MSR.S) !== 0n
    vm.wakesAt = undefined
    vm.lpcr = cpu.spr(SPR.LPCR)
    vm.resume = secure
      ? { kind: 'secure', cookie: cpu.gpr(31), results: [], to, pidr: cpu.spr(SPR.PIDR) }
      : { kind: 'normal', file: cpu.save() }
    yield* this.run(this.next(vm))
  }

  /** The VM behind this one, round about. */
  next(vm: Vm): Vm {
    const lpids = [...this.hv.vms.keys()].sort((a, b) => a - b)
    const lpid = lpids.find((l) => l > vm.lpid) ?? lpids[0]!
    return this.hv.vms.get(lpid)!
  }

  /** Gives the processor to a VM. Ends when the VM has left the hypervisor. */
  *run(vm: Vm): Steps<void> {
    const { hv } = this
    const resume = vm.resume!
    vm.resume = undefined
    if (hv.vm === vm || hv.vm === undefined) {
      hv.vm = vm
      return yield* this.#enter(vm, resume)
    }
    hv.vm = vm
    yield* SWITCH.frame({ lpid: vm.lpid }, this.#switch(vm, resume))
  }

  *#switch(vm: Vm, resume: Resume): Steps<void> {
    yield SWITCH.at('load', { lpid: vm.lpid, lpcr: vm.lpcr })
    this.hv.parts.cpu.flushTranslations()
    yield SWITCH.at('enter', { how: resume.kind === 'secure' ? 'UV_RETURN' : 'hrfid' })
    yield* this.#enter(vm, resume)
  }

  *#enter(vm: Vm, resume: Resume): Steps<void> {
    const { cpu } = this.hv.parts
    const shared = this.hv.vms.size > 1
    if (resume.kind === 'normal') {
      cpu.load(resume.file)
      cpu.flushTranslations()
    }
    this.#set(SPR.LPIDR, BigInt(vm.lpid))
    this.#set(SPR.LPCR, shared ? vm.lpcr | LPCR.HDICE : vm.lpcr)
    if (shared) cpu.setSpr(SPR.HDEC, TIME_SLICE)
    if (resume.kind === 'secure') return yield* this.#ultravisorReturn(vm, resume)
    cpu.returnFromInterrupt('hrfid')
  }

  /** A write of these registers forgets translations: not where it changes nothing. */
  #set(number: number, value: bigint): void {
    const { cpu } = this.hv.parts
    if (cpu.spr(number) !== value) cpu.setSpr(number, value)
  }

  /** UV_RETURN as KVM makes it (spec/ultravisor.md §8.2). */
  *#ultravisorReturn(vm: Vm, { cookie, results, to, pidr }: Extract<Resume, { kind: 'secure' }>): Steps<void> {
    const { cpu } = this.hv.parts
    const registers: Returning = {
      r0: BigInt.asUintN(64, results[0] ?? 0n),
      r2: to.msr,
      results: results.slice(1).map((value) => BigInt.asUintN(64, value)),
      cookie,
      hsrr0: to.nia,
      hsrr1: to.msr,
      lpid: BigInt(vm.lpid),
      pidr,
    }
    this.hv.behaviour.returning?.(this.hv, vm, registers)
    cpu.setGpr(0, registers.r0)
    cpu.setGpr(2, registers.r2)
    cpu.setGpr(3, BigInt(UCALL.UV_RETURN))
    for (const [i, value] of registers.results.entries()) cpu.setGpr(4 + i, value)
    cpu.setGpr(31, registers.cookie)
    cpu.setSpr(SPR.HSRR0, registers.hsrr0)
    cpu.setSpr(SPR.HSRR1, registers.hsrr1)
    this.#set(SPR.LPIDR, registers.lpid)
    this.#set(SPR.PIDR, registers.pidr)
    yield* this.hv.parts.systemCall2()
    // It comes back here only where the ultravisor did not take it.
    if ((cpu.msr & (MSR.HV | MSR.S)) !== MSR.HV) return
    const code = BigInt.asIntN(64, cpu.gpr(3))
    yield* this.hv.vmEnded(vm, {
      how: 'stopped',
      reason: `the ultravisor refused UV_RETURN for VM ${vm.lpid} with ${code}`,
    })
  }
}
