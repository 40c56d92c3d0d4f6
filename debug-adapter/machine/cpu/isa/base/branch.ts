/** Branches, condition register, traps and system calls (Power ISA 3.0C I 2.4, 2.5, 3.3.11). */
import * as e from '../expr.ts'
import { family, type Insn, inMode, insn } from '../insn.ts'

const next = e.add(e.cia, 4)
const link = (lk: boolean): e.Effect[] => (lk ? [e.setState('lr', next)] : [])

/**
 * What a BO pattern asks for, most specific spelling first: each gets a record of its own, so nothing about BO is tested when
 * the instruction runs. `a`, `t` and `z` bits are hints or ignored.
 */
const CONDITIONS = [
  { bo: '1.1..', counter: undefined, wanted: undefined },
  { bo: '1.00.', counter: 'ne', wanted: undefined },
  { bo: '1.01.', counter: 'eq', wanted: undefined },
  { bo: '001..', counter: undefined, wanted: false },
  { bo: '011..', counter: undefined, wanted: true },
  { bo: '0000.', counter: 'ne', wanted: false },
  { bo: '0001.', counter: 'eq', wanted: false },
  { bo: '0100.', counter: 'ne', wanted: true },
  { bo: '0101.', counter: 'eq', wanted: true },
] as const
type Condition = (typeof CONDITIONS)[number]

function conditional(condition: Condition, bi: e.Expr, target: e.Expr, lk: boolean): e.Effect[] {
  const effects: e.Effect[] = []
  let taken: e.Expr | undefined
  if (condition.counter) {
    const count = e.sub(e.state('ctr'), 1)
    effects.push(e.setState('ctr', count))
    taken = (condition.counter === 'ne' ? e.ne : e.eq)(inMode(count), 0)
  }
  if (condition.wanted !== undefined) {
    const bit = condition.wanted ? e.crBit(bi) : e.eqz(e.crBit(bi))
    taken = taken ? e.and(taken, bit) : bit
  }
  return [...effects, ...link(lk), e.branch(target, taken)]
}

const branches = [
  ...insn('b', 'I:18 li aa lk', 'li', ({ li }, { aa, lk }) => [...link(lk), e.branch(aa ? li! : e.add(e.cia, li!))], {
    help: 'branch',
  }),
  ...family(CONDITIONS, (condition) => [
    ...insn(
      'bc',
      `B:16 bo=${condition.bo} bi bd aa lk`,
      'bo,bi,bd',
      ({ bi, bd }, { aa, lk }) => conditional(condition, bi!, aa ? bd! : e.add(e.cia, bd!), lk),
      { help: 'branch on condition and counter' },
    ),
    ...insn(
      'bclr',
      `XL:19:16 bo=${condition.bo} bi bh lk`,
      'bo,bi,[bh]',
      ({ bi }, { lk }) => conditional(condition, bi!, e.state('lr'), lk),
      { help: 'branch to LR on condition' },
    ),
    ...(condition.counter
      ? []
      : insn(
          'bcctr',
          `XL:19:528 bo=${condition.bo} bi bh lk`,
          'bo,bi,[bh]',
          ({ bi }, { lk }) => conditional(condition, bi!, e.state('ctr'), lk),
          { help: 'branch to CTR on condition' },
        )),
    ...(condition.counter
      ? []
      : insn('bctar', `XL:19:560 bo=${condition.bo} bi bh lk`, 'bo,bi,[bh]', () => e.call('bctar'), {
          help: 'branch to TAR on condition',
        })),
  ]),
]

/** What would count down and branch by the same register: POWER9 empties its count cache, which nothing here has, and goes on. */
const flushCountCache = insn('bcctr', 'XL:19:528 bo=00010 bi=0 bh=0 lk=0', 'bo,bi,[bh]', () => [], {
  help: 'flush the cache of branch targets',
})

const CR_OPS: readonly (readonly [string, number, (a: e.Expr, b: e.Expr) => e.Expr])[] = [
  ['crand', 257, (a, b) => e.and(a, b)],
  ['cror', 449, (a, b) => e.or(a, b)],
  ['crxor', 193, (a, b) => e.xor(a, b)],
  ['crnand', 225, (a, b) => e.eqz(e.and(a, b))],
  ['crnor', 33, (a, b) => e.eqz(e.or(a, b))],
  ['creqv', 289, (a, b) => e.eqz(e.xor(a, b))],
  ['crandc', 129, (a, b) => e.and(a, e.eqz(b))],
  ['crorc', 417, (a, b) => e.or(a, e.eqz(b))],
]

const conditionRegister = [
  ...family(CR_OPS, ([name, xo, op]) =>
    insn(
      name,
      `XL:19:${xo} bt ba bb`,
      'bt,ba,bb',
      ({ bt, ba, bb }) => {
        const number = e.shrU(bt!, 2)
        const keep = e.and(e.cr(number), e.not(e.shl(e.i32(1), e.crShift(bt!))))
        return e.setCr(number, e.or(keep, e.shl(op(e.crBit(ba!), e.crBit(bb!)), e.crShift(bt!))))
      },
      { help: `${name} of condition register bits` },
    ),
  ),
  ...insn('mcrf', 'XL:19:0 bf bfa', 'bf,bfa', ({ bf, bfa }) => e.setCr(bf!, e.cr(bfa!)), {
    help: 'copy a condition register field',
  }),
  ...insn(
    'mcrxrx',
    'X:31:576 bf',
    'bf',
    ({ bf }) =>
      e.setCr(bf!, e.or(e.shl(e.state('ov'), 3), e.shl(e.state('ov32'), 2), e.shl(e.state('ca'), 1), e.state('ca32'))),
    {
      help: 'OV, OV32, CA, CA32 into a condition register field',
    },
  ),
  ...insn(
    'mfcr',
    'XFX:31:19 rt 11=0',
    'rt',
    ({ rt }) => {
      const field = (i: number): e.Expr => e.shl(e.cr(e.i64(i)), 28 - 4 * i)
      const fields = Array.from({ length: 8 }, (_, i) => field(i))
      return e.set(rt!, e.wide(e.or(fields[0]!, ...fields.slice(1))))
    },
    { help: 'condition register to register' },
  ),
  ...insn(
    'mfocrf',
    'XFX:31:19 rt 11=1 fxm',
    'rt,fxm',
    ({ rt, fxm }) => {
      // Fields that are not named are undefined; POWER9 gives 0.
      const field = (i: number): e.Expr =>
        e.select(e.ne(e.and(fxm!, 0x80 >> i), 0), e.shl(e.cr(e.i64(i)), 28 - 4 * i), e.i32(0))
      const fields = Array.from({ length: 8 }, (_, i) => field(i))
      return e.set(rt!, e.wide(e.or(fields[0]!, ...fields.slice(1))))
    },
    { help: 'one condition register field to register' },
  ),
  ...family(
    [
      ['mtcrf', 0],
      ['mtocrf', 1],
    ] as const,
    ([name, one]) =>
      insn(
        name,
        `XFX:31:144 rs 11=${one} fxm`,
        'fxm,rs',
        ({ rs, fxm }) =>
          Array.from({ length: 8 }, (_, i) =>
            e.setCr(
              e.i64(i),
              e.select(e.ne(e.and(fxm!, 0x80 >> i), 0), e.and(e.low(e.shrU(rs!, 28 - 4 * i)), 15), e.cr(e.i64(i))),
            ),
          ),
        { help: 'register to condition register fields' },
      ),
  ),
]

/** The five conditions of TO against a pair of values. */
function trapCondition(to: e.Expr, a: e.Expr, b: e.Expr): e.Expr {
  const asked = (mask: number, holds: e.Expr): e.Expr => e.and(e.ne(e.and(to, mask), 0), holds)
  return e.or(
    asked(16, e.ltS(a, b)),
    asked(8, e.gtS(a, b)),
    asked(4, e.eq(a, b)),
    asked(2, e.ltU(a, b)),
    asked(1, e.gtU(a, b)),
  )
}

const traps = family(
  [
    ['tw', 'twi', 4, 3, e.ext32],
    ['td', 'tdi', 68, 2, (x: e.Expr) => x],
  ] as const,
  ([name, immediate, xo, opcode, operand]) => [
    ...insn(
      name,
      `X:31:${xo} to ra rb`,
      'to,ra,rb',
      ({ to, ra, rb }) => e.raise('trap', trapCondition(to!, operand(ra!), operand(rb!)), e.i64(0)),
      { help: 'trap where the comparison holds' },
    ),
    ...insn(
      immediate,
      `D:${opcode} to ra si`,
      'to,ra,si',
      ({ to, ra, si }) => e.raise('trap', trapCondition(to!, operand(ra!), si!), e.i64(0)),
      { help: 'trap where the comparison with an immediate holds' },
    ),
  ],
)

const calls = [
  ...insn('sc', 'SC:17 lev 30=1', '[lev]', () => e.call('sc'), {
    help: 'system call: level 0 to the kernel, 1 to the hypervisor, 2 to the ultravisor',
  }),
  ...insn('scv', 'SC:17 lev 30=0 31=1', 'lev', () => e.call('scv'), { help: 'system call vectored' }),
]

export const branching: readonly Insn[] = [...branches, ...flushCountCache, ...conditionRegister, ...traps, ...calls]
