/** Machine state, special purpose registers, interrupts and power (Power ISA 3.0C III 3, 4, 5). */
import * as e from '../expr.ts'
import { type Insn, insn } from '../insn.ts'

const SUPERVISOR = { privilege: 'supervisor' } as const

const specialRegisters = [
  ...insn('mfspr', 'XFX:31:339 rt spr', 'rt,spr', () => e.call('mfspr'), {
    help: 'special purpose register to register',
  }),
  ...insn('mtspr', 'XFX:31:467 rs spr', 'spr,rs', () => e.call('mtspr'), {
    help: 'register to special purpose register',
  }),
  // These three are in every prologue and loop: they do not go through the general procedure.
  ...insn('mflr', 'XFX:31:339 rt spr=8', 'rt', ({ rt }) => e.set(rt!, e.state('lr')), {
    help: 'link register to register',
  }),
  ...insn('mtlr', 'XFX:31:467 rs spr=8', 'rs', ({ rs }) => e.setState('lr', rs!), {
    help: 'register to link register',
  }),
  ...insn('mfctr', 'XFX:31:339 rt spr=9', 'rt', ({ rt }) => e.set(rt!, e.state('ctr')), {
    help: 'counter to register',
  }),
  ...insn('mtctr', 'XFX:31:467 rs spr=9', 'rs', ({ rs }) => e.setState('ctr', rs!), { help: 'register to counter' }),
  ...insn(
    'mfxer',
    'XFX:31:339 rt spr=1',
    'rt',
    ({ rt }) => {
      const at = (name: e.StateName, bit: number): e.Expr => e.shl(e.state(name), 63 - bit)
      const bits = e.or(at('so', 32), at('ov', 33), at('ca', 34), at('ov32', 44), at('ca32', 45), e.state('xerCount'))
      return e.set(rt!, e.wide(bits))
    },
    { help: 'fixed-point exception register to register' },
  ),
  ...insn(
    'mtxer',
    'XFX:31:467 rs spr=1',
    'rs',
    ({ rs }) => {
      const bit = (name: e.StateName, at: number): e.Effect => e.setState(name, e.and(e.low(e.shrU(rs!, 63 - at)), 1))
      return [
        bit('so', 32),
        bit('ov', 33),
        bit('ca', 34),
        bit('ov32', 44),
        bit('ca32', 45),
        e.setState('xerCount', e.and(e.low(rs!), 127)),
      ]
    },
    { help: 'register to fixed-point exception register' },
  ),
  ...insn('mftb', 'XFX:31:371 rt spr', 'rt,spr', () => e.call('mftb'), { help: 'timebase to register' }),
  ...insn('darn', 'X:31:755 rt l14', 'rt,l14', ({ rt, l14 }) => e.set(rt!, e.pure('darn', l14!, e.i64(0))), {
    help: 'deliver a random number',
  }),
]

const machineState = [
  ...insn('mfmsr', 'X:31:83 rt', 'rt', () => e.call('mfmsr'), { help: 'machine state to register', ...SUPERVISOR }),
  ...insn('mtmsr', 'X:31:146 rs l15', 'rs,[l15]', () => e.call('mtmsr'), {
    help: 'low word of register to machine state',
    ...SUPERVISOR,
  }),
  ...insn('mtmsrd', 'X:31:178 rs l15', 'rs,[l15]', () => e.call('mtmsrd'), {
    help: 'register to machine state',
    ...SUPERVISOR,
  }),
  ...insn('rfid', 'XL:19:18', '', () => e.call('rfid'), { help: 'return from interrupt: SRR0, SRR1', ...SUPERVISOR }),
  ...insn('rfscv', 'XL:19:82', '', () => e.call('rfscv'), {
    help: 'return from system call vectored: LR, CTR',
    ...SUPERVISOR,
  }),
  ...insn('hrfid', 'XL:19:274', '', () => e.call('hrfid'), {
    help: 'return from hypervisor interrupt: HSRR0, HSRR1',
    privilege: 'hypervisor',
  }),
  ...insn('stop', 'XL:19:370', '', () => e.call('stop'), {
    help: 'wait for an interrupt in a power-saving state',
    ...SUPERVISOR,
  }),
  ...insn('wait', 'X:31:30', '', () => e.call('wait'), { help: 'wait for an interrupt' }),
]

const nothing: readonly e.Effect[] = []
const hint = (mnemonic: string, pattern: string, operands: string, help: string): Insn[] =>
  insn(mnemonic, pattern, operands, () => nothing, { help })

const CACHE_BLOCK = 128
const cache = [
  ...hint('sync', 'X:31:598 l9', '[l9]', 'order storage accesses'),
  ...hint('eieio', 'X:31:854', '', 'order device accesses'),
  // Decoded code follows every store, so there is nothing left to do for isync and icbi.
  ...hint('isync', 'XL:19:150', '', 'refetch what follows'),
  ...hint('icbi', 'X:31:982 ra rb', 'ra0,rb', 'invalidate an instruction cache block'),
  ...hint('icbt', 'X:31:22 ct ra rb', '[ct],ra0,rb', 'touch an instruction cache block'),
  // Data streams of the first vector processors (phased out): kernels still end them.
  ...hint('dssall', 'X:31:822 6=1', '', 'data stream stop all'),
  ...hint('dss', 'X:31:822 6=0 dst', 'dst', 'data stream stop'),
  ...hint('dstt', 'X:31:342 6=1 dst ra rb', 'ra,rb,dst', 'data stream touch transient'),
  ...hint('dst', 'X:31:342 6=0 dst ra rb', 'ra,rb,dst', 'data stream touch'),
  ...hint('dststt', 'X:31:374 6=1 dst ra rb', 'ra,rb,dst', 'data stream touch for store transient'),
  ...hint('dstst', 'X:31:374 6=0 dst ra rb', 'ra,rb,dst', 'data stream touch for store'),
  ...hint('dcbt', 'X:31:278 th ra rb', 'ra0,rb,[th]', 'touch a data cache block'),
  ...hint('dcbtst', 'X:31:246 th ra rb', 'ra0,rb,[th]', 'touch a data cache block for a store'),
  ...hint('dcbst', 'X:31:54 ra rb', 'ra0,rb', 'write a data cache block back'),
  ...hint('dcbf', 'X:31:86 l9 ra rb', 'ra0,rb,[l9]', 'flush a data cache block'),
  ...insn(
    'dcbz',
    'X:31:1014 ra rb',
    'ra0,rb',
    ({ ra0, rb }) => {
      const block = e.and(e.add(ra0!, rb!), -CACHE_BLOCK)
      return Array.from({ length: CACHE_BLOCK / 8 }, (_, i) => e.store(8, e.add(block, 8 * i), e.i64(0)))
    },
    { help: 'set a data cache block of 128 bytes to zero' },
  ),
  ...insn('clrbhrb', 'X:31:430', '', () => nothing, { help: 'clear the branch history buffer' }),
]

const translation = [
  ...insn('tlbie', 'X:31:306 rs ric prs r rb', 'rb,rs,[ric],[prs],[r]', () => e.call('tlbie'), {
    help: 'invalidate translations everywhere',
    ...SUPERVISOR,
  }),
  ...insn('tlbiel', 'X:31:274 rs ric prs r rb', 'rb,rs,[ric],[prs],[r]', () => e.call('tlbie'), {
    help: 'invalidate translations of this thread',
    ...SUPERVISOR,
  }),
  ...insn('tlbsync', 'X:31:566', '', () => e.call('tlbsync'), { help: 'wait for tlbie', ...SUPERVISOR }),
  ...insn('slbia', 'X:31:498 ih', '[ih]', () => nothing, {
    help: 'invalidate all segment translations',
    ...SUPERVISOR,
  }),
  ...insn('slbie', 'X:31:434 rb', 'rb', () => nothing, { help: 'invalidate a segment translation', ...SUPERVISOR }),
  ...insn('slbmte', 'X:31:402 rs rb', 'rs,rb', () => nothing, {
    help: 'make a segment translation (no effect under radix)',
    ...SUPERVISOR,
  }),
  ...insn('slbmfee', 'X:31:915 rt rb n15_15', 'rt,rb,[n15_15]', ({ rt }) => e.set(rt!, e.i64(0)), {
    help: 'segment translation to register',
    ...SUPERVISOR,
  }),
  ...insn('slbmfev', 'X:31:851 rt rb n15_15', 'rt,rb,[n15_15]', ({ rt }) => e.set(rt!, e.i64(0)), {
    help: 'segment translation to register',
    ...SUPERVISOR,
  }),
]

const messages = [
  ...insn('msgsnd', 'X:31:206 rb', 'rb', () => e.call('msgsnd'), {
    help: 'send a message to a thread',
    privilege: 'hypervisor',
  }),
  ...insn('msgclr', 'X:31:238 rb', 'rb', () => nothing, { help: 'clear a message', privilege: 'hypervisor' }),
  ...insn('msgsync', 'X:31:886', '', () => nothing, { help: 'order messages', privilege: 'hypervisor' }),
]

export const system: readonly Insn[] = [...specialRegisters, ...machineState, ...cache, ...translation, ...messages]
