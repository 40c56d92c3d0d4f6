/** Fixed-point logical, rotate and shift instructions (Power ISA 3.0C I 3.3.13, 3.3.14). */
import * as e from '../expr.ts'
import { family, type Insn, insn, result } from '../insn.ts'

type E = e.Expr

const LOGICAL: readonly (readonly [string, number, (s: E, b: E) => E])[] = [
  ['and', 28, (s, b) => e.and(s, b)],
  ['or', 444, (s, b) => e.or(s, b)],
  ['xor', 316, (s, b) => e.xor(s, b)],
  ['nand', 476, (s, b) => e.not(e.and(s, b))],
  ['nor', 124, (s, b) => e.not(e.or(s, b))],
  ['eqv', 284, (s, b) => e.not(e.xor(s, b))],
  ['andc', 60, (s, b) => e.and(s, e.not(b))],
  ['orc', 412, (s, b) => e.or(s, e.not(b))],
]

const IMMEDIATE: readonly (readonly [string, number, (s: E, ui: E) => E, boolean])[] = [
  ['ori', 24, (s, ui) => e.or(s, ui), false],
  ['oris', 25, (s, ui) => e.or(s, e.shl(ui, 16)), false],
  ['xori', 26, (s, ui) => e.xor(s, ui), false],
  ['xoris', 27, (s, ui) => e.xor(s, e.shl(ui, 16)), false],
  ['andi.', 28, (s, ui) => e.and(s, ui), true],
  ['andis.', 29, (s, ui) => e.and(s, e.shl(ui, 16)), true],
]

const M1 = 0x5555_5555_5555_5555n
const M2 = 0x3333_3333_3333_3333n
const M4 = 0x0f0f_0f0f_0f0f_0f0fn
/** The population count of every byte. */
function byteCounts(x: E): E {
  const pairs = e.sub(x, e.and(e.shrU(x, 1), M1))
  const nibbles = e.add(e.and(pairs, M2), e.and(e.shrU(pairs, 2), M2))
  return e.and(e.add(nibbles, e.shrU(nibbles, 4)), M4)
}
const inBothWords = (f: (word: E) => E, x: E): E => e.or(e.shl(f(e.shrU(x, 32)), 32), f(e.zext32(x)))
/** Parity of the least significant bit of each of the bytes in `x`. */
const lowBitParity = (x: E): E => e.and(e.popcnt(e.and(x, 0x0101_0101_0101_0101n)), 1)

const UNARY: readonly (readonly [string, number, (s: E) => E, string])[] = [
  ['extsb', 954, e.ext8, 'sign-extend a byte'],
  ['extsh', 922, e.ext16, 'sign-extend a halfword'],
  ['extsw', 986, e.ext32, 'sign-extend a word'],
  ['cntlzw', 26, (s) => e.sub(e.clz(e.zext32(s)), 32), 'count leading zeros of the low word'],
  ['cntlzd', 58, e.clz, 'count leading zeros'],
  ['cnttzw', 538, (s) => e.ctz(e.or(s, 1n << 32n)), 'count trailing zeros of the low word'],
  ['cnttzd', 570, e.ctz, 'count trailing zeros'],
]
const COUNTS: readonly (readonly [string, number, (s: E) => E, string])[] = [
  ['popcntb', 122, byteCounts, 'population count of each byte'],
  ['popcntw', 378, (s) => inBothWords(e.popcnt, s), 'population count of each word'],
  ['popcntd', 506, e.popcnt, 'population count'],
  ['prtyw', 154, (s) => inBothWords(lowBitParity, s), 'parity of the low bits of the bytes of each word'],
  ['prtyd', 186, lowBitParity, 'parity of the low bits of all bytes'],
]

/** Ones from bit `mb` to bit `me` (IBM numbering of 64), wrapping around where mb > me. */
function mask(mb: E, me: E): E {
  const from = e.shrU(e.i64(-1), mb)
  const to = e.shl(e.i64(-1), e.sub(63, me))
  return e.select(e.leU(mb, me), e.and(from, to), e.or(from, to))
}
const wordMask = (mb: E, me: E): E => mask(e.add(mb, 32), e.add(me, 32))
/** The low word rotated left, in both words. */
function rotl32(s: E, n: E): E {
  const word = e.zext32(s)
  return e.rotl(e.or(word, e.shl(word, 32)), n)
}
const low5 = (x: E): E => e.and(x, 31)
const low6 = (x: E): E => e.and(x, 63)

const rotates = [
  ...insn(
    'rlwinm',
    'M:21 rs ra sh mb me rc',
    'ra,rs,sh,mb,me',
    ({ ra, rs, sh, mb, me }, flags) => result(ra!, e.and(rotl32(rs!, sh!), wordMask(mb!, me!)), flags),
    { help: 'rotate word left, and with mask' },
  ),
  ...insn(
    'rlwnm',
    'M:23 rs ra rb mb me rc',
    'ra,rs,rb,mb,me',
    ({ ra, rs, rb, mb, me }, flags) => result(ra!, e.and(rotl32(rs!, low5(rb!)), wordMask(mb!, me!)), flags),
    { help: 'rotate word left by register, and with mask' },
  ),
  ...insn(
    'rlwimi',
    'M:20 rs ra sh mb me rc',
    'ra,rs,sh,mb,me',
    ({ ra, rs, sh, mb, me }, flags) => {
      const m = wordMask(mb!, me!)
      return result(ra!, e.or(e.and(rotl32(rs!, sh!), m), e.and(ra!, e.not(m))), flags)
    },
    { help: 'rotate word left, insert under mask' },
  ),
  ...insn(
    'rldicl',
    'MD:30:0 rs ra sh6 mb6 rc',
    'ra,rs,sh6,mb6',
    ({ ra, rs, sh6, mb6 }, flags) => result(ra!, e.and(e.rotl(rs!, sh6!), e.shrU(e.i64(-1), mb6!)), flags),
    { help: 'rotate left, clear left' },
  ),
  ...insn(
    'rldicr',
    'MD:30:1 rs ra sh6 me6 rc',
    'ra,rs,sh6,me6',
    ({ ra, rs, sh6, me6 }, flags) => result(ra!, e.and(e.rotl(rs!, sh6!), e.shl(e.i64(-1), e.sub(63, me6!))), flags),
    { help: 'rotate left, clear right' },
  ),
  ...insn(
    'rldic',
    'MD:30:2 rs ra sh6 mb6 rc',
    'ra,rs,sh6,mb6',
    ({ ra, rs, sh6, mb6 }, flags) => result(ra!, e.and(e.rotl(rs!, sh6!), mask(mb6!, e.sub(63, sh6!))), flags),
    { help: 'rotate left, clear both sides' },
  ),
  ...insn(
    'rldimi',
    'MD:30:3 rs ra sh6 mb6 rc',
    'ra,rs,sh6,mb6',
    ({ ra, rs, sh6, mb6 }, flags) => {
      const m = mask(mb6!, e.sub(63, sh6!))
      return result(ra!, e.or(e.and(e.rotl(rs!, sh6!), m), e.and(ra!, e.not(m))), flags)
    },
    { help: 'rotate left, insert under mask' },
  ),
  ...insn(
    'rldcl',
    'MDS:30:8 rs ra rb mb6 rc',
    'ra,rs,rb,mb6',
    ({ ra, rs, rb, mb6 }, flags) => result(ra!, e.and(e.rotl(rs!, low6(rb!)), e.shrU(e.i64(-1), mb6!)), flags),
    { help: 'rotate left by register, clear left' },
  ),
  ...insn(
    'rldcr',
    'MDS:30:9 rs ra rb me6 rc',
    'ra,rs,rb,me6',
    ({ ra, rs, rb, me6 }, flags) =>
      result(ra!, e.and(e.rotl(rs!, low6(rb!)), e.shl(e.i64(-1), e.sub(63, me6!))), flags),
    { help: 'rotate left by register, clear right' },
  ),
]

/** Arithmetic shift right with CA: set where a one is shifted out of a negative number (CA32 follows CA). */
function shiftRight(value: E, count: E): { value: E; carry: e.Effect[] } {
  // 64 and more behave as 63 does, with every bit shifted out: all of the value is lost.
  const beyond = e.gtU(count, 63)
  const shifted = e.shrS(value, e.select(beyond, e.i64(63), count))
  const lost = e.select(beyond, value, e.and(value, e.not(e.shl(e.i64(-1), count))))
  const ca = e.and(e.ltS(value, 0), e.ne(lost, 0))
  return { value: shifted, carry: [e.setState('ca', ca), e.setState('ca32', ca)] }
}

const shifts = [
  ...insn(
    'slw',
    'X:31:24 rs ra rb rc',
    'ra,rs,rb',
    ({ ra, rs, rb }, flags) =>
      result(ra!, e.select(e.ne(e.and(rb!, 32), 0), e.i64(0), e.zext32(e.shl(rs!, low5(rb!)))), flags),
    { help: 'shift word left' },
  ),
  ...insn(
    'srw',
    'X:31:536 rs ra rb rc',
    'ra,rs,rb',
    ({ ra, rs, rb }, flags) => result(ra!, e.shrU(e.zext32(rs!), low6(rb!)), flags),
    { help: 'shift word right' },
  ),
  ...insn(
    'sld',
    'X:31:27 rs ra rb rc',
    'ra,rs,rb',
    ({ ra, rs, rb }, flags) => result(ra!, e.select(e.ne(e.and(rb!, 64), 0), e.i64(0), e.shl(rs!, low6(rb!))), flags),
    { help: 'shift left' },
  ),
  ...insn(
    'srd',
    'X:31:539 rs ra rb rc',
    'ra,rs,rb',
    ({ ra, rs, rb }, flags) => result(ra!, e.select(e.ne(e.and(rb!, 64), 0), e.i64(0), e.shrU(rs!, low6(rb!))), flags),
    { help: 'shift right' },
  ),
  ...insn(
    'sraw',
    'X:31:792 rs ra rb rc',
    'ra,rs,rb',
    ({ ra, rs, rb }, flags) => {
      const shift = shiftRight(e.ext32(rs!), low6(rb!))
      return [...result(ra!, shift.value, flags), ...shift.carry]
    },
    { help: 'shift word right algebraically, sets CA' },
  ),
  ...insn(
    'srawi',
    'X:31:824 rs ra sh rc',
    'ra,rs,sh',
    ({ ra, rs, sh }, flags) => {
      const shift = shiftRight(e.ext32(rs!), sh!)
      return [...result(ra!, shift.value, flags), ...shift.carry]
    },
    { help: 'shift word right algebraically by immediate, sets CA' },
  ),
  ...insn(
    'srad',
    'X:31:794 rs ra rb rc',
    'ra,rs,rb',
    ({ ra, rs, rb }, flags) => {
      const shift = shiftRight(rs!, e.and(rb!, 127))
      return [...result(ra!, shift.value, flags), ...shift.carry]
    },
    { help: 'shift right algebraically, sets CA' },
  ),
  ...insn(
    'sradi',
    'XS:31:413 rs ra sh6 rc',
    'ra,rs,sh6',
    ({ ra, rs, sh6 }, flags) => {
      const shift = shiftRight(rs!, sh6!)
      return [...result(ra!, shift.value, flags), ...shift.carry]
    },
    { help: 'shift right algebraically by immediate, sets CA' },
  ),
  ...insn(
    'extswsli',
    'XS:31:445 rs ra sh6 rc',
    'ra,rs,sh6',
    ({ ra, rs, sh6 }, flags) => result(ra!, e.shl(e.ext32(rs!), sh6!), flags),
    { help: 'sign-extend word, shift left' },
  ),
]

const permute = insn(
  'bpermd',
  'X:31:252 rs ra rb',
  'ra,rs,rb',
  ({ ra, rs, rb }) => {
    const bit = (i: number): E => {
      const index = e.and(e.shrU(rs!, 8 * i), 0xff)
      return e.shl(e.select(e.ltU(index, 64), e.and(e.shrU(rb!, e.sub(63, index)), 1), e.i64(0)), i)
    }
    const bits = Array.from({ length: 8 }, (_, i) => bit(i))
    return e.set(ra!, e.or(bits[0]!, ...bits.slice(1)))
  },
  { help: 'gather eight bits of RB by the indices in RS' },
)

export const logical: readonly Insn[] = [
  ...family(LOGICAL, ([name, xo, op]) =>
    insn(name, `X:31:${xo} rs ra rb rc`, 'ra,rs,rb', ({ ra, rs, rb }, flags) => result(ra!, op(rs!, rb!), flags), {
      help: `${name} of registers`,
    }),
  ),
  ...family(IMMEDIATE, ([name, opcode, op, rc]) =>
    insn(
      name,
      `D:${opcode} rs ra ui`,
      'ra,rs,ui',
      ({ ra, rs, ui }, flags) => result(ra!, op(rs!, ui!), { ...flags, rc }),
      {
        help: `${name} with immediate`,
      },
    ),
  ),
  ...family(UNARY, ([name, xo, op, help]) =>
    insn(name, `X:31:${xo} rs ra rc`, 'ra,rs', ({ ra, rs }, flags) => result(ra!, op(rs!), flags), { help }),
  ),
  ...family(COUNTS, ([name, xo, op, help]) =>
    insn(name, `X:31:${xo} rs ra`, 'ra,rs', ({ ra, rs }) => e.set(ra!, op(rs!)), { help }),
  ),
  ...rotates,
  ...shifts,
  ...permute,
]
