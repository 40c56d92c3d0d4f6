import { savesInHsrr } from '../cpu/interrupts.ts'
import { MSR, SRR1_SC_LEVEL } from '../cpu/msr.ts'
import { SPR, sprName } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { hcallByNumber } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import type { CrossedRegister } from '../trace/records.ts'
import { abortSvm } from './abort.ts'
import { crossedRegisters, returnedRegisters } from './reflection-record.ts'
import { U } from './return-codes.ts'
import type { StartedCpu } from './svm.ts'
import { destroySvm } from './terminate.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

const REFLECT = new Procedure('ultravisor', 'reflect to the hypervisor', 'spec/ultravisor.md §1.5', {
  park: 'park the interrupted context under a new cookie',
  scrub: 'build the registers that the hypervisor may see',
  enter: 'urfid to the vector of the hypervisor',
})

const UV_HCALL = new Procedure('ultravisor', 'ultravisor hypercall', 'spec/ultravisor.md §1.5', {
  park: 'park the private context of the ultravisor under a new cookie',
  enter: 'urfid to 0xC00 of the hypervisor, with the arguments and nothing else',
  results: 'take the results from the registers that came with UV_RETURN',
})

export const UV_RETURN = new Procedure('ultravisor', 'UV_RETURN', 'spec/ultravisor.md §2.4', {
  cookie: 'look up the cookie in R31 and use it up',
  interrupt: 'apply the interrupt that the hypervisor injects through HSRR0',
  results: 'copy the results that this hypercall may return, and no other register',
  restore: 'restore the parked registers, check LPIDR and PIDR, urfid',
})

/** The status bits of SRR1 that an interrupt defines (spec/ultravisor.md §1.6). */
const SRR1_STATUS = 0x783f_0000n
/** Why the ultravisor itself raises a program interrupt in an SVM (spec/ultravisor.md §1.6). */
export const PROGRAM = { transaction: 0x0020_0000n, illegal: 0x0008_0000n } as const
/** First value that a cookie may have: below are exception vectors (spec/ultravisor.md §0.1). */
const FIRST_COOKIE = 0x2000n
const COOKIE_MASK = 0x000f_ffff_ffff_fffcn
const HV_MSR = MSR.SF | MSR.HV | MSR.ME
const TRANSACTION = MSR.TS_T | MSR.TS_S
/** Facilities whose state is saved and zeroed, but stays switched on for the hypervisor (spec/ultravisor.md §1.5). */
const FACILITIES = MSR.FP | MSR.VEC | MSR.VSX
/** PPR is masked to the priority "medium" (spec/ultravisor.md §1.5). */
const MASKED_PPR = 0x0010_0000_0000_0000n
/** LPCR[ONL], HFSCR[TM] and [MSGP], MMCR0[FC] and [FCH] (spec/ultravisor.md §1.4, §1.5). */
const LPCR_ONL = 1n << 18n
const HFSCR = { TM: 1n << 5n, MSGP: 1n << 10n } as const
const MMCR0 = { FC: 1n << 31n, FCH: 1n } as const
const DEC_MAX = 0x7fff_ffffn
/** Register files are kept for so many crossings; older records have only the names. */
const FILES_KEPT = 256

/** Registers that stay the hypervisor's own across UV_RETURN (spec/ultravisor.md §1.5 "passed through"). */
const HV_OWNED = [SPR.HSPRG0, SPR.HSPRG1, SPR.LPCR, SPR.HRMOR, SPR.PTCR, SPR.HFSCR, SPR.HDEC, SPR.HID0] as const
/** What the hypervisor sees as it is, besides those that are its own. */
const PASSED = [SPR.LPIDR, SPR.PIDR, SPR.PVR, SPR.SMFCTRL, SPR.URMOR] as const

/** Which registers the hypervisor needs to handle these vectors (spec/ultravisor.md §1.5). */
const FORWARDED: ReadonlyMap<number, readonly number[]> = new Map([
  [0x200, [SPR.DSISR, SPR.DAR, SPR.ASDR]],
  [0xe00, [SPR.HDSISR, SPR.HDAR, SPR.ASDR]],
  [0xe20, [SPR.HDAR, SPR.ASDR]],
])
interface ParkedGuest {
  readonly kind: 'guest'
  readonly frame: RegisterFile
  readonly vector: number
  /** For a hypercall: how many registers from R3 on come back. */
  readonly out: number
  readonly lpid: number
  readonly pidr: bigint
  /** Value of the timebase at which the guest's decrementer becomes negative. */
  readonly decExpiry: bigint
}

interface ParkedUltravisor {
  readonly kind: 'ultravisor'
  readonly lpid: number
  results: bigint[] | undefined
}

/** Registers that the ultravisor makes up for the hypervisor (spec/ultravisor.md §1.5). */
const SYNTHESISED: ReadonlySet<string> = new Set([
  ...['NIA', 'MSR', 'SRR0', 'SRR1', 'HSRR0', 'HSRR1', 'R31', 'DEC', 'PPR', 'MMCR0'],
])

/** Every crossing between an SVM (or the ultravisor on its behalf) and the hypervisor, and the way back. */
export class Crossing {
  private readonly parked = new Map<bigint, ParkedGuest | ParkedUltravisor>()
  /** Numbers of the records that have register files, oldest first. */
  private readonly withFiles: number[] = []

  constructor(readonly uv: Ultravisor) {}

  /**
   * Shows an interrupt or hypercall of an SVM to the hypervisor. When this ends, the guest's registers are loaded.
   * @param frame  the interrupted guest
   * @param vector 0xC00 for a hypercall
   */
  *reflect(frame: RegisterFile, vector: number): Steps<void> {
    yield* REFLECT.frame({ vector: BigInt(vector) }, this.#reflect(frame, vector))
  }

  *#reflect(frame: RegisterFile, vector: number): Steps<void> {
    const { cpu } = this.uv.parts
    const cookie = this.#newCookie()
    yield REFLECT.at('park', { cookie })
    const number = vector === 0xc00 ? Number(BigInt.asUintN(32, frame.gpr[3]!)) : undefined
    const hcall = number === undefined ? undefined : hcallByNumber.get(number)
    const inputs = hcall?.in ?? 0
    const pidr = frame.spr.get(SPR.PIDR) ?? 0n
    const decExpiry = BigInt.asIntN(64, (frame.spr.get(SPR.DEC) ?? 0n) + cpu.spr(SPR.TB))
    const lpid = this.uv.currentLpid
    this.parked.set(cookie, { kind: 'guest', frame, vector, out: hcall?.out ?? 0, lpid, pidr, decExpiry })
    yield REFLECT.at('scrub', { shownRegisters: inputs })
    const kept = this.#showHypervisor(cookie, frame, vector, FORWARDED.get(vector) ?? [])
    // H_CEDE waits for the decrementer: the hypervisor has to know when (spec/ultravisor.md §1.5).
    if (hcall?.name === 'H_CEDE') {
      cpu.setSpr(SPR.DEC, frame.spr.get(SPR.DEC) ?? DEC_MAX)
      kept.add('DEC')
    }
    // The real code means to make the others random and does so with R0 alone (Q01); here they are 0.
    if (hcall && this.uv.quirk('Q01')) cpu.setGpr(0, this.uv.randomDoubleword())
    const shown = []
    for (let i = 3; i < 3 + inputs; i++) {
      cpu.setGpr(i, frame.gpr[i]!)
      shown.push(`R${i}`)
      kept.add(`R${i}`)
    }
    yield REFLECT.at('enter')
    cpu.nia = BigInt(vector)
    this.#logOut(frame, vector, cookie, shown, kept)
    yield* this.uv.parts.hypervisor(vector)
  }

  /**
   * A hypercall of the ultravisor itself, on behalf of the VM in LPIDR.
   * @param args R4 and on
   * @returns R3.. as the hypervisor set them
   */
  *hypercall(number: number, args: readonly bigint[], guestMsr: bigint): Steps<bigint[]> {
    const name = hcallByNumber.get(number)?.name ?? `hypercall 0x${number.toString(16)}`
    return yield* UV_HCALL.frame({ hypercall: name }, this.#hypercall(number, args, guestMsr))
  }

  *#hypercall(number: number, args: readonly bigint[], guestMsr: bigint): Steps<bigint[]> {
    const { cpu } = this.uv.parts
    const own = cpu.save()
    const svm = this.uv.currentSvm
    const cookie = this.#newCookie()
    yield UV_HCALL.at('park', { cookie })
    const parked: ParkedUltravisor = { kind: 'ultravisor', lpid: this.uv.currentLpid, results: undefined }
    this.parked.set(cookie, parked)
    const kept = this.#showHypervisor(cookie, { ...own, msr: guestMsr }, 0xc00, [])
    cpu.setGpr(3, BigInt(number))
    for (const [i, arg] of args.entries()) cpu.setGpr(4 + i, arg)
    yield UV_HCALL.at('enter')
    const shown = ['R3', ...args.map((_, i) => `R${4 + i}`)]
    for (const name of shown) kept.add(name)
    cpu.nia = 0xc00n
    this.#logOut(own, 0xc00, cookie, shown, kept)
    yield* this.uv.parts.hypervisor(0xc00)
    const { results } = parked
    if (!results) abortSvm(this.uv, 'UV-RTN-001', `no UV_RETURN for hypercall 0x${number.toString(16)}`, parked.lpid)
    // The hypervisor may end the SVM whenever it likes: then there is nothing to go on with.
    if (this.uv.svms.get(parked.lpid) !== svm)
      abortSvm(this.uv, 'UV-RTN-005', `UV_SVM_TERMINATE during hypercall 0x${number.toString(16)}`, parked.lpid)
    yield UV_HCALL.at('results', { R3: BigInt.asIntN(64, results[0] ?? 0n) })
    this.#keepHypervisorOwned(own)
    cpu.load(own)
    return results
  }

  /**
   * UV_RETURN: the hypervisor gives the processor back (spec/ultravisor.md §2.4). R0 holds the hypercall's result, R31 the
   * cookie. After this the parked context is loaded.
   * @returns undefined where the context was replaced, else a code for the hypervisor
   */
  *uvReturn(frame: RegisterFile): Steps<bigint | undefined> {
    return yield* UV_RETURN.frame({ R0: frame.gpr[0]!, R31: frame.gpr[31]! }, this.#uvReturn(frame))
  }

  *#uvReturn(frame: RegisterFile): Steps<bigint | undefined> {
    const { cpu, trace } = this.uv.parts
    const svm = this.uv.currentSvm
    const cookie = frame.gpr[31]!
    yield UV_RETURN.at('cookie', { cookie })
    const started = svm?.startedCpus.get(frame.gpr[0]!)
    if (svm && started) {
      svm.startedCpus.delete(frame.gpr[0]!)
      return this.#startCpu(frame, started)
    }
    const parked = this.parked.get(cookie)
    if (!parked) return this.#unknownCookie(cookie)
    const results = [frame.gpr[0]!, ...frame.gpr.slice(4, 13)]
    if (parked.kind === 'ultravisor') {
      if (parked.lpid !== this.uv.currentLpid)
        abortSvm(this.uv, 'UV-RTN-002', `LPIDR ${this.uv.currentLpid} instead of ${parked.lpid}`, parked.lpid)
      this.parked.delete(cookie)
      trace.add({ type: 'reflection', direction: 'back', vector: 0xc00, cookie, shown: [], scrubbed: 0 })
      yield UV_RETURN.at('results', { R3: BigInt.asIntN(64, results[0]!) })
      parked.results = results
      return undefined
    }
    this.parked.delete(cookie)
    const guest = parked.frame
    const taken = new Set<string>()
    yield UV_RETURN.at('interrupt', { HSRR0: cpu.spr(SPR.HSRR0) })
    if ((frame.msr & TRANSACTION) !== 0n) this.synthesiseProgram(guest, PROGRAM.transaction)
    else this.#inject(guest, cookie, parked.vector, frame, taken)
    if (parked.vector === 0xc00) {
      yield UV_RETURN.at('results', { registers: parked.out })
      for (let i = 0; i < parked.out; i++) {
        guest.gpr[3 + i] = results[i]!
        taken.add(`R${3 + i}`)
      }
    }
    yield UV_RETURN.at('restore', { nia: guest.nia, msr: guest.msr })
    if (this.uv.currentLpid !== parked.lpid)
      abortSvm(this.uv, 'UV-RTN-002', `LPIDR ${this.uv.currentLpid} instead of ${parked.lpid}`, parked.lpid)
    const pidr = cpu.spr(SPR.PIDR)
    if (pidr !== parked.pidr) abortSvm(this.uv, 'UV-RTN-003', `PIDR ${pidr} instead of ${parked.pidr}`, parked.lpid)
    this.#keepHypervisorOwned(guest)
    this.#prepareEntry(guest)
    guest.spr.set(SPR.DEC, BigInt.asUintN(64, parked.decExpiry - cpu.spr(SPR.TB)))
    // Unlike PURR and SPURR, which stand still for the guest, IC has counted on from 0.
    guest.spr.set(SPR.IC, (guest.spr.get(SPR.IC) ?? 0n) + cpu.spr(SPR.IC))
    this.#log('back', parked.vector, cookie, [...taken], 0, returnedRegisters(guest, frame, taken))
    cpu.load(guest)
    return undefined
  }

  /** An integrity violation of the hypervisor that costs one SVM; the released firmware costs it the machine (Q11). */
  #unknownCookie(cookie: bigint): bigint {
    const found = `0x${cookie.toString(16)}, which names no parked context`
    if (this.uv.quirk('Q11')) crash('Q11', `UV_RETURN with ${found}`)
    const svm = this.uv.currentSvm
    if (svm) destroySvm(this.uv, svm)
    return this.uv.refuse('UV-RTN-001', found, U.PARAMETER)
  }

  /** A virtual processor that the guest started through RTAS enters at its address (spec/ultravisor.md §6.3). */
  #startCpu(frame: RegisterFile, { entry, r3 }: StartedCpu): undefined {
    const { cpu } = this.uv.parts
    const guest = { ...frame, gpr: Array<bigint>(32).fill(0n), spr: new Map(frame.spr) }
    guest.gpr[3] = r3
    guest.nia = entry
    guest.msr = MSR.SF | MSR.ME | MSR.S
    this.#prepareEntry(guest)
    cpu.load(guest)
    return undefined
  }

  /** What every entry of an SVM has in common (spec/ultravisor.md §1.5 "return path"). */
  #prepareEntry(guest: RegisterFile): void {
    const change = (number: number, to: (value: bigint) => bigint): void => {
      guest.spr.set(number, to(guest.spr.get(number) ?? 0n))
    }
    change(SPR.HFSCR, (value) => (value & ~HFSCR.TM) | HFSCR.MSGP)
    change(SPR.LPCR, (value) => value & ~LPCR_ONL)
    change(SPR.MMCR0, (value) => value | MMCR0.FCH)
    change(SPR.TRACE, () => 0n)
    change(SPR.DPDES, () => 0n)
  }

  /** spec/ultravisor.md §1.6: which injected vectors are valid, and what they do to the guest. */
  #inject(guest: RegisterFile, cookie: bigint, vector: number, frame: RegisterFile, taken: Set<string>): void {
    const { cpu } = this.uv.parts
    const target = cpu.spr(SPR.HSRR0)
    if (target === cookie) return
    const handler = this.uv.currentSvm?.machineCheckHandler ?? 0x200n
    const valid =
      vector === 0x200 ? target === handler && target % 16n === 0n : target < FIRST_COOKIE && target % 32n === 0n
    if (!valid) {
      this.uv.refuse('UV-RTN-004', `HSRR0 = 0x${target.toString(16)} after vector 0x${vector.toString(16)}`, 0n)
      return
    }
    for (const name of ['NIA', 'MSR', 'SRR1']) taken.add(name)
    guest.spr.set(SPR.SRR0, guest.nia)
    guest.spr.set(SPR.SRR1, (guest.msr & ~SRR1_STATUS) | (frame.gpr[2]! & SRR1_STATUS))
    guest.nia = target
    guest.msr = MSR.SF | MSR.S | MSR.ME | (cpu.spr(SPR.HSRR1) & MSR.LE)
  }

  /** A program interrupt that the ultravisor raises in an SVM (spec/ultravisor.md §1.6). */
  synthesiseProgram(guest: RegisterFile, flags: bigint): void {
    guest.spr.set(SPR.SRR0, guest.nia)
    if (this.uv.quirk('Q03')) guest.msr = (guest.msr & ~SRR1_STATUS) | flags
    else {
      guest.spr.set(SPR.SRR1, (guest.msr & ~SRR1_STATUS) | flags)
      guest.msr = MSR.SF | MSR.S | MSR.ME | (guest.msr & MSR.LE)
    }
    guest.nia = 0x700n
  }

  /**
   * Registers at hypervisor entry: everything 0 but what spec/ultravisor.md §1.5 lists.
   * @returns the names of those that are let through
   */
  #showHypervisor(cookie: bigint, from: RegisterFile, vector: number, forwarded: readonly number[]): Set<string> {
    const { cpu } = this.uv.parts
    let msr = HV_MSR | (from.msr & FACILITIES)
    if (vector === 0x200) msr &= ~MSR.ME
    // Such a vector leaves RI as it is (spec/ultravisor.md §1.5).
    if (savesInHsrr(vector, cpu.spr(SPR.LPCR))) msr |= MSR.RI
    const view: RegisterFile = {
      gpr: Array(32).fill(0n),
      nia: BigInt(vector),
      msr,
      lr: 0n,
      ctr: 0n,
      xer: 0n,
      cr: 0,
      spr: new Map(),
      vsr: Array(64).fill(0n),
      fpscr: 0n,
      vscr: 0,
    }
    for (const number of from.spr.keys()) view.spr.set(number, 0n)
    const passed = [...HV_OWNED, ...PASSED, ...forwarded, ...(this.uv.quirk('Q02') ? [SPR.AMR] : [])]
    for (const number of passed) view.spr.set(number, from.spr.get(number) ?? cpu.spr(number))
    const level = vector === 0xc00 ? 1n << SRR1_SC_LEVEL.shift : 0n
    for (const number of [SPR.SRR0, SPR.HSRR0]) view.spr.set(number, cookie)
    for (const number of [SPR.SRR1, SPR.HSRR1]) view.spr.set(number, from.msr | MSR.S | level)
    view.spr.set(SPR.PPR, MASKED_PPR)
    view.spr.set(SPR.MMCR0, MMCR0.FC)
    view.spr.set(SPR.DEC, DEC_MAX)
    view.gpr[31] = cookie
    cpu.load(view)
    return new Set(passed.map(sprName))
  }

  #logOut(
    guest: RegisterFile,
    vector: number,
    cookie: bigint,
    shown: readonly string[],
    kept: ReadonlySet<string>,
  ): void {
    const view = this.uv.parts.cpu.save()
    this.#log('out', vector, cookie, shown, 31 - shown.length, crossedRegisters(guest, view, kept, SYNTHESISED))
  }

  #log(
    direction: 'out' | 'back',
    vector: number,
    cookie: bigint,
    shown: readonly string[],
    scrubbed: number,
    registers: readonly CrossedRegister[],
  ): void {
    const { trace } = this.uv.parts
    this.withFiles.push(trace.add({ type: 'reflection', direction, vector, cookie, shown, scrubbed, registers }))
    if (this.withFiles.length > FILES_KEPT) trace.dropRegisters(this.withFiles.shift()!)
  }

  /** An SVM is gone: so is everything that was parked for it. */
  forget(lpid: number): void {
    for (const [cookie, parked] of this.parked)
      if (parked.lpid === lpid && parked.kind === 'guest') this.parked.delete(cookie)
  }

  #keepHypervisorOwned(frame: RegisterFile): void {
    for (const number of HV_OWNED) frame.spr.set(number, this.uv.parts.cpu.spr(number))
  }

  /** A cookie that no context is parked under. */
  #newCookie(): bigint {
    for (;;) {
      const bytes = this.uv.parts.random(4)
      const cookie = BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)) & COOKIE_MASK
      if (cookie >= FIRST_COOKIE && !this.parked.has(cookie)) return cookie
    }
  }

  /** A cookie of 32 bits for RTAS start-cpu, whose arguments are words (spec/ultravisor.md §6.3). */
  newStartCookie(taken: ReadonlyMap<bigint, unknown>): bigint {
    for (;;) {
      const cookie = this.#newCookie()
      if (!taken.has(cookie)) return cookie
    }
  }
}
