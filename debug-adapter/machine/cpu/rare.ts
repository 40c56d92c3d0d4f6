/** Atomic memory operations, accesses to devices in real mode, doorbells (Power ISA 3.0C II 4.5, III 4.4.1, 11.2). */
import { type Core, DSISR_STORE } from './core.ts'
import { hypervisorFacilityUnavailable, refuseRegister } from './facilities.ts'
import { extract, fieldNamed } from './isa/fields.ts'
import { MSR } from './msr.ts'
import { illegal, type Procedure } from './procedures.ts'
import { SPR } from './spr.ts'

const get = (word: number, name: string): number => extract(word, fieldNamed(name))

/** DSISR for an operation that these instructions do not have (bits 60 to 62; Power ISA 3.0C III 6.5.3). */
const DSISR = { paste: 8n, function: 4n, inhibited: 2n } as const

function refuseData(core: Core, ea: bigint, status: bigint, why: string): true {
  const access = (status & DSISR_STORE) !== 0n ? 'store' : 'load'
  const reason = `${why} at effective address 0x${ea.toString(16)}`
  core.fault({ ok: false, vector: 0x300, ea, access, status, reason })
  return true
}

type Update = (old: bigint, operand: bigint, bits: number) => bigint
const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value)

/** Function codes that loads and stores have in common: what memory becomes (Power ISA 3.0C II table 3, 4). */
// biome-ignore format: a table
const UPDATES: readonly Update[] = [
  (old, operand) => old + operand,
  (old, operand) => old ^ operand,
  (old, operand) => old | operand,
  (old, operand) => old & operand,
  (old, operand) => (old > operand ? old : operand),
  (old, operand, bits) => (signed(old, bits) > signed(operand, bits) ? old : operand),
  (old, operand) => (old < operand ? old : operand),
  (old, operand, bits) => (signed(old, bits) < signed(operand, bits) ? old : operand),
]
const SWAP = 8
const COMPARE_AND_SWAP_NOT_EQUAL = 16
const INCREMENT_BOUNDED = 24
const INCREMENT_EQUAL = 25
const DECREMENT_BOUNDED = 28
const STORE_TWIN = 24

/** Operands must be within one aligned block of 32 bytes. */
const BLOCK = 32n

/** @returns true where it raised the alignment interrupt */
function misaligned(core: Core, ea: bigint, first: bigint, size: bigint, bytes: bigint): boolean {
  if (ea % size === 0n && first / BLOCK === (first + bytes - 1n) / BLOCK) return false
  return alignment(core, ea, 'atomic operation', 'aligned, within 32 bytes')
}

function alignment(core: Core, ea: bigint, what: string, expected: string): true {
  core.state.setSpr(SPR.DAR, ea)
  core.lastFault = `${what} at effective address 0x${ea.toString(16)}: expected it ${expected}`
  core.interrupt(0x600)
  return true
}

const effectiveAddress = (core: Core, word: number): bigint => {
  const ra = get(word, 'ra')
  return core.state.address(ra === 0 ? 0n : core.state.gpr(ra))
}

const atomicLoad =
  (size: 4 | 8): Procedure =>
  (core, word, insn) => {
    const { state } = core
    const code = get(word, 'n16_20')
    const ea = effectiveAddress(core, word)
    const bits = size * 8
    const wide = BigInt(size)
    const paired = code === INCREMENT_BOUNDED || code === INCREMENT_EQUAL || code === DECREMENT_BOUNDED
    if (!paired && code !== SWAP && code !== COMPARE_AND_SWAP_NOT_EQUAL && !UPDATES[code])
      return refuseData(core, ea, DSISR.function, `${insn.mnemonic} with function code ${code}, which is reserved,`)
    const first = code === DECREMENT_BOUNDED ? ea - wide : ea
    if (misaligned(core, ea, first, wide, paired ? 2n * wide : wide)) return true
    const rt = get(word, 'rt')
    const operand = (i: number): bigint => BigInt.asUintN(bits, state.gpr((rt + i) % 32))
    // Loads, then the one store; the right to store is asked for whatever happens.
    core.reach(ea, 'store')
    const old = core.load(ea, size)
    const store = (value: bigint): void => core.store(ea, BigInt.asUintN(bits, value), size)
    const smallest = 1n << BigInt(bits - 1)
    let result = old
    if (paired) {
      const bound = core.load(code === DECREMENT_BOUNDED ? first : ea + wide, size)
      const goes = code === INCREMENT_EQUAL ? old === bound : old !== bound
      if (goes) store(code === DECREMENT_BOUNDED ? old - 1n : old + 1n)
      else result = smallest
    } else if (code === SWAP) store(operand(1))
    else if (code === COMPARE_AND_SWAP_NOT_EQUAL) {
      if (old !== operand(1)) store(operand(2))
    } else store(UPDATES[code]!(old, operand(1), bits))
    state.setGpr(rt, result)
    return false
  }

const atomicStore =
  (size: 4 | 8): Procedure =>
  (core, word, insn) => {
    const code = get(word, 'n16_20')
    const ea = effectiveAddress(core, word)
    const bits = size * 8
    const wide = BigInt(size)
    if (code !== STORE_TWIN && !UPDATES[code])
      return refuseData(
        core,
        ea,
        DSISR.function | DSISR_STORE,
        `${insn.mnemonic} with function code ${code}, which is reserved,`,
      )
    if (misaligned(core, ea, ea, wide, code === STORE_TWIN ? 2n * wide : wide)) return true
    const operand = BigInt.asUintN(bits, core.state.gpr(get(word, 'rt')))
    core.reach(ea, 'store')
    const old = core.load(ea, size)
    if (code !== STORE_TWIN) core.store(ea, BigInt.asUintN(bits, UPDATES[code]!(old, operand, bits)), size)
    else if (old === core.load(ea + wide, size)) {
      core.store(ea, operand, size)
      core.store(ea + wide, operand, size)
    }
    return false
  }

/** Bytes that copy and paste. move. */
const COPIED = 128n

/** The copy buffer is never looked at: nothing of this machine is an accelerator, so no paste. succeeds (Power ISA 3.0C II 4.4). */
const copyOrPaste =
  (access: 'load' | 'store'): Procedure =>
  (core, word, insn) => {
    const { state } = core
    const ea = state.address(BigInt.asUintN(64, effectiveAddress(core, word) + state.gpr(get(word, 'rb'))))
    if (ea % COPIED !== 0n) return alignment(core, ea, insn.mnemonic, `a multiple of ${COPIED}`)
    core.reach(ea, access)
    if (access === 'load') return false
    return refuseData(core, ea, DSISR.paste | DSISR_STORE, 'paste. to memory, which is no accelerator,')
  }

/** BESCR bit 0: event-based branches happen. */
const BESCR_GE = 1n << 63n

/** Nothing here makes events; a handler that somebody jumped to goes back like any other (Power ISA 3.0C II 7). */
const rfebb: Procedure = (core, word) => {
  const { state } = core
  if (refuseRegister(core, SPR.BESCR, 'rfebb')) return true
  const bescr = state.spr(SPR.BESCR)
  state.setSpr(SPR.BESCR, get(word, 'n20_20') === 1 ? bescr | BESCR_GE : bescr & ~BESCR_GE)
  state.nia = state.address(state.spr(SPR.EBBRR) & ~3n)
  return true
}

const inhibited =
  (size: number, write: boolean): Procedure =>
  (core, word, insn) => {
    const { state } = core
    const ea = state.address(BigInt.asUintN(64, effectiveAddress(core, word) + state.gpr(get(word, 'rb'))))
    if (state.is(MSR.DR))
      return refuseData(core, ea, DSISR.inhibited | (write ? DSISR_STORE : 0n), `${insn.mnemonic} while MSR[DR]=1`)
    if (write) core.store(ea, BigInt.asUintN(8 * size, state.gpr(get(word, 'rt'))), size)
    else state.setGpr(get(word, 'rt'), core.load(ea, size))
    return false
  }

/** RB bits 32:36: a doorbell; bits 57:63: the thread of the core. */
const isDoorbell = (message: bigint): boolean => ((message >> 27n) & 31n) === 5n
const THREAD = 0x7fn
const HFSCR_MSGP = 1n << 10n
const CAUSE_MSGP = 10n

/** A core has one thread here, number 0: other numbers reach nobody. */
const doorbell =
  (ring: boolean): Procedure =>
  (core, word, insn) => {
    const { state } = core
    if (!state.is(MSR.HV) && (state.spr(SPR.HFSCR) & HFSCR_MSGP) === 0n)
      return hypervisorFacilityUnavailable(core, CAUSE_MSGP, `${insn.mnemonic} while HFSCR[MSGP]=0`)
    const message = state.gpr(get(word, 'rb'))
    if (!isDoorbell(message) || (ring && (message & THREAD) !== 0n)) return false
    state.setSpr(SPR.DPDES, ring ? 1n : 0n)
    core.doorbell = ring
    state.nia = state.address(state.nia + 4n)
    core.leave()
    return true
  }

export const RARE_PROCEDURES: Readonly<Record<string, Procedure>> = {
  // HID0 would have to allow it, which firmware does for its own debugger only (POWER9 processor user's manual).
  attn: (core, word) => illegal(core, word, 'attn, which HID0 does not allow,'),
  copy: copyOrPaste('load'),
  paste: copyOrPaste('store'),
  rfebb,
  lwat: atomicLoad(4),
  ldat: atomicLoad(8),
  stwat: atomicStore(4),
  stdat: atomicStore(8),
  lbzcix: inhibited(1, false),
  lhzcix: inhibited(2, false),
  lwzcix: inhibited(4, false),
  ldcix: inhibited(8, false),
  stbcix: inhibited(1, true),
  sthcix: inhibited(2, true),
  stwcix: inhibited(4, true),
  stdcix: inhibited(8, true),
  msgsndp: doorbell(true),
  msgclrp: doorbell(false),
  /** No segment is ever found: CR0 is `00 || 0 || SO`, the register 0. */
  slbfee: ({ state }, word) => {
    state.setGpr(get(word, 'rt'), 0n)
    state.cr = ((state.cr & 0x0fff_ffff) | (state.small('so') << 28)) >>> 0
    return false
  },
}
