import { MSR, SRR1_SC_LEVEL } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { hcallByNumber } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import { MachineStop } from '../stop.ts'
import { U } from './return-codes.ts'
import type { Ultravisor } from './ultravisor.ts'

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
/** First value that a cookie may have: below are exception vectors (spec/ultravisor.md §0.1). */
const FIRST_COOKIE = 0x2000n
const COOKIE_MASK = 0x000f_ffff_ffff_fffcn
const HV_MSR = MSR.SF | MSR.HV | MSR.ME

/** Registers that stay the hypervisor's own across UV_RETURN (spec/ultravisor.md §1.5 "passed through"). */
const HV_OWNED = [SPR.HSPRG0, SPR.HSPRG1, SPR.LPCR, SPR.HRMOR, SPR.PTCR, SPR.HFSCR] as const

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
}

interface ParkedUltravisor {
  readonly kind: 'ultravisor'
  results: bigint[]
}

/** Every crossing between an SVM (or the ultravisor on its behalf) and the hypervisor, and the way back. */
export class Crossing {
  readonly #parked = new Map<bigint, ParkedGuest | ParkedUltravisor>()

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
    const { cpu, trace } = this.uv.parts
    const cookie = this.#newCookie()
    yield REFLECT.at('park', { cookie })
    const hcall = vector === 0xc00 ? hcallByNumber.get(Number(frame.gpr[3])) : undefined
    const inputs = hcall?.in ?? 0
    this.#parked.set(cookie, { kind: 'guest', frame, vector, out: hcall?.out ?? 0, lpid: this.uv.currentLpid })
    yield REFLECT.at('scrub', { shownRegisters: inputs })
    const level = vector === 0xc00 ? 1n << SRR1_SC_LEVEL.shift : 0n
    this.#showHypervisor(cookie, frame.msr | MSR.S | level, FORWARDED.get(vector) ?? [], frame)
    const shown = []
    for (let i = 3; i < 3 + inputs; i++) {
      cpu.setGpr(i, frame.gpr[i]!)
      shown.push(`R${i}`)
    }
    yield REFLECT.at('enter')
    trace.add({ type: 'reflection', direction: 'out', vector, cookie, shown, scrubbed: 31 - shown.length })
    cpu.nia = BigInt(vector)
    yield* this.uv.parts.hypervisor(vector)
    this.#mustHaveReturned(cookie)
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
    const { cpu, trace } = this.uv.parts
    const own = cpu.save()
    const cookie = this.#newCookie()
    yield UV_HCALL.at('park', { cookie })
    const parked: ParkedUltravisor = { kind: 'ultravisor', results: [] }
    this.#parked.set(cookie, parked)
    this.#showHypervisor(cookie, guestMsr | MSR.S | (1n << SRR1_SC_LEVEL.shift), [], own)
    cpu.setGpr(3, BigInt(number))
    for (const [i, arg] of args.entries()) cpu.setGpr(4 + i, arg)
    yield UV_HCALL.at('enter')
    const shown = ['R3', ...args.map((_, i) => `R${4 + i}`)]
    trace.add({ type: 'reflection', direction: 'out', vector: 0xc00, cookie, shown, scrubbed: 31 - shown.length })
    cpu.nia = 0xc00n
    yield* this.uv.parts.hypervisor(0xc00)
    this.#mustHaveReturned(cookie)
    yield UV_HCALL.at('results', { R3: BigInt.asIntN(64, parked.results[0] ?? 0n) })
    this.#keepHypervisorOwned(own)
    cpu.load(own)
    return parked.results
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
    const cookie = frame.gpr[31]!
    yield UV_RETURN.at('cookie', { cookie })
    const parked = this.#parked.get(cookie)
    if (!parked)
      return this.uv.refuse('UV-RTN-001', `0x${cookie.toString(16)}, which names no parked context`, U.PARAMETER)
    this.#parked.delete(cookie)
    trace.add({ type: 'reflection', direction: 'back', vector: 0xc00, cookie, shown: [], scrubbed: 0 })
    const results = [frame.gpr[0]!, ...frame.gpr.slice(4, 13)]
    if (parked.kind === 'ultravisor') {
      yield UV_RETURN.at('results', { R3: BigInt.asIntN(64, results[0]!) })
      parked.results = results
      return undefined
    }
    const guest = parked.frame
    yield UV_RETURN.at('interrupt', { HSRR0: cpu.spr(SPR.HSRR0) })
    this.#inject(guest, cookie, parked.vector, frame)
    if (parked.vector === 0xc00) {
      yield UV_RETURN.at('results', { registers: parked.out })
      for (let i = 0; i < parked.out; i++) guest.gpr[3 + i] = results[i]!
    }
    yield UV_RETURN.at('restore', { nia: guest.nia, msr: guest.msr })
    if (this.uv.currentLpid !== parked.lpid)
      return this.uv.refuse('UV-RTN-002', `LPIDR ${this.uv.currentLpid} instead of ${parked.lpid}`, U.PARAMETER)
    this.#keepHypervisorOwned(guest)
    cpu.load(guest)
    return undefined
  }

  /** spec/ultravisor.md §1.6: which injected vectors are valid, and what they do to the guest. */
  #inject(guest: RegisterFile, cookie: bigint, vector: number, frame: RegisterFile): void {
    const { cpu } = this.uv.parts
    const target = cpu.spr(SPR.HSRR0)
    if (target === cookie) return
    const valid = vector === 0x200 ? target === 0x200n : target < FIRST_COOKIE && target % 32n === 0n
    if (!valid) return
    guest.spr.set(SPR.SRR0, guest.nia)
    guest.spr.set(SPR.SRR1, (guest.msr & ~SRR1_STATUS) | (frame.gpr[2]! & SRR1_STATUS))
    guest.nia = target
    guest.msr = MSR.SF | MSR.S | MSR.ME | (cpu.spr(SPR.HSRR1) & MSR.LE)
  }

  /** Registers at hypervisor entry: everything 0 but what spec/ultravisor.md §1.5 lists. */
  #showHypervisor(cookie: bigint, guestMsr: bigint, forwarded: readonly number[], from: RegisterFile): void {
    const { cpu } = this.uv.parts
    const view: RegisterFile = {
      gpr: Array(32).fill(0n),
      nia: 0n,
      msr: HV_MSR,
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
    for (const number of [...HV_OWNED, SPR.LPIDR, SPR.PIDR, SPR.PVR, SPR.SMFCTRL, SPR.URMOR, ...forwarded])
      view.spr.set(number, from.spr.get(number) ?? cpu.spr(number))
    for (const number of [SPR.SRR0, SPR.HSRR0]) view.spr.set(number, cookie)
    for (const number of [SPR.SRR1, SPR.HSRR1]) view.spr.set(number, guestMsr)
    view.spr.set(SPR.DEC, 0x7fff_ffffn)
    view.gpr[31] = cookie
    cpu.load(view)
  }

  /** A hypervisor that leaves without using the cookie cannot be followed: only this SVM dies of it (Q11). */
  #mustHaveReturned(cookie: bigint): void {
    if (!this.#parked.delete(cookie)) return
    throw new MachineStop({
      how: 'stopped',
      reason:
        'the ultravisor stopped the SVM: the hypervisor did not come back with the cookie it was given (UV-RTN-001)',
    })
  }

  #keepHypervisorOwned(frame: RegisterFile): void {
    for (const number of HV_OWNED) frame.spr.set(number, this.uv.parts.cpu.spr(number))
  }

  #newCookie(): bigint {
    for (;;) {
      const bytes = this.uv.parts.random(4)
      const cookie = BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)) & COOKIE_MASK
      if (cookie >= FIRST_COOKIE && !this.#parked.has(cookie)) return cookie
    }
  }
}
