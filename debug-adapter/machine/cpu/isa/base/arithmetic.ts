/** Fixed-point arithmetic (Power ISA 3.0C I 3.3.9). */
import * as e from '../expr.ts'
import { condition, type Flags, family, type Insn, inMode, insn, result } from '../insn.ts'

type E = e.Expr

/** Bit 63 and bit 31 of `bits` as the pair (OV, OV32) or (CA, CA32); in 32-bit mode both are of the low word. */
function bothWidths(bits: E): { wide: E; word: E } {
  const word = e.and(e.low(e.shrU(bits, 31)), 1)
  return { wide: e.select(e.mode64, e.low(e.shrU(bits, 63)), word), word }
}

/** a + b + carryIn with its carry and overflow. */
function sum(a: E, b: E, carryIn?: E): { value: E; carry: e.Effect[]; overflow: { ov: E; ov32: E } } {
  const value = carryIn ? e.add(e.add(a, b), carryIn) : e.add(a, b)
  const carries = bothWidths(e.or(e.and(a, b), e.and(e.or(a, b), e.not(value))))
  const overflows = bothWidths(e.and(e.xor(a, value), e.xor(b, value)))
  return {
    value,
    carry: [e.setState('ca', carries.wide), e.setState('ca32', carries.word)],
    overflow: { ov: overflows.wide, ov32: overflows.word },
  }
}

const carryIn = e.wide(e.state('ca'))
const ONES = e.i64(-1)
const ZERO = e.i64(0)
const ONE = e.i64(1)

/** name, extended opcode, first and second addend, carry in, whether CA is set, whether there is an RB. */
type Sum = readonly [string, number, (o: Record<string, E>) => readonly [E, E, E?], boolean, boolean]
const SUMS: readonly Sum[] = [
  ['add', 266, ({ ra, rb }) => [ra!, rb!], false, true],
  ['subf', 40, ({ ra, rb }) => [e.not(ra!), rb!, ONE], false, true],
  ['neg', 104, ({ ra }) => [e.not(ra!), ZERO, ONE], false, false],
  ['addc', 10, ({ ra, rb }) => [ra!, rb!], true, true],
  ['subfc', 8, ({ ra, rb }) => [e.not(ra!), rb!, ONE], true, true],
  ['adde', 138, ({ ra, rb }) => [ra!, rb!, carryIn], true, true],
  ['subfe', 136, ({ ra, rb }) => [e.not(ra!), rb!, carryIn], true, true],
  ['addme', 234, ({ ra }) => [ra!, ONES, carryIn], true, false],
  ['subfme', 232, ({ ra }) => [e.not(ra!), ONES, carryIn], true, false],
  ['addze', 202, ({ ra }) => [ra!, ZERO, carryIn], true, false],
  ['subfze', 200, ({ ra }) => [e.not(ra!), ZERO, carryIn], true, false],
]

const sums = family(SUMS, ([name, xo, addends, setsCarry, hasRb]) =>
  insn(
    name,
    `XO:31:${xo} rt ra ${hasRb ? 'rb ' : ''}oe rc`,
    hasRb ? 'rt,ra,rb' : 'rt,ra',
    (o, flags) => {
      const { value, carry, overflow } = sum(...addends(o))
      const effects = result(o.rt!, value, flags, overflow)
      return setsCarry ? [...effects, ...carry] : effects
    },
    { help: `${name}: fixed-point sum or difference${setsCarry ? ', sets CA' : ''}` },
  ),
)

const immediates = [
  ...insn('addi', 'D:14 rt ra si', 'rt,ra0,si', ({ rt, ra0, si }) => e.set(rt!, e.add(ra0!, si!)), {
    help: 'add immediate',
  }),
  ...insn('addis', 'D:15 rt ra si', 'rt,ra0,si', ({ rt, ra0, si }) => e.set(rt!, e.add(ra0!, e.shl(si!, 16))), {
    help: 'add immediate shifted left by 16',
  }),
  ...insn('addpcis', 'DX:19:2 rt dx', 'rt,dx', ({ rt, dx }) => e.set(rt!, e.add(e.add(e.cia, 4), e.shl(dx!, 16))), {
    help: 'add shifted immediate to the address of the next instruction',
  }),
  ...family([12, 13] as const, (opcode) =>
    insn(
      opcode === 13 ? 'addic.' : 'addic',
      `D:${opcode} rt ra si`,
      'rt,ra,si',
      ({ rt, ra, si }, flags) => {
        const { value, carry } = sum(ra!, si!)
        return [...result(rt!, value, { ...flags, rc: opcode === 13 }), ...carry]
      },
      { help: 'add immediate, sets CA' },
    ),
  ),
  ...insn(
    'subfic',
    'D:8 rt ra si',
    'rt,ra,si',
    ({ rt, ra, si }) => {
      const { value, carry } = sum(e.not(ra!), si!, ONE)
      return [e.set(rt!, value), ...carry]
    },
    { help: 'immediate minus register, sets CA' },
  ),
  ...insn(
    'addex',
    'Z23:31:170 rt ra rb cy',
    'rt,ra,rb,cy',
    ({ rt, ra, rb }) => {
      // CY=0 is the only value with a meaning: the carry lives in OV.
      const value = e.add(e.add(ra!, rb!), e.wide(e.state('ov')))
      const carries = bothWidths(e.or(e.and(ra!, rb!), e.and(e.or(ra!, rb!), e.not(value))))
      return [e.set(rt!, value), e.setState('ov', carries.wide), e.setState('ov32', carries.word)]
    },
    { help: 'add with the carry in OV' },
  ),
]

/** High 64 bits of the unsigned 128-bit product, by 32-bit halves: WebAssembly has no such operator. */
function mulHighU(a: E, b: E): E {
  const [al, ah, bl, bh] = [e.zext32(a), e.shrU(a, 32), e.zext32(b), e.shrU(b, 32)]
  const lowest = e.mul(al, bl)
  const middle = e.add(e.mul(ah, bl), e.shrU(lowest, 32))
  const middle2 = e.add(e.mul(al, bh), e.zext32(middle))
  return e.add(e.add(e.mul(ah, bh), e.shrU(middle, 32)), e.shrU(middle2, 32))
}
const mulHighS = (a: E, b: E): E => e.sub(e.sub(mulHighU(a, b), e.and(e.shrS(a, 63), b)), e.and(e.shrS(b, 63), a))

/** High word of a 64-bit product of words. The upper half of the register is undefined: zeros here. */
const highWord = (product: E): E => e.shrU(product, 32)

const products = [
  ...insn('mulli', 'D:7 rt ra si', 'rt,ra,si', ({ rt, ra, si }) => e.set(rt!, e.mul(ra!, si!)), {
    help: 'multiply by immediate',
  }),
  ...insn(
    'mullw',
    'XO:31:235 rt ra rb oe rc',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => {
      const value = e.mul(e.ext32(ra!), e.ext32(rb!))
      const ov = e.ne(value, e.ext32(value))
      return result(rt!, value, flags, { ov, ov32: ov })
    },
    { help: 'product of the low words' },
  ),
  ...insn(
    'mulld',
    'XO:31:233 rt ra rb oe rc',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => {
      const value = e.mul(ra!, rb!)
      const ov = e.ne(mulHighS(ra!, rb!), e.shrS(value, 63))
      return result(rt!, value, flags, { ov, ov32: ov })
    },
    { help: 'low 64 bits of the product' },
  ),
  // In 32-bit mode CR0 of a high word is undefined; in 64-bit mode it compares all 64 bits.
  ...insn(
    'mulhw',
    'XO:31:75 rt ra rb rc 21=0',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => result(rt!, highWord(e.mul(e.ext32(ra!), e.ext32(rb!))), flags),
    { help: 'high word of the signed product of words' },
  ),
  ...insn(
    'mulhwu',
    'XO:31:11 rt ra rb rc 21=0',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => result(rt!, highWord(e.mul(e.zext32(ra!), e.zext32(rb!))), flags),
    { help: 'high word of the unsigned product of words' },
  ),
  ...insn(
    'mulhd',
    'XO:31:73 rt ra rb rc 21=0',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => result(rt!, mulHighS(ra!, rb!), flags),
    {
      help: 'high 64 bits of the signed product',
    },
  ),
  ...insn(
    'mulhdu',
    'XO:31:9 rt ra rb rc 21=0',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => result(rt!, mulHighU(ra!, rb!), flags),
    {
      help: 'high 64 bits of the unsigned product',
    },
  ),
  ...family(
    [
      ['maddhd', 48, mulHighS],
      ['maddhdu', 49, mulHighU],
    ] as const,
    ([name, xo, high]) =>
      insn(
        name,
        `VA:4:${xo} rt ra rb rcr`,
        'rt,ra,rb,rcr',
        ({ rt, ra, rb, rcr }) => {
          const low = e.mul(ra!, rb!)
          const carry = e.wide(e.ltU(e.add(low, rcr!), rcr!))
          const addend = name === 'maddhd' ? e.shrS(rcr!, 63) : ZERO
          return e.set(rt!, e.add(e.add(high(ra!, rb!), addend), carry))
        },
        { help: 'high 64 bits of product plus addend' },
      ),
  ),
  ...insn(
    'maddld',
    'VA:4:51 rt ra rb rcr',
    'rt,ra,rb,rcr',
    ({ rt, ra, rb, rcr }) => e.set(rt!, e.add(e.mul(ra!, rb!), rcr!)),
    {
      help: 'low 64 bits of product plus addend',
    },
  ),
]

const MIN64 = -(1n << 63n)
const MIN32 = -(1n << 31n)
type Division = { readonly a: E; readonly b: E; readonly bad: E }
const ofWords = (ra: E, rb: E, signed: boolean): Division => {
  const [a, b] = signed ? [e.ext32(ra), e.ext32(rb)] : [e.zext32(ra), e.zext32(rb)]
  return { a, b, bad: signed ? e.or(e.eq(b, 0), e.and(e.eq(a, MIN32), e.eq(b, -1))) : e.eq(b, 0) }
}
const ofDoublewords = (a: E, b: E, signed: boolean): Division => ({
  a,
  b,
  bad: signed ? e.or(e.eq(b, 0), e.and(e.eq(a, MIN64), e.eq(b, -1))) : e.eq(b, 0),
})
/** Quotient or remainder. By zero or on overflow it is undefined: here that of a division by 1. */
const divided = (op: (a: E, b: E) => E, { a, b, bad }: Division): E => op(a, e.select(bad, ONE, b))

type Divide = readonly [string, number, (a: E, b: E) => E, typeof ofWords, boolean]
const DIVIDES: readonly Divide[] = [
  ['divw', 491, e.divS, ofWords, true],
  ['divwu', 459, e.divU, ofWords, false],
  ['divd', 489, e.divS, ofDoublewords, true],
  ['divdu', 457, e.divU, ofDoublewords, false],
]
const REMAINDERS: readonly Divide[] = [
  ['modsw', 779, e.remS, ofWords, true],
  ['moduw', 267, e.remU, ofWords, false],
  ['modsd', 777, e.remS, ofDoublewords, true],
  ['modud', 265, e.remU, ofDoublewords, false],
]

function extendedWordQuotient(ra: E, rb: E, signed: boolean): { value: E; ov: E } {
  const dividend = e.shl(ra, 32)
  const b = signed ? e.ext32(rb) : e.zext32(rb)
  const bad = signed ? e.or(e.eq(b, 0), e.and(e.eq(dividend, MIN64), e.eq(b, -1))) : e.eq(b, 0)
  const quotient = divided(signed ? e.divS : e.divU, { a: dividend, b, bad })
  const fits = signed ? e.eq(quotient, e.ext32(quotient)) : e.eq(quotient, e.zext32(quotient))
  const ov = e.or(bad, e.eqz(fits))
  return { value: e.select(ov, e.i64(0), quotient), ov }
}

const quotients = [
  ...family(DIVIDES, ([name, xo, op, operands, signed]) =>
    insn(
      name,
      `XO:31:${xo} rt ra rb oe rc`,
      'rt,ra,rb',
      ({ rt, ra, rb }, flags) => {
        const division = operands(ra!, rb!, signed)
        const quotient = divided(op, division)
        const value = operands === ofWords ? e.zext32(quotient) : quotient
        return result(rt!, value, flags, { ov: division.bad, ov32: division.bad })
      },
      { help: 'quotient' },
    ),
  ),
  ...family(REMAINDERS, ([name, xo, op, operands, signed]) =>
    insn(
      name,
      `X:31:${xo} rt ra rb`,
      'rt,ra,rb',
      ({ rt, ra, rb }) => {
        return e.set(rt!, divided(op, operands(ra!, rb!, signed)))
      },
      { help: 'remainder' },
    ),
  ),
  ...family(
    [
      ['divwe', 427, true],
      ['divweu', 395, false],
    ] as const,
    ([name, xo, signed]) =>
      insn(
        name,
        `XO:31:${xo} rt ra rb oe rc`,
        'rt,ra,rb',
        ({ rt, ra, rb }, flags) => {
          const { value, ov } = extendedWordQuotient(ra!, rb!, signed)
          return result(rt!, value, flags, { ov, ov32: ov })
        },
        { help: 'quotient of a word with 32 zeros behind it' },
      ),
  ),
  ...insn(
    'divdeu',
    'XO:31:393 rt ra rb oe rc',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags) => {
      const ov = e.leU(rb!, ra!)
      return result(rt!, e.pure('divdeu', ra!, rb!), flags, { ov, ov32: ov })
    },
    { help: 'unsigned quotient of a doubleword with 64 zeros behind it' },
  ),
  ...insn(
    'divde',
    'XO:31:425 rt ra rb oe rc',
    'rt,ra,rb',
    ({ rt, ra, rb }, flags: Flags) => {
      const ov = e.low(e.pure('divdeOverflow', ra!, rb!))
      return result(rt!, e.pure('divde', ra!, rb!), flags, { ov, ov32: ov })
    },
    { help: 'signed quotient of a doubleword with 64 zeros behind it' },
  ),
]

const compares = [
  ...family(
    [
      ['cmpw', 0, e.ext32],
      ['cmpd', 1, (x: E) => x],
    ] as const,
    ([name, l, operand]) => [
      ...insn(
        name,
        `X:31:0 bf l=${l} ra rb`,
        '[bf],ra,rb',
        ({ bf, ra, rb }) => {
          const [a, b] = [operand(ra!), operand(rb!)]
          return e.setCr(bf!, condition(e.ltS(a, b), e.gtS(a, b)))
        },
        { help: 'compare signed' },
      ),
      ...insn(
        `${name}i`,
        `D:11 bf l=${l} ra si`,
        '[bf],ra,si',
        ({ bf, ra, si }) => {
          const a = operand(ra!)
          return e.setCr(bf!, condition(e.ltS(a, si!), e.gtS(a, si!)))
        },
        { help: 'compare signed with immediate' },
      ),
    ],
  ),
  ...family(
    [
      ['cmplw', 0, e.zext32],
      ['cmpld', 1, (x: E) => x],
    ] as const,
    ([name, l, operand]) => [
      ...insn(
        name,
        `X:31:32 bf l=${l} ra rb`,
        '[bf],ra,rb',
        ({ bf, ra, rb }) => {
          const [a, b] = [operand(ra!), operand(rb!)]
          return e.setCr(bf!, condition(e.ltU(a, b), e.gtU(a, b)))
        },
        { help: 'compare unsigned' },
      ),
      ...insn(
        `${name}i`,
        `D:10 bf l=${l} ra ui`,
        '[bf],ra,ui',
        ({ bf, ra, ui }) => {
          const a = operand(ra!)
          return e.setCr(bf!, condition(e.ltU(a, ui!), e.gtU(a, ui!)))
        },
        { help: 'compare unsigned with immediate' },
      ),
    ],
  ),
  ...insn(
    'cmprb',
    'X:31:192 bf l ra rb',
    'bf,l,ra,rb',
    ({ bf, l, ra, rb }) => {
      const byte = (from: number): E => e.and(e.shrU(rb!, from), 0xff)
      const value = e.and(ra!, 0xff)
      const inRange = (from: number): E => e.and(e.geU(value, byte(from)), e.leU(value, byte(from + 8)))
      const found = e.or(inRange(0), e.and(inRange(16), e.ne(l!, 0)))
      return e.setCr(bf!, e.shl(found, 2))
    },
    { help: 'whether a byte lies in one of two ranges' },
  ),
  ...insn(
    'cmpeqb',
    'X:31:224 bf ra rb',
    'bf,ra,rb',
    ({ bf, ra, rb }) => {
      const different = e.xor(e.mul(e.and(ra!, 0xff), 0x0101_0101_0101_0101n), rb!)
      return e.setCr(bf!, e.shl(e.ne(zeroBytes(different), 0), 2))
    },
    { help: 'whether a byte equals any of eight' },
  ),
  ...insn(
    'cmpb',
    'X:31:508 rs ra rb',
    'ra,rs,rb',
    ({ ra, rs, rb }) => e.set(ra!, e.mul(e.shrU(zeroBytes(e.xor(rs!, rb!)), 7), 0xff)),
    { help: '0xFF in each byte that is equal' },
  ),
  ...insn(
    'setb',
    'X:31:128 rt bfa',
    'rt,bfa',
    ({ rt, bfa }) => {
      const field = e.cr(bfa!)
      return e.set(rt!, e.select(e.ne(e.and(field, 8), 0), e.i64(-1), e.wide(e.and(e.shrU(field, 2), 1))))
    },
    { help: '-1, 1 or 0 for less, greater or neither' },
  ),
  ...insn(
    'isel',
    'A:31:15 rt ra rb bc',
    'rt,ra0,rb,bc',
    ({ rt, ra0, rb, bc }) => e.set(rt!, e.select(e.crBit(bc!), ra0!, rb!)),
    {
      help: 'RA or RB by a condition register bit',
    },
  ),
]

/** 0x80 in each byte of `x` that is zero, exactly. */
function zeroBytes(x: E): E {
  const LOW7 = 0x7f7f_7f7f_7f7f_7f7fn
  return e.not(e.or(e.add(e.and(x, LOW7), LOW7), x, LOW7))
}

export const arithmetic: readonly Insn[] = [...sums, ...immediates, ...products, ...quotients, ...compares]
export { inMode }
