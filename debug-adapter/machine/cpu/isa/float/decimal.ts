/** Decimal floating-point instructions (Power ISA 3.0C I 5.6): opcode 59 on long numbers, 63 and `q` on extended ones. */
import * as e from '../expr.ts'
import { family, type Insn, insn } from '../insn.ts'

const WIDTHS = [
  { suffix: '', primary: 59, what: 'decimal' },
  { suffix: 'q', primary: 63, what: 'decimal extended' },
] as const

/** `p` behind a register stands for a pair on extended numbers, whose number is even. */
const fieldsFor = (fields: string, pairs: boolean): string => fields.replace(/(fr[tab])p/g, pairs ? '$1=....0' : '$1')

type Row = readonly [name: string, xo: string, fields: string, operands: string, help: string]

const BOTH: readonly Row[] = [
  ['dadd', 'X:2', 'frtp frap frbp rc', 'frt,fra,frb', 'add'],
  ['dsub', 'X:514', 'frtp frap frbp rc', 'frt,fra,frb', 'subtract'],
  ['dmul', 'X:34', 'frtp frap frbp rc', 'frt,fra,frb', 'multiply'],
  ['ddiv', 'X:546', 'frtp frap frbp rc', 'frt,fra,frb', 'divide'],
  ['dqua', 'Z23:3', 'frtp frap frbp n21_22 rc', 'frt,fra,frb,n21_22', 'quantize'],
  ['dquai', 'Z23:67', 'ns11_15 frtp frbp n21_22 rc', 'ns11_15,frt,frb,n21_22', 'quantize to an immediate exponent'],
  ['drrnd', 'Z23:35', 'frtp fra frbp n21_22 rc', 'frt,fra,frb,n21_22', 'round to a number of digits'],
  ['drintx', 'Z23:99', 'n15_15 frtp frbp n21_22 rc', 'n15_15,frt,frb,n21_22', 'round to an integer'],
  ['drintn', 'Z23:227', 'n15_15 frtp frbp n21_22 rc', 'n15_15,frt,frb,n21_22', 'round to an integer, inexact or not'],
  ['dcmpo', 'X:130', 'bf frap frbp', 'bf,fra,frb', 'compare ordered'],
  ['dcmpu', 'X:642', 'bf frap frbp', 'bf,fra,frb', 'compare unordered'],
  ['dtstdc', 'Z22:194', 'bf frap n16_21', 'bf,fra,n16_21', 'test data class'],
  ['dtstdg', 'Z22:226', 'bf frap n16_21', 'bf,fra,n16_21', 'test data group'],
  ['dtstex', 'X:162', 'bf frap frbp', 'bf,fra,frb', 'test exponent'],
  ['dtstsf', 'X:674', 'bf fra frbp', 'bf,fra,frb', 'test significance'],
  ['dtstsfi', 'X:675', 'bf n10_15 frbp', 'bf,n10_15,frb', 'test significance against a number'],
  ['ddedpd', 'X:322', 'n11_12 frtp frbp rc', 'n11_12,frt,frb', 'to packed digits'],
  ['denbcd', 'X:834', 'n11_11 frtp frbp rc', 'n11_11,frt,frb', 'from packed digits'],
  ['diex', 'X:866', 'frtp fra frbp rc', 'frt,fra,frb', 'insert biased exponent'],
  ['dscli', 'Z22:66', 'frtp frap n16_21 rc', 'frt,fra,n16_21', 'shift the digits left'],
  ['dscri', 'Z22:98', 'frtp frap n16_21 rc', 'frt,fra,n16_21', 'shift the digits right'],
]
const both = family(WIDTHS, ({ suffix, primary, what }) =>
  family(BOTH, ([name, opcode, fields, operands, help]) => {
    const [form, xo] = opcode.split(':')
    const pattern = `${form}:${primary}:${xo} ${fieldsFor(fields, suffix === 'q')}`
    return insn(`${name}${suffix}`, pattern, operands, () => e.call(`${name}${suffix}`), {
      help: `${what}: ${help}`,
      facility: 'FP',
    })
  }),
)

/** Conversions: which of target and source is a pair is each one's own. */
const ONE = [
  ['dcffix', 59, 802, 'frt frb', 'from a signed integer'],
  ['dcffixq', 63, 802, 'frtp frb', 'extended from a signed integer'],
  ['dctfix', 59, 290, 'frt frb', 'to a signed integer'],
  ['dctfixq', 63, 290, 'frt frbp', 'extended to a signed integer'],
  ['dxex', 59, 354, 'frt frb', 'extract biased exponent'],
  ['dxexq', 63, 354, 'frt frbp', 'extended: extract biased exponent'],
  ['dctdp', 59, 258, 'frt frb', 'short to long'],
  ['dctqpq', 63, 258, 'frtp frb', 'long to extended'],
  ['drsp', 59, 770, 'frt frb', 'long to short'],
  ['drdpq', 63, 770, 'frtp frbp', 'extended to long'],
] as const
const conversions = family(ONE, ([name, primary, xo, fields, help]) =>
  insn(name, `X:${primary}:${xo} ${fieldsFor(fields, true)} rc`, 'frt,frb', () => e.call(name), {
    help: `decimal: ${help}`,
    facility: 'FP',
  }),
)

/** Binary coded decimals in general registers (Power ISA 3.0C I 3.3, BCD assist); no facility is needed. */
const EACH_DIGIT = 0x1111_1111_1111_1111n
const assist: Insn[] = [
  ...insn('cdtbcd', 'X:31:282 ra rs', 'ra,rs', () => e.call('cdtbcd'), {
    help: 'convert declets to binary coded decimals',
  }),
  ...insn('cbcdtd', 'X:31:314 ra rs', 'ra,rs', () => e.call('cbcdtd'), {
    help: 'convert binary coded decimals to declets',
  }),
  ...insn(
    'addg6s',
    'X:31:74 rt ra rb',
    'rt,ra,rb',
    ({ rt, ra, rb }) => {
      const sum = e.add(ra!, rb!)
      // What was carried into the digit on the left, and out of the leftmost one.
      const inner = e.and(e.shrU(e.xor(ra!, rb!, sum), 4), EACH_DIGIT >> 4n)
      const carried = e.or(inner, e.shl(e.wide(e.ltU(sum, ra!)), 60))
      return e.set(rt!, e.mul(e.sub(e.i64(EACH_DIGIT), carried), 6))
    },
    { help: 'six in each digit that a sum carries nothing out of' },
  ),
]

export const decimal: readonly Insn[] = [...both, ...conversions, ...assist]
