/**
 * Transactional memory (Power ISA 3.0C II 5). No transaction ever starts: `tbegin.` fails at once for good, as the book allows and
 * as QEMU does, so there is nothing to end, to suspend or to undo.
 */
import * as e from '../expr.ts'
import { type Insn, insn } from '../insn.ts'

export const transactional: readonly Insn[] = [
  ...insn('tbegin.', 'X:31:654 n10_10 31=1', '[n10_10]', () => e.call('tbegin'), {
    help: 'begin a transaction: fails at once',
  }),
  ...insn('tend.', 'X:31:686 n6_6 31=1', '[n6_6]', () => e.call('outside'), { help: 'end a transaction' }),
  ...insn('tsr.', 'X:31:750 n10_10 31=1', 'n10_10', () => e.call('outside'), {
    help: 'suspend or resume a transaction',
  }),
  ...insn('tabort.', 'X:31:910 ra 31=1', 'ra', () => e.call('outside'), { help: 'abort a transaction' }),
  ...insn('tabortwc.', 'X:31:782 n6_10 ra rb 31=1', 'n6_10,ra,rb', () => e.call('outside'), {
    help: 'abort a transaction if words compare',
  }),
  ...insn('tabortdc.', 'X:31:814 n6_10 ra rb 31=1', 'n6_10,ra,rb', () => e.call('outside'), {
    help: 'abort a transaction if doublewords compare',
  }),
  ...insn('tabortwci.', 'X:31:846 n6_10 ra ns16_20 31=1', 'n6_10,ra,ns16_20', () => e.call('outside'), {
    help: 'abort a transaction if a word compares with a number',
  }),
  ...insn('tabortdci.', 'X:31:878 n6_10 ra ns16_20 31=1', 'n6_10,ra,ns16_20', () => e.call('outside'), {
    help: 'abort a transaction if a doubleword compares with a number',
  }),
  ...insn('tcheck', 'X:31:718 bf', 'bf', () => e.call('tcheck'), { help: 'check a transaction' }),
  ...insn('treclaim.', 'X:31:942 ra 31=1', 'ra', () => e.call('treclaim'), {
    help: 'give a transaction up, for a change of context',
    privilege: 'supervisor',
  }),
  ...insn('trechkpt.', 'X:31:1006 31=1', '', () => e.call('trechkpt'), {
    help: 'make the registers a checkpoint again',
    privilege: 'supervisor',
  }),
]
