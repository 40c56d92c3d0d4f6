/** The secure memory facility (spec/ultravisor.md §1.3). `sc 2` is a level of `sc`; the registers are SPRs. */
import * as e from '../expr.ts'
import { type Insn, insn } from '../insn.ts'

export const smf: readonly Insn[] = insn('urfid', 'XL:19:306', '', () => e.call('urfid'), {
  help: 'return from ultravisor: NIA from USRR0, MSR from USRR1, may set MSR[S]',
  privilege: 'ultravisor',
})
