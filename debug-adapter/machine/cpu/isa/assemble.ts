import { type Alias, aliasesNamed, type Fields } from './aliases.ts'
import { CONDITION_BITS } from './disassemble.ts'
import { extract, type Field, fieldNamed, insert } from './fields.ts'
import type { Insn, Operand } from './insn.ts'
import { byMnemonic } from './table.ts'

/** A line that is no instruction; says what is wrong with it. */
export class AssemblyError extends Error {
  constructor(line: string, why: string) {
    super(`${line.trim()}: ${why}`)
    this.name = 'AssemblyError'
  }
}

const NUMBER = /^-?(?:0x[0-9a-f]+|\d+)$/i

function number(text: string, what: string): number {
  if (!NUMBER.test(text)) throw new RangeError(`${what} ${text}: expected a number`)
  const value = text.startsWith('-') ? -Number(text.slice(1)) : Number(text)
  return value
}

function conditionBit(text: string): number {
  if (NUMBER.test(text)) return number(text, 'condition bit')
  const [, field, name] = /^(?:4\*cr([0-7])\+)?(lt|gt|eq|so|un)$/.exec(text) ?? []
  if (!name) throw new RangeError(`condition bit ${text}: expected lt, gt, eq or so, with 4*crN+ before it, or 0 to 31`)
  return 4 * Number(field ?? 0) + (name === 'un' ? 3 : CONDITION_BITS.indexOf(name as 'lt'))
}

const REGISTER: Partial<Record<Field['kind'], RegExp>> = {
  gpr: /^r?(\d+)$/,
  fpr: /^f?(\d+)$/,
  vr: /^v?(\d+)$/,
  vsr: /^(?:vs)?(\d+)$/,
  crf: /^(?:cr)?(\d+)$/,
}

function operandValue(text: string, field: Field, address: bigint, absolute: boolean): number {
  const register = REGISTER[field.kind]
  if (register) {
    const match = register.exec(text)
    if (!match) throw new RangeError(`${field.name} ${text}: expected a register`)
    return Number(match[1])
  }
  if (field.kind === 'crbit') return conditionBit(text)
  if (field.kind === 'target') {
    const relative = /^\.([+-].+)$/.exec(text)
    if (relative) return number(relative[1]!.replace('+', ''), 'displacement')
    if (!NUMBER.test(text)) throw new RangeError(`target ${text}: expected an address, or . with a displacement`)
    return Number(BigInt.asIntN(64, BigInt(text) - (absolute ? 0n : address)))
  }
  return number(text, field.name)
}

/** The operands that a line with `given` of them has: optional ones are left out from the right. */
function present(operands: readonly Operand[], given: number): readonly Operand[] | undefined {
  let missing = operands.length - given
  const shown = operands.toReversed().filter(({ optional }) => !(optional && missing > 0 && missing-- > 0))
  return shown.length === given ? shown.reverse() : undefined
}

function encode(insn: Insn, spelling: Insn | Alias, texts: readonly string[], address: bigint): number {
  const operands = present(spelling.operands, texts.length)
  if (!operands) throw new RangeError(`expected ${spelling.operands.length} operands, found ${texts.length}`)
  let word = insn.value
  const put = (field: Field, value: number): void => {
    // Fields that are part of others (the CR field of BI) overwrite only their own bits, which are still 0.
    word = (word | insert(value, field)) >>> 0
  }
  for (const [i, operand] of operands.entries()) {
    const text = texts[i]!
    if (operand.base) {
      const match = /^(.*)\((.+)\)$/.exec(text)
      if (!match) throw new RangeError(`${text}: expected displacement(register)`)
      put(operand.field, operandValue(match[1]!, operand.field, address, insn.absolute))
      put(operand.base, operandValue(match[2]!, operand.base, address, insn.absolute))
    } else put(operand.field, operandValue(text, operand.field, address, insn.absolute))
  }
  if ('fixed' in spelling) {
    const fields: Fields = (name) => extract(word, fieldNamed(name))
    const values = Object.entries(spelling.fixed).map(
      ([name, value]) => [name, typeof value === 'number' ? value : value(fields)] as const,
    )
    for (const [name, value] of values) put(fieldNamed(name), value)
    for (const [name, value] of values)
      if (fields(name) !== value) throw new RangeError(`${name} cannot be ${value} with these operands`)
  }
  if ((word & insn.mask) >>> 0 !== insn.value) throw new RangeError('no encoding for these operands')
  return word
}

/**
 * Assembles one instruction; takes everything that {@link disassemble} prints, and numbers in decimal or hex.
 * @param line    e.g. `lwz r3,8(r1)`, `beq cr7,0x1010`, `.long 0x0`; a branch target is an address, or `.+8`
 * @param address effective address of the instruction
 * @returns the instruction word
 * @throws AssemblyError that names what was wrong and what would be right
 */
export function assemble(line: string, address: bigint): number {
  const [, mnemonic = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line.toLowerCase()) ?? []
  const texts = rest === '' ? [] : rest.replace(/\s+/g, '').split(',')
  if (mnemonic === '.long') {
    if (texts.length !== 1 || !NUMBER.test(texts[0]!)) throw new AssemblyError(line, 'expected one number')
    return Number(texts[0]) >>> 0
  }
  const insns = byMnemonic.get(mnemonic) ?? []
  const aliases = aliasesNamed.get(mnemonic) ?? []
  if (insns.length + aliases.length === 0) throw new AssemblyError(line, `no instruction is called ${mnemonic}`)
  let why = ''
  const candidates: (readonly [Insn, Insn | Alias])[] = insns.map((insn) => [insn, insn])
  for (const alias of aliases) for (const insn of byMnemonic.get(alias.of) ?? []) candidates.push([insn, alias])
  for (const [insn, spelling] of candidates) {
    try {
      return encode(insn, spelling, texts, address)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      why ||= error.message
    }
  }
  throw new AssemblyError(line, why)
}
