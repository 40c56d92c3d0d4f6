/** What drivers, hypervisors and accelerators use (Power ISA 3.0C II 4.5, III 4.4.1, 5.9.3, 11, Book II 9). */
import * as e from '../expr.ts'
import { type Insn, insn } from '../insn.ts'

const HYPERVISOR = { privilege: 'hypervisor' } as const
const SUPERVISOR = { privilege: 'supervisor' } as const

const atomics = [
  ...insn('lwat', 'X:31:582 rt ra n16_20', 'rt,ra0,n16_20', () => e.call('lwat'), {
    help: 'change a word in memory at once; its old value to a register',
  }),
  ...insn('ldat', 'X:31:614 rt ra n16_20', 'rt,ra0,n16_20', () => e.call('ldat'), {
    help: 'change a doubleword in memory at once; its old value to a register',
  }),
  ...insn('stwat', 'X:31:710 rt ra n16_20', 'rt,ra0,n16_20', () => e.call('stwat'), {
    help: 'change a word in memory at once',
  }),
  ...insn('stdat', 'X:31:742 rt ra n16_20', 'rt,ra0,n16_20', () => e.call('stdat'), {
    help: 'change a doubleword in memory at once',
  }),
]

/** Real mode accesses to devices. */
const inhibited = (
  [
    ['lwzcix', 789],
    ['lhzcix', 821],
    ['lbzcix', 853],
    ['ldcix', 885],
    ['stwcix', 917],
    ['sthcix', 949],
    ['stbcix', 981],
    ['stdcix', 1013],
  ] as const
).flatMap(([mnemonic, opcode]) =>
  insn(mnemonic, `X:31:${opcode} rt ra rb`, 'rt,ra0,rb', () => e.call(mnemonic), {
    help: `${mnemonic.startsWith('l') ? 'load from' : 'store to'} a device, in real mode`,
    ...HYPERVISOR,
  }),
)

const doorbells = [
  ...insn('msgsndp', 'X:31:142 rb', 'rb', () => e.call('msgsndp'), {
    help: 'ring the privileged doorbell of a thread',
    ...SUPERVISOR,
  }),
  ...insn('msgclrp', 'X:31:174 rb', 'rb', () => e.call('msgclrp'), {
    help: 'clear the privileged doorbell of this thread',
    ...SUPERVISOR,
  }),
  ...insn('msgsndu', 'X:31:78 rb', 'rb', () => e.call('absent'), {
    help: "ring the ultravisor's doorbell of a thread; this version does not execute it",
    privilege: 'ultravisor',
  }),
  ...insn('msgclru', 'X:31:110 rb', 'rb', () => e.call('absent'), {
    help: "clear the ultravisor's doorbell of this thread; this version does not execute it",
    privilege: 'ultravisor',
  }),
]

const segments = [
  ...insn('slbsync', 'X:31:338', '', () => [], { help: 'wait for slbieg', ...SUPERVISOR }),
  ...insn('slbieg', 'X:31:466 rt rb', 'rt,rb', () => [], {
    help: 'invalidate a segment translation everywhere',
    ...SUPERVISOR,
  }),
  ...insn('slbiag', 'X:31:850 rs', 'rs', () => [], {
    help: 'invalidate all segment translations of a process everywhere',
    ...SUPERVISOR,
  }),
  ...insn('slbfee.', 'X:31:979 rt rb 31=1', 'rt,rb', () => e.call('slbfee'), {
    help: 'find a segment translation',
    ...SUPERVISOR,
  }),
]

const others = [
  ...insn('rfebb', 'XL:19:146 n20_20', 'n20_20', () => e.call('rfebb'), { help: 'return from an event-based branch' }),
  ...insn('copy', 'X:31:774 ra rb 10=1', 'ra0,rb', () => e.call('copy'), { help: 'copy 128 bytes to the copy buffer' }),
  ...insn('paste.', 'X:31:902 ra rb 10=1 31=1', 'ra0,rb', () => e.call('paste'), {
    help: 'hand the copy buffer to an accelerator',
  }),
  // No paste ever gets so far that something is left between it and its copy.
  ...insn('cpabort', 'X:31:838', '', () => [], { help: 'abort a copy and paste' }),
  ...insn('mfbhrbe', 'X:31:302 rt bhrbe', 'rt,bhrbe', ({ rt }) => e.set(rt!, e.i64(0)), {
    help: 'entry of the branch history buffer, which is empty, to register',
  }),
]

export const rare: readonly Insn[] = [
  ...insn('attn', 'X:0:256', '', () => e.call('attn'), { help: 'call the service processor' }),
  ...atomics,
  ...inhibited,
  ...doorbells,
  ...segments,
  ...others,
]
