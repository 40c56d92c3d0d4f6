/**
 * Extended mnemonics (Power ISA 3.0C I appendix C): other spellings of an instruction for which some fields have certain
 * values. The ones that disassemblers of the field print come first for their instruction; the assembler takes all.
 */
import { type Operand, parseOperands } from './insn.ts'

/** Field values of one instruction, by name. */
export type Fields = (name: string) => number

export interface Alias {
  readonly mnemonic: string
  readonly operands: readonly Operand[]
  /** The instruction that it is a spelling of. */
  readonly of: string
  /** Fields that are fixed, or follow from others. */
  readonly fixed: Readonly<Record<string, number | ((fields: Fields) => number)>>
  /** A condition on top; the spelling is not used for printing where it fails. */
  readonly when?: (fields: Fields) => boolean
}

const alias = (mnemonic: string, operands: string, of: string, fixed: Alias['fixed'], when?: Alias['when']): Alias => ({
  mnemonic,
  operands: parseOperands(operands),
  of,
  fixed,
  ...(when && { when }),
})

/** The same alias for an instruction and for its record form. */
const both = (mnemonic: string, operands: string, of: string, fixed: Alias['fixed'], when?: Alias['when']): Alias[] =>
  ['', '.'].map((dot) => alias(mnemonic + dot, operands, of + dot, fixed, when))

const plain: Alias[] = [
  alias('li', 'rt,si', 'addi', { ra: 0 }),
  alias('lis', 'rt,si', 'addis', { ra: 0 }),
  alias('lnia', 'rt', 'addpcis', { dx: 0 }),
  alias('nop', '', 'ori', { rs: 0, ra: 0, ui: 0 }),
  alias('exser', '', 'ori', { rs: 31, ra: 31, ui: 0 }),
  alias('xnop', '', 'xori', { rs: 0, ra: 0, ui: 0 }),
  ...both('mr', 'ra,rs', 'or', { rb: (f) => f('rs') }),
  ...both('not', 'ra,rs', 'nor', { rb: (f) => f('rs') }),
  ...both('rotlwi', 'ra,rs,sh', 'rlwinm', { mb: 0, me: 31 }),
  ...both('clrlwi', 'ra,rs,mb', 'rlwinm', { sh: 0, me: 31 }),
  ...both('slwi', 'ra,rs,sh', 'rlwinm', { mb: 0, me: (f) => 31 - f('sh') }),
  ...both('srwi', 'ra,rs,mb', 'rlwinm', { sh: (f) => (32 - f('mb')) % 32, me: 31 }),
  ...both('clrrwi', 'ra,rs,clear', 'rlwinm', { sh: 0, mb: 0 }),
  ...both('rotlw', 'ra,rs,rb', 'rlwnm', { mb: 0, me: 31 }),
  ...both('rotldi', 'ra,rs,sh6', 'rldicl', { mb6: 0 }),
  ...both('clrldi', 'ra,rs,mb6', 'rldicl', { sh6: 0 }),
  ...both('srdi', 'ra,rs,mb6', 'rldicl', { sh6: (f) => (64 - f('mb6')) % 64 }),
  ...both('sldi', 'ra,rs,sh6', 'rldicr', { me6: (f) => 63 - f('sh6') }, (f) => f('sh6') > 0),
  ...both('clrrdi', 'ra,rs,clear6', 'rldicr', { sh6: 0 }),
  ...both('rotld', 'ra,rs,rb', 'rldcl', { mb6: 0 }),
  alias('isellt', 'rt,ra0,rb', 'isel', { bc: 0 }),
  alias('iselgt', 'rt,ra0,rb', 'isel', { bc: 1 }),
  alias('iseleq', 'rt,ra0,rb', 'isel', { bc: 2 }),
  alias('crset', 'bt', 'creqv', { ba: (f) => f('bt'), bb: (f) => f('bt') }),
  alias('crclr', 'bt', 'crxor', { ba: (f) => f('bt'), bb: (f) => f('bt') }),
  alias('crmove', 'bt,ba', 'cror', { bb: (f) => f('ba') }),
  alias('crnot', 'bt,ba', 'crnor', { bb: (f) => f('ba') }),
  alias('mtcr', 'rs', 'mtcrf', { fxm: 255 }),
  alias('hwsync', '', 'sync', { l9: 0 }),
  alias('lwsync', '', 'sync', { l9: 1 }),
  alias('ptesync', '', 'sync', { l9: 2 }),
  alias('dcbfl', 'ra0,rb', 'dcbf', { l9: 1 }),
  alias('dcbflp', 'ra0,rb', 'dcbf', { l9: 3 }),
  alias('dcbtt', 'ra0,rb', 'dcbt', { th: 16 }),
  alias('dcbtct', 'ra0,rb,[th]', 'dcbt', {}, (f) => f('th') < 8),
  alias('dcbtds', 'ra0,rb', 'dcbt', { th: 8 }),
  alias('dcbtds', 'ra0,rb,[th]', 'dcbt', {}, (f) => f('th') >= 8 && f('th') < 16),
  alias('dcbtstt', 'ra0,rb', 'dcbtst', { th: 16 }),
  alias('dcbtstct', 'ra0,rb,[th]', 'dcbtst', {}, (f) => f('th') < 8),
  alias('dcbtstds', 'ra0,rb', 'dcbtst', { th: 8 }),
  alias('dcbtstds', 'ra0,rb,[th]', 'dcbtst', {}, (f) => f('th') > 8 && f('th') < 16),
  alias('trap', '', 'tw', { to: 31, ra: 0, rb: 0 }),
  alias('tsuspend.', '', 'tsr.', { n10_10: 0 }),
  alias('tresume.', '', 'tsr.', { n10_10: 1 }),
  alias('tendall.', '', 'tend.', { n6_6: 1 }),
  alias('rfebb', '', 'rfebb', { n20_20: 1 }),
  alias('tlbiel', 'rb', 'tlbiel', { rs: 0, ric: 0, prs: 0, r: 0 }),
  alias('vmr', 'vrt,vra', 'vor', { vrb: (f) => f('vra') }),
  alias('vnot', 'vrt,vra', 'vnor', { vrb: (f) => f('vra') }),
  alias('xxmr', 'xt,xa', 'xxlor', { xb: (f) => f('xa') }),
  alias('xxlnot', 'xt,xa', 'xxlnor', { xb: (f) => f('xa') }),
  alias('xvmovsp', 'xt,xa', 'xvcpsgnsp', { xb: (f) => f('xa') }),
  alias('xvmovdp', 'xt,xa', 'xvcpsgndp', { xb: (f) => f('xa') }),
  alias('xxspltd', 'xt,xa,n22_22', 'xxpermdi', { xb: (f) => f('xa'), n23_23: (f) => f('n22_22') }),
  alias('xxswapd', 'xt,xa', 'xxpermdi', { xb: (f) => f('xa'), n22_23: 2 }),
  alias('xxmrghd', 'xt,xa,xb', 'xxpermdi', { n22_23: 0 }),
  alias('xxmrgld', 'xt,xa,xb', 'xxpermdi', { n22_23: 3 }),
  // Bit 31, which is the first of a VSX register's number, tells floating-point registers from vector registers.
  ...['d', 'wz'].flatMap((width) => [
    alias(`mffpr${width}`, 'ra,frt', `mfvsr${width}`, { lk: 0 }),
    alias(`mfvr${width}`, 'ra,vrt', `mfvsr${width}`, { lk: 1 }),
  ]),
  ...['d', 'wa', 'wz'].flatMap((width) => [
    alias(`mtfpr${width}`, 'frt,ra', `mtvsr${width}`, { lk: 0 }),
    alias(`mtvr${width}`, 'vrt,ra', `mtvsr${width}`, { lk: 1 }),
  ]),
  // Spellings that only the assembler uses: disassemblers print the instruction itself.
  alias('sub', 'rt,rb,ra', 'subf', {}, () => false),
  alias('subi', 'rt,ra0,si', 'addi', {}, () => false),
  alias('mfcr', 'rt', 'mfcr', {}, () => false),
]

/** TO of the trap instructions by its suffix. */
const TRAPS = { lgt: 1, llt: 2, eq: 4, lge: 5, lle: 6, gt: 8, ge: 12, lt: 16, le: 20, ne: 24, u: 31 } as const
const traps = Object.entries(TRAPS).flatMap(([suffix, to]) =>
  ['w', 'd'].flatMap((width) => [
    alias(`t${width}${suffix}`, 'ra,rb', `t${width}`, { to }),
    alias(`t${width}${suffix}i`, 'ra,si', `t${width}i`, { to }),
  ]),
)

/** Registers with a mnemonic of their own: `mf`, `mt` and the name. `r` and `w` where only one direction has one. */
// biome-ignore format: a table
const SPR_MNEMONICS: readonly (readonly [string, number, ('r' | 'w')?])[] = [
  ['udscr', 3], ['rtcu', 4, 'r'], ['rtcl', 5, 'r'], ['uamr', 13], ['dscr', 17], ['dsisr', 18], ['dar', 19], ['rtcu', 20, 'w'],
  ['rtcl', 21, 'w'], ['dec', 22], ['sdr1', 25], ['srr0', 26], ['srr1', 27], ['cfar', 28], ['amr', 29], ['tfhar', 128, 'w'],
  ['tfiar', 129, 'w'], ['texasr', 130, 'w'], ['texasru', 131, 'w'], ['ctrl', 136, 'r'], ['ctrl', 152, 'w'], ['uamor', 157], ['vrsave', 256],
  ['tb', 268, 'r'], ['tbu', 269, 'r'], ['asr', 280], ['ear', 282], ['tbl', 284, 'w'], ['tbu', 285, 'w'], ['pvr', 287, 'r'],
  ['hmer', 336], ['hmeer', 337], ['amor', 349], ['ummcr2', 769], ['ummcra', 770], ['upmc1', 771], ['upmc2', 772],
  ['upmc3', 773], ['upmc4', 774], ['upmc5', 775], ['upmc6', 776], ['ummcr0', 779], ['usiar', 780, 'r'], ['usdar', 781, 'r'],
  ['ummcr1', 782, 'r'], ['mmcra', 786], ['pmc1', 787], ['pmc2', 788], ['pmc3', 789], ['pmc4', 790], ['pmc5', 791],
  ['pmc6', 792], ['mmcr0', 795, 'w'], ['mmcr1', 798], ['bescrs', 800], ['bescrsu', 801], ['bescrr', 802], ['bescrru', 803],
  ['ebbhr', 804], ['ebbrr', 805], ['bescr', 806], ['tar', 815], ['ic', 848], ['vtb', 849], ['ppr', 896], ['ppr32', 898],
]
const specialRegisters = [
  alias('mfsprg', 'rt,sprg', 'mfspr', { spr: (f) => 272 + f('sprg') }),
  alias('mtsprg', 'sprg,rs', 'mtspr', { spr: (f) => 272 + f('sprg') }),
  ...SPR_MNEMONICS.flatMap(([name, spr, only]) => [
    ...(only === 'w' ? [] : [alias(`mf${name}`, 'rt', 'mfspr', { spr })]),
    ...(only === 'r' ? [] : [alias(`mt${name}`, 'rs', 'mtspr', { spr })]),
  ]),
  alias('mftb', 'rt', 'mftb', { spr: 268 }),
  alias('mftbu', 'rt', 'mftb', { spr: 269 }),
]

/** Conditions of a branch: BO with the condition wanted or not, and which of the four bits. */
const CONDITIONS = [
  ['lt', true, 0],
  ['gt', true, 1],
  ['eq', true, 2],
  ['so', true, 3],
  ['ge', false, 0],
  ['le', false, 1],
  ['ne', false, 2],
  ['ns', false, 3],
] as const
/** The suffix that tells a prediction, by the bits `at` of BO. */
const HINTS = [
  ['', 0],
  ['-', 2],
  ['+', 3],
] as const

/** `beq`, `beqlr`, `beqctrl+`, ... for one branch instruction: its name, its operand, and what the mnemonic has behind. */
function branchAliases(of: string, operand: string, infix: string, link: string, counter: boolean): Alias[] {
  const behind = operand === '' ? ',[bh]' : `,${operand}`
  const always = alias(`b${infix}${link}`, '[bh]', of, { bo: 20, bi: 0 })
  const list = operand === '' ? [always] : []
  if (operand === '') operand = '[bh]'
  for (const [hint, at] of HINTS) {
    for (const [name, wanted, bicond] of CONDITIONS)
      list.push(alias(`b${name}${infix}${link}${hint}`, `[bicr]${behind}`, of, { bo: (wanted ? 12 : 4) + at, bicond }))
    const countHint = hint === '' ? 0 : at === 2 ? 8 : 9
    if (counter)
      for (const [name, bo] of [
        ['dnz', 16],
        ['dz', 18],
      ] as const)
        list.push(alias(`b${name}${infix}${link}${hint}`, operand, of, { bo: bo + countHint, bi: 0 }))
    // With a condition, but not one of the names above: bt and bf take any bit.
  }
  if (counter)
    for (const [name, bo] of [
      ['dnzt', 8],
      ['dnzf', 0],
      ['dzt', 10],
      ['dzf', 2],
    ] as const)
      list.push(alias(`b${name}${infix}${link}`, `bi${behind}`, of, { bo }))
  return list
}

const branches = [
  ...['', 'l', 'a', 'la'].flatMap((suffix) => branchAliases(`bc${suffix}`, 'bd', '', suffix, true)),
  ...['', 'l'].flatMap((link) => [
    ...branchAliases(`bclr${link}`, '', 'lr', link, true),
    ...branchAliases(`bcctr${link}`, '', 'ctr', link, false),
    ...branchAliases(`bctar${link}`, '', 'tar', link, false),
  ]),
]

export const ALIASES: readonly Alias[] = [...plain, ...traps, ...specialRegisters, ...branches]

const group = (key: (alias: Alias) => string): ReadonlyMap<string, readonly Alias[]> => {
  const map = new Map<string, Alias[]>()
  for (const a of ALIASES) map.set(key(a), [...(map.get(key(a)) ?? []), a])
  return map
}
/** By the instruction that they spell, and by their own mnemonic. */
export const aliasesOf = group((a) => a.of)
export const aliasesNamed = group((a) => a.mnemonic)
