/** Transactional memory whose transactions all fail as they begin (Power ISA 3.0C II 5 and III 3.2.2). */
import type { Core } from './core.ts'
import { facilityUnavailable, hypervisorFacilityUnavailable } from './facilities.ts'
import { PROGRAM } from './interrupts.ts'
import { extract, fieldNamed } from './isa/fields.ts'
import { MSR } from './msr.ts'
import type { Procedure } from './procedures.ts'
import { SPR } from './spr.ts'

/** What the two facility interrupts name transactional memory by (Power ISA 3.0C III 6.2.11). */
const CAUSE = 5n
const HFSCR_TM = 1n << 5n

/** Bits of TEXASR (Power ISA 3.0C II 5.2.1). */
const TEXASR = {
  persistent: 1n << 56n,
  nestingOverflow: 1n << 54n,
  hv: 1n << 29n,
  pr: 1n << 28n,
  summary: 1n << 27n,
  exact: 1n << 26n,
}

function setCrField(core: Core, field: number, value: number): void {
  const shift = 28 - 4 * field
  core.state.cr = ((core.state.cr & ~(15 << shift)) | (value << shift)) >>> 0
}

/** Which register refuses it. MSR goes first. */
function unavailable({ state }: Core): 'msr' | 'hfscr' | undefined {
  if (!state.is(MSR.TM)) return 'msr'
  return !state.is(MSR.HV) && (state.spr(SPR.HFSCR) & HFSCR_TM) === 0n ? 'hfscr' : undefined
}

const available =
  (procedure: Procedure): Procedure =>
  (core, word, insn) => {
    const by = unavailable(core)
    if (by === 'msr') return facilityUnavailable(core, CAUSE, `${insn.mnemonic} while MSR[TM]=0`)
    if (by === 'hfscr') return hypervisorFacilityUnavailable(core, CAUSE, `${insn.mnemonic} while HFSCR[TM]=0`)
    return procedure(core, word, insn)
  }

function badThing(core: Core, why: string): true {
  core.lastFault = `TM Bad Thing: ${why}`
  core.interrupt(0x700, { status: PROGRAM.badThing })
  return true
}

const tbegin: Procedure = (core) => {
  const { state } = core
  const [hv, pr] = [state.is(MSR.HV), state.is(MSR.PR)]
  let texasr = TEXASR.persistent | TEXASR.nestingOverflow | TEXASR.summary | TEXASR.exact
  if (hv) texasr |= TEXASR.hv
  if (pr) texasr |= TEXASR.pr
  state.setSpr(SPR.TEXASR, texasr)
  state.setSpr(SPR.TFIAR, state.nia | (hv ? 2n : 0n) | (pr ? 1n : 0n))
  // The failure handler is what follows; CR0 tells it, by way of EQ.
  state.setSpr(SPR.TFHAR, state.address(state.nia + 4n))
  setCrField(core, 0, 0b1010)
  return false
}

export const TRANSACTIONAL_PROCEDURES: Readonly<Record<string, Procedure>> = {
  tbegin: available(tbegin),
  /** Outside of a transaction they only say so: CR0 is `0 || MSR[TS] || 0`, and MSR[TS] is 0. */
  outside: available((core) => {
    setCrField(core, 0, 0)
    return false
  }),
  tcheck: available((core, word) => {
    // TDOOMED, as there is no transaction that could succeed.
    setCrField(core, extract(word, fieldNamed('bf')), 0b1000)
    return false
  }),
  treclaim: available((core) => badThing(core, 'treclaim. outside of a transaction')),
  trechkpt: available((core) =>
    badThing(core, 'trechkpt. of a transaction, none of which can have begun on this processor'),
  ),
}
