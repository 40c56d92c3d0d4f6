/** Comparisons, tests, maximum and minimum (Power ISA 3.0C I 7.6.1.4, 7.6.1.5, 7.6.1.10). */
import * as e from '../expr.ts'
import { family, type Insn, insn, type Operands } from '../insn.ts'
import { xx3 } from './form.ts'

const VSX = 'VSX' as const

/** The result goes to a condition register field: nothing else in the word is for it. */
const toField = (name: string, pattern: string, operands: string, help: string): Insn[] =>
  insn(name, pattern, operands, () => e.call(name), { help, facility: VSX })

/** Two numbers compare alike, however NaNs do: one helper, and the procedure of each name for those. */
const comparisons = family(
  [
    ['xscmpudp', 35, 'unordered'],
    ['xscmpodp', 43, 'ordered'],
  ] as const,
  ([name, xo, how]) =>
    insn(
      name,
      `XX3:60:${xo} bf 9=0 10=0 xa xb 31=0`,
      'bf,xa,xb',
      (o) => e.attempt('xscmpdp', name, e.place(o['xa']!), e.place(o['xb']!), e.low(e.shl(o['bf']!, 2))),
      { help: `compare ${how}, scalar double precision`, facility: VSX },
    ),
)

const conditions = family(
  [
    ['xscmpexpdp', 59, 'compare exponents, scalar double precision'],
    ['xstdivdp', 61, 'test for software division, scalar double precision'],
    ['xvtdivsp', 93, 'test for software division, vector single precision'],
    ['xvtdivdp', 125, 'test for software division, vector double precision'],
  ] as const,
  ([name, xo, help]) => toField(name, `XX3:60:${xo} bf 9=0 10=0 xa xb 31=0`, 'bf,xa,xb', help),
)
const roots = family(
  [
    ['xstsqrtdp', 106, 'scalar double precision'],
    ['xvtsqrtsp', 170, 'vector single precision'],
    ['xvtsqrtdp', 234, 'vector double precision'],
  ] as const,
  ([name, xo, what]) =>
    toField(name, `XX2:60:${xo} bf 9=0 10=0 uim=0 xb 31=0`, 'bf,xb', `test for software square root, ${what}`),
)
const quads = family(
  [
    ['xscmpoqp', 132, 'compare ordered'],
    ['xscmpuqp', 644, 'compare unordered'],
    ['xscmpexpqp', 164, 'compare exponents'],
  ] as const,
  ([name, xo, help]) => toField(name, `X:63:${xo} bf 9=0 10=0 vra vrb 31=0`, 'bf,vra,vrb', `${help}, quad precision`),
)

const classes: Insn[] = [
  ...toField('xststdcsp', 'XX2:60:298 bf n9_15 xb 31=0', 'bf,xb,n9_15', 'test data class, scalar single precision'),
  ...toField('xststdcdp', 'XX2:60:362 bf n9_15 xb 31=0', 'bf,xb,n9_15', 'test data class, scalar double precision'),
  ...toField('xststdcqp', 'X:63:708 bf n9_15 vrb 31=0', 'bf,vrb,n9_15', 'test data class, quad precision'),
  ...family(
    [
      ['xvtstdcsp', 0],
      ['xvtstdcdp', 1],
    ] as const,
    ([name, double]) =>
      insn(
        name,
        `X:60 xt xb n25_25_29_29_11_15 21=1 22=1 23=${double} 24=1 26=1 27=0 28=1`,
        'xt,xb,n25_25_29_29_11_15',
        () => e.call(name),
        { help: `test data class, vector ${double ? 'double' : 'single'} precision`, facility: VSX },
      ),
  ),
]

/** The helper does it for numbers, the procedure of the same name for NaNs. */
const places = (o: Operands): e.Expr[] => [e.place(o['xt']!), e.place(o['xa']!), e.place(o['xb']!)]

const RELATIONS = [
  ['eq', 'equal', 0],
  ['gt', 'greater than', 1],
  ['ge', 'greater than or equal', 2],
] as const
const masks = family(RELATIONS, ([relation, what, n]) => [
  ...xx3(`xscmp${relation}dp`, 3 + 8 * n, `compare ${what}, scalar double precision`, (o) =>
    e.attempt(`xscmp${relation}dp`, `xscmp${relation}dp`, ...places(o)),
  ),
  ...family(
    [
      ['sp', 'single', 67],
      ['dp', 'double', 99],
    ] as const,
    ([suffix, precision, first]) => {
      const name = `xvcmp${relation}${suffix}`
      return family([0, 1], (rc) =>
        xx3(
          `${name}${rc ? '.' : ''}`,
          first + 8 * n + 128 * rc,
          `compare ${what}, vector ${precision} precision`,
          (o) => e.attempt(name, name, ...places(o), e.i32(rc)),
        ),
      )
    },
  ),
])

const extremes = family(
  [
    ['xsmaxcdp', 128, 'maximum as C has it, scalar double precision'],
    ['xsmincdp', 136, 'minimum as C has it, scalar double precision'],
    ['xsmaxdp', 160, 'maximum, scalar double precision'],
    ['xsmindp', 168, 'minimum, scalar double precision'],
    ['xvmaxsp', 192, 'maximum, vector single precision'],
    ['xvminsp', 200, 'minimum, vector single precision'],
    ['xvmaxdp', 224, 'maximum, vector double precision'],
    ['xvmindp', 232, 'minimum, vector double precision'],
  ] as const,
  ([name, xo, help]) => xx3(name, xo, help, (o) => e.attempt(name, name, ...places(o))),
)
const extremesJ = family(
  [
    ['xsmaxjdp', 144, 'maximum as Java has it, scalar double precision'],
    ['xsminjdp', 152, 'minimum as Java has it, scalar double precision'],
  ] as const,
  ([name, xo, help]) => xx3(name, xo, help, () => e.call(name)),
)

export const compare: readonly Insn[] = [
  ...comparisons,
  ...conditions,
  ...roots,
  ...quads,
  ...classes,
  ...masks,
  ...extremes,
  ...extremesJ,
]
