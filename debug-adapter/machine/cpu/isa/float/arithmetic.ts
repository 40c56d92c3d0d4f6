/** Floating-point arithmetic and the status register (Power ISA 3.0C I 4.6.6 to 4.6.10). */
import * as e from '../expr.ts'
import { family, type Insn, insn, type Operands } from '../insn.ts'

const FP = { facility: 'FP' as const }
/** Every record form is done by the procedure of the plain one, which looks at the mnemonic. */
const written = (name: string, pattern: string, operands: string, help: string): Insn[] =>
  insn(name, pattern, operands, () => e.call(name), { help, ...FP })
/** In the common case by the helper of the scalar vector-scalar instruction, and by the procedure where it declines. */
const attempted = (
  helper: string,
  args: (o: Operands) => e.Expr[],
  ...[name, pattern, operands, help]: Parameters<typeof written>
): Insn[] =>
  insn(name, pattern, operands, (o, { rc }) => (rc ? e.call(name) : e.attempt(helper, name, ...args(o))), {
    help,
    ...FP,
  })
const places =
  (...names: string[]) =>
  (o: Operands): e.Expr[] =>
    names.map((name) => e.place(o[name]!))

/** Opcode 63 for doubles; 59, and an `s` behind the name, for what is rounded to single. */
const PRECISIONS = [
  { suffix: '', primary: 63, precision: 'double', fast: 'dp' },
  { suffix: 's', primary: 59, precision: 'single', fast: 'sp' },
] as const

const SIGN = 1n << 63n
/** A * C + B: the sign of B, and that of the result, are changed. */
const FUSED = [
  ['fmadd', 29, 'multiply and add', false, false],
  ['fmsub', 28, 'multiply and subtract', true, false],
  ['fnmadd', 31, 'negated multiply and add', false, true],
  ['fnmsub', 30, 'negated multiply and subtract', true, true],
] as const

const arithmetic = family(PRECISIONS, ({ suffix, primary, precision, fast }) => {
  type Text = readonly [name: string, pattern: string, operands: string, help: string]
  const a = (name: string, xo: number, fields: string, operands: string, help: string): Text => [
    `${name}${suffix}`,
    `A:${primary}:${xo} ${fields} rc`,
    operands,
    `${help}, ${precision} precision`,
  ]
  const two = (name: string, helper: string, xo: number, help: string): Insn[] =>
    attempted(
      `${helper}${fast}`,
      places('frt', 'fra', 'frb'),
      ...a(name, xo, 'frt fra frb 21=0 22=0 23=0 24=0 25=0', 'frt,fra,frb', help),
    )
  const estimate = (name: string, xo: number, help: string): Insn[] =>
    written(...a(name, xo, 'frt frb', 'frt,frb', help))
  return [
    ...two('fadd', 'xsadd', 21, 'add'),
    ...two('fsub', 'xssub', 20, 'subtract'),
    ...two('fdiv', 'xsdiv', 18, 'divide'),
    ...attempted(
      `xsmul${fast}`,
      places('frt', 'fra', 'frc'),
      ...a('fmul', 25, 'frt fra frc', 'frt,fra,frc', 'multiply'),
    ),
    ...attempted(`xssqrt${fast}`, places('frt', 'frb'), ...a('fsqrt', 22, 'frt frb', 'frt,frb', 'square root')),
    ...estimate('fre', 24, 'estimate of the reciprocal'),
    ...estimate('frsqrte', 26, 'estimate of the reciprocal of the square root'),
    ...family(FUSED, ([name, xo, help, subtract, negate]) =>
      attempted(
        `xsmadd${fast}`,
        (o) => [
          ...places('frt', 'fra', 'frc', 'frb')(o),
          ...[subtract, negate].map((change) => e.i64(change ? SIGN : 0n)),
        ],
        ...a(name, xo, 'frt fra frb frc', 'frt,fra,frc,frb', help),
      ),
    ),
  ]
})

/** The helper that does the common case, where there is one. */
const CONVERSIONS: readonly (readonly [name: string, primary: number, xo: number, help: string, helper?: string])[] = [
  ['frsp', 63, 12, 'round to single precision', 'xsrsp'],
  ['fctid', 63, 814, 'convert to integer doubleword'],
  ['fctidz', 63, 815, 'convert to integer doubleword towards zero', 'xscvdpsxds'],
  ['fctidu', 63, 942, 'convert to unsigned integer doubleword'],
  ['fctiduz', 63, 943, 'convert to unsigned integer doubleword towards zero', 'xscvdpuxds'],
  ['fctiw', 63, 14, 'convert to integer word'],
  ['fctiwz', 63, 15, 'convert to integer word towards zero', 'xscvdpsxws'],
  ['fctiwu', 63, 142, 'convert to unsigned integer word'],
  ['fctiwuz', 63, 143, 'convert to unsigned integer word towards zero', 'xscvdpuxws'],
  ['fcfid', 63, 846, 'convert from integer doubleword', 'xscvsxddp'],
  ['fcfidu', 63, 974, 'convert from unsigned integer doubleword', 'xscvuxddp'],
  ['fcfids', 59, 846, 'convert from integer doubleword to single', 'xscvsxdsp'],
  ['fcfidus', 59, 974, 'convert from unsigned integer doubleword to single', 'xscvuxdsp'],
  ['frin', 63, 392, 'round to the nearest integer', 'xsrdpi'],
  ['friz', 63, 424, 'round to an integer towards zero', 'xsrdpiz'],
  ['frip', 63, 456, 'round to an integer upwards', 'xsrdpip'],
  ['frim', 63, 488, 'round to an integer downwards', 'xsrdpim'],
]
const conversions = family(CONVERSIONS, ([name, primary, xo, help, helper]) => {
  const text = [name, `X:${primary}:${xo} frt frb rc`, 'frt,frb', help] as const
  return helper ? attempted(helper, places('frt', 'frb'), ...text) : written(...text)
})

const compare = (name: string, xo: number, help: string): Insn[] =>
  attempted(
    'xscmpdp',
    (o) => [...places('fra', 'frb')(o), e.low(e.shl(o['bf']!, 2))],
    name,
    `X:63:${xo} bf fra frb 31=0`,
    'bf,fra,frb',
    help,
  )
const compares = [
  ...compare('fcmpu', 0, 'compare unordered'),
  ...compare('fcmpo', 32, 'compare ordered'),
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
