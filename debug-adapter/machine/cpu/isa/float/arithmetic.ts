/** Floating-point arithmetic and the status register (Power ISA 3.0C I 4.6.6 to 4.6.10). */
import * as e from '../expr.ts'
import { family, type Insn, insn } from '../insn.ts'

const FP = { facility: 'FP' as const }
/** Every record form is done by the procedure of the plain one, which looks at the mnemonic. */
const written = (name: string, pattern: string, operands: string, help: string): Insn[] =>
  insn(name, pattern, operands, () => e.call(name), { help, ...FP })

/** Opcode 63 for doubles; 59, and an `s` behind the name, for what is rounded to single. */
const PRECISIONS = [
  ['', 63, 'double'],
  ['s', 59, 'single'],
] as const

const arithmetic = family(PRECISIONS, ([suffix, primary, precision]) => {
  const a = (name: string, xo: number, fields: string, operands: string, help: string): Insn[] =>
    written(`${name}${suffix}`, `A:${primary}:${xo} ${fields} rc`, operands, `${help}, ${precision} precision`)
  const two = (name: string, xo: number, help: string): Insn[] =>
    a(name, xo, 'frt fra frb 21=0 22=0 23=0 24=0 25=0', 'frt,fra,frb', help)
  const one = (name: string, xo: number, help: string): Insn[] => a(name, xo, 'frt frb', 'frt,frb', help)
  const fused = (name: string, xo: number, help: string): Insn[] =>
    a(name, xo, 'frt fra frb frc', 'frt,fra,frc,frb', help)
  return [
    ...two('fadd', 21, 'add'),
    ...two('fsub', 20, 'subtract'),
    ...two('fdiv', 18, 'divide'),
    ...a('fmul', 25, 'frt fra frc', 'frt,fra,frc', 'multiply'),
    ...one('fsqrt', 22, 'square root'),
    ...one('fre', 24, 'estimate of the reciprocal'),
    ...one('frsqrte', 26, 'estimate of the reciprocal of the square root'),
    ...fused('fmadd', 29, 'multiply and add'),
    ...fused('fmsub', 28, 'multiply and subtract'),
    ...fused('fnmadd', 31, 'negated multiply and add'),
    ...fused('fnmsub', 30, 'negated multiply and subtract'),
  ]
})

const conversions = family(
  [
    ['frsp', 63, 12, 'round to single precision'],
    ['fctid', 63, 814, 'convert to integer doubleword'],
    ['fctidz', 63, 815, 'convert to integer doubleword towards zero'],
    ['fctidu', 63, 942, 'convert to unsigned integer doubleword'],
    ['fctiduz', 63, 943, 'convert to unsigned integer doubleword towards zero'],
    ['fctiw', 63, 14, 'convert to integer word'],
    ['fctiwz', 63, 15, 'convert to integer word towards zero'],
    ['fctiwu', 63, 142, 'convert to unsigned integer word'],
    ['fctiwuz', 63, 143, 'convert to unsigned integer word towards zero'],
    ['fcfid', 63, 846, 'convert from integer doubleword'],
    ['fcfidu', 63, 974, 'convert from unsigned integer doubleword'],
    ['fcfids', 59, 846, 'convert from integer doubleword to single'],
    ['fcfidus', 59, 974, 'convert from unsigned integer doubleword to single'],
    ['frin', 63, 392, 'round to the nearest integer'],
    ['friz', 63, 424, 'round to an integer towards zero'],
    ['frip', 63, 456, 'round to an integer upwards'],
    ['frim', 63, 488, 'round to an integer downwards'],
  ] as const,
  ([name, primary, xo, help]) => written(name, `X:${primary}:${xo} frt frb rc`, 'frt,frb', help),
)

const compares = [
  ...written('fcmpu', 'X:63:0 bf fra frb 31=0', 'bf,fra,frb', 'compare unordered'),
  ...written('fcmpo', 'X:63:32 bf fra frb 31=0', 'bf,fra,frb', 'compare ordered'),
  ...written('ftdiv', 'X:63:128 bf fra frb 31=0', 'bf,fra,frb', 'test for software divide'),
  ...written('ftsqrt', 'X:63:160 bf frb 31=0', 'bf,frb', 'test for software square root'),
]

const status = [
  ...written('mffs', 'X:63:583 frt ra=0 rc', 'frt', 'move from FPSCR'),
  ...written('mffsce', 'X:63:583 frt ra=1 31=0', 'frt', 'move from FPSCR and clear the enables'),
  ...written('mffscdrn', 'X:63:583 frt ra=20 frb 31=0', 'frt,frb', 'move from FPSCR, set the decimal rounding mode'),
  ...written(
    'mffscdrni',
    'X:63:583 frt ra=21 n18_20 31=0',
    'frt,n18_20',
    'move from FPSCR, set the decimal rounding mode',
  ),
  ...written('mffscrn', 'X:63:583 frt ra=22 frb 31=0', 'frt,frb', 'move from FPSCR, set the rounding mode'),
  ...written('mffscrni', 'X:63:583 frt ra=23 n19_20 31=0', 'frt,n19_20', 'move from FPSCR, set the rounding mode'),
  ...written('mffsl', 'X:63:583 frt ra=24 31=0', 'frt', 'move from FPSCR, lightweight'),
  ...written('mcrfs', 'X:63:64 bf bfa 31=0', 'bf,bfa', 'move a field of FPSCR to a condition register field'),
  ...written('mtfsb0', 'X:63:70 n6_10 rc', 'n6_10', 'clear a bit of FPSCR'),
  ...written('mtfsb1', 'X:63:38 n6_10 rc', 'n6_10', 'set a bit of FPSCR'),
  ...written('mtfsfi', 'X:63:134 n6_8 n15_15 n16_19 rc', 'n6_8,n16_19,[n15_15]', 'set a field of FPSCR'),
  ...written('mtfsf', 'XFX:63:711 n6_6 n7_14 n15_15 frb rc', 'n7_14,frb,[n6_6],[n15_15]', 'set fields of FPSCR'),
]

export const arithmeticAndStatus: readonly Insn[] = [...arithmetic, ...conversions, ...compares, ...status]
