/**
 * Instruction fields and forms (Power ISA 3.0C I 1.6). Every field has one place in the word, whatever the instruction; bit
 * numbers are IBM's, bit 0 is the most significant of 32.
 */
export type FieldKind =
  | 'gpr' // r0..r31
  | 'fpr'
  | 'vr'
  | 'vsr'
  | 'crf' // cr0..cr7
  | 'crbit' // lt, 4*cr1+gt, ...
  | 'number'
  | 'target' // displacement from the instruction's address, or absolute where AA=1

export interface Field {
  readonly name: string
  readonly kind: FieldKind
  readonly signed: boolean
  /** Value bits below the field's own that are 0: 2 for a displacement in words. */
  readonly scale: number
  /** Counts down from the largest value: for aliases that clear or keep bits on the right. */
  readonly complement: boolean
  /** 0 stands for one more than the largest value: 32 bytes of a string. */
  readonly full: boolean
  /** Runs of bits of the word, most significant run first. */
  readonly runs: readonly { readonly first: number; readonly last: number }[]
  readonly width: number
}

type Spec = readonly [
  bits: string,
  kind?: FieldKind,
  options?: {
    readonly signed?: boolean
    readonly scale?: number
    readonly complement?: boolean
    readonly full?: boolean
  },
]
const SIGNED = { signed: true }
const COMPLEMENT = { complement: true }

// biome-ignore format: a table
const SPECS: Record<string, Spec> = {
  rt: ['6-10', 'gpr'], rs: ['6-10', 'gpr'], ra: ['11-15', 'gpr'], rb: ['16-20', 'gpr'], rcr: ['21-25', 'gpr'],
  si: ['16-31', 'number', SIGNED], ui: ['16-31'], d: ['16-31', 'number', SIGNED],
  ds: ['16-29', 'number', { signed: true, scale: 2 }], dq: ['16-27', 'number', { signed: true, scale: 4 }],
  dx: ['16-25,11-15,31', 'number', SIGNED],
  sh: ['16-20'], mb: ['21-25'], me: ['26-30'], sh6: ['30,16-20'], mb6: ['26,21-25'], me6: ['26,21-25'],
  clear: ['26-30', 'number', COMPLEMENT], clear6: ['26,21-25', 'number', COMPLEMENT], nb: ['16-20', 'number', { full: true }],
  bf: ['6-8', 'crf'], bfa: ['11-13', 'crf'], l: ['10'], l9: ['9-10'], l15: ['15'], l14: ['14-15'], lev: ['20-26'],
  bt: ['6-10', 'crbit'], ba: ['11-15', 'crbit'], bb: ['16-20', 'crbit'], bc: ['21-25', 'crbit'],
  bicr: ['11-13', 'crf'], bicond: ['14-15'], sprg: ['14-15'],
  bo: ['6-10'], bi: ['11-15', 'crbit'], bh: ['19-20'],
  bd: ['16-29', 'target', { signed: true, scale: 2 }], li: ['6-29', 'target', { signed: true, scale: 2 }],
  aa: ['30'], lk: ['31'], rc: ['31'], oe: ['21'], eh: ['31'],
  to: ['6-10'], fxm: ['12-19'], spr: ['16-20,11-15'], sr: ['12-15'],
  th: ['6-10'], ct: ['7-10'], cy: ['21-22'], ih: ['8-10'], ric: ['12-13'], prs: ['14'], r: ['15'], be: ['10'],
  frt: ['6-10', 'fpr'], frs: ['6-10', 'fpr'], fra: ['11-15', 'fpr'], frb: ['16-20', 'fpr'], frc: ['21-25', 'fpr'],
  vrt: ['6-10', 'vr'], vrs: ['6-10', 'vr'], vra: ['11-15', 'vr'], vrb: ['16-20', 'vr'], vrc: ['21-25', 'vr'],
  xt: ['31,6-10', 'vsr'], xs: ['31,6-10', 'vsr'], xa: ['29,11-15', 'vsr'], xb: ['30,16-20', 'vsr'], xc: ['28,21-25', 'vsr'],
  xtq: ['28,6-10', 'vsr'], xsq: ['28,6-10', 'vsr'], uim: ['11-15'], bhrbe: ['11-20'], dst: ['9-10'], vs5: ['11-15', 'number', SIGNED],
}

function fieldOf(name: string, [bits, kind = 'number', options = {}]: Spec): Field {
  const runs = bits.split(',').map((run) => {
    const [first, last = first] = run.split('-').map(Number) as [number, number?]
    return { first, last }
  })
  const width = runs.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  return {
    name,
    kind,
    signed: options.signed ?? false,
    scale: options.scale ?? 0,
    complement: options.complement ?? false,
    full: options.full ?? false,
    runs,
    width,
  }
}

export const FIELDS: ReadonlyMap<string, Field> = new Map(
  Object.entries(SPECS).map(([name, spec]) => [name, fieldOf(name, spec)]),
)

const positional = new Map<string, Field>()
/** `n21_22`, `ns11_15`: a number without a name of its own, by its bits; `s` where it is signed. */
function fieldAt(name: string): Field | undefined {
  const match = /^n(s?)(\d+_\d+(?:_\d+_\d+)*)$/.exec(name)
  if (!match) return undefined
  let field = positional.get(name)
  if (!field) {
    const bits = match[2]!.replace(/(\d+)_(\d+)(_?)/g, (_, first, last, more) => `${first}-${last}${more && ','}`)
    positional.set(name, (field = fieldOf(name, [bits, 'number', { signed: match[1] === 's' }])))
  }
  return field
}

/** @throws TypeError where no field has that name */
export function fieldNamed(name: string): Field {
  const field = FIELDS.get(name) ?? fieldAt(name)
  if (!field) throw new TypeError(`no instruction field is called ${name}; add it to cpu/isa/fields.ts`)
  return field
}

const ones = (width: number): number => (width === 32 ? 0xffff_ffff : 2 ** width - 1)

/** The value of a field in an instruction word: scaled, and negative where a signed field says so. */
export function extract(word: number, field: Field): number {
  let value = 0
  for (const { first, last } of field.runs) {
    const width = last - first + 1
    value = value * 2 ** width + ((word >>> (31 - last)) & ones(width))
  }
  if (field.full && value === 0) return ones(field.width) + 1
  if (field.complement) value = ones(field.width) - value
  if (field.signed && value >= 2 ** (field.width - 1)) value -= 2 ** field.width
  return value * 2 ** field.scale
}

/**
 * The bits of the word that hold `value` in `field`.
 * @throws RangeError where the value does not fit; says what would
 */
export function insert(value: number, field: Field): number {
  const unit = 2 ** field.scale
  const [min, max] = field.signed ? [-(2 ** (field.width - 1)), 2 ** (field.width - 1) - 1] : [0, 2 ** field.width - 1]
  const [least, most] = field.full ? [1, max + 1] : [min, max]
  let rest = field.complement ? max - value : value / unit
  if (!Number.isInteger(rest) || rest < least || rest > most)
    throw new RangeError(
      `${field.name} = ${value}: expected ${least * unit} to ${most * unit}${unit > 1 ? `, a multiple of ${unit}` : ''}`,
    )
  if (rest < 0) rest += 2 ** field.width
  let word = 0
  for (const { first, last } of field.runs.toReversed()) {
    const width = last - first + 1
    word |= (rest % 2 ** width) << (31 - last)
    rest = Math.floor(rest / 2 ** width)
  }
  return word >>> 0
}

/** Where a form has its extended opcode. */
const EXTENDED_OPCODE: Record<string, string | undefined> = {
  I: undefined,
  B: undefined,
  SC: undefined,
  D: undefined,
  M: undefined,
  DS: '30-31',
  DQ: '29-31',
  DX: '26-30',
  X: '21-30',
  XL: '21-30',
  XFX: '21-30',
  XO: '22-30',
  XS: '21-29',
  A: '26-30',
  MD: '27-29',
  MDS: '27-30',
  VA: '26-31',
  VX: '21-31',
  VC: '22-31',
  BCD: '23-31',
  XX1: '21-30',
  XX2: '21-29',
  XX3: '21-28',
  XX3R: '22-28',
  XX4: '26-27',
  Z23: '23-30',
  Z22: '22-30',
  Q: '28-31',
  XX3S: '24-28',
  SD2: '21-29',
}

export interface Encoding {
  /** Bits that are fixed, and what they are. Bits in neither mask nor a field are ignored (Power ISA 3.0C I 1.3.3). */
  readonly mask: number
  readonly value: number
  readonly fields: readonly Field[]
}

/**
 * Reads an encoding pattern, e.g. `XO:31:266 rt ra rb oe rc`: form, primary and extended opcode, then fields. `l=1` fixes a
 * field, `bo=1.1..` fixes some of its bits, `30=1` fixes a bit by number.
 * @throws TypeError where the pattern is wrong; instructions are defined when the program is loaded, so it never ships
 */
export function parseEncoding(pattern: string): Encoding {
  const [opcode, ...tokens] = pattern.split(' ')
  const [form, primary, extended] = opcode!.split(':') as [string, string, string?]
  let mask = 0
  let value = 0
  const fields: Field[] = []
  const used: boolean[] = []
  const fix = (bit: number, set: boolean): void => {
    if (used[bit]) throw new TypeError(`${pattern}: bit ${bit} is used twice`)
    used[bit] = true
    mask |= 1 << (31 - bit)
    if (set) value |= 1 << (31 - bit)
  }
  const fixRun = (bits: string, number: number): void => {
    const { runs } = fieldOf('opcode', [bits])
    const { first, last } = runs[0]!
    for (let bit = last; bit >= first; bit--, number = Math.floor(number / 2)) fix(bit, number % 2 === 1)
    if (number) throw new TypeError(`${pattern}: opcode too large`)
  }
  fixRun('0-5', Number(primary))
  if (!(form in EXTENDED_OPCODE)) throw new TypeError(`${pattern}: no form ${form}`)
  if (extended !== undefined) fixRun(EXTENDED_OPCODE[form]!, Number(extended))
  for (const token of tokens) {
    const [name, fixed] = token.split('=') as [string, string?]
    if (fixed === undefined) {
      const field = fieldNamed(name)
      fields.push(field)
      for (const { first, last } of field.runs)
        for (let bit = first; bit <= last; bit++) {
          if (used[bit]) throw new TypeError(`${pattern}: bit ${bit} of ${name} is used twice`)
          used[bit] = true
        }
    } else if (/^\d+$/.test(name)) fix(Number(name), fixed === '1')
    else {
      const field = fieldNamed(name)
      const bits = field.runs.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      )
      const digits =
        /^[01.]+$/.test(fixed) && fixed.length === bits.length
          ? fixed
          : Number(fixed).toString(2).padStart(bits.length, '0')
      for (const [i, bit] of bits.entries()) if (digits[i] !== '.') fix(bit, digits[i] === '1')
      if (digits.includes('.')) fields.push(field)
    }
  }
  return { mask: mask >>> 0, value: value >>> 0, fields }
}
