import { type Alias, aliasesOf, type Fields } from './aliases.ts'
import { extract, type Field, fieldNamed } from './fields.ts'
import type { Insn, Operand } from './insn.ts'
import { byMnemonic, decode } from './table.ts'

export interface Disassembled {
  /** `.long` where the word is no instruction. */
  readonly mnemonic: string
  readonly operands: string
  /** Both, as objdump of the GNU binutils lays them out. */
  readonly text: string
  /** Effective address that a branch leads to, where the instruction alone says it. */
  readonly target?: bigint
  readonly length: 4
}

export const CONDITION_BITS = ['lt', 'gt', 'eq', 'so'] as const
const REGISTER_PREFIX: Partial<Record<Field['kind'], string>> = { gpr: 'r', fpr: 'f', vr: 'v', vsr: 'vs', crf: 'cr' }

/** `lt` for bit 0, `4*cr7+eq` for bit 30. */
export function conditionBitName(bit: number): string {
  const name = CONDITION_BITS[bit & 3]!
  return bit < 4 ? name : `4*cr${bit >> 2}+${name}`
}

const hex = (value: bigint): string => `0x${value.toString(16)}`
const SIGN_BITS = 64

function branchTarget(displacement: number, address: bigint, absolute: boolean): bigint {
  return BigInt.asUintN(SIGN_BITS, (absolute ? 0n : address) + BigInt(displacement))
}

function operandText(operand: Operand, field: Field, value: number, address: bigint, absolute: boolean): string {
  if (operand.zero && value === 0 && !operand.base) return '0'
  if (field.kind === 'target') return hex(branchTarget(value, address, absolute))
  if (field.kind === 'crbit') return conditionBitName(value)
  return `${REGISTER_PREFIX[field.kind] ?? ''}${value}`
}

function matches(alias: Alias, fields: Fields): boolean {
  for (const [name, wanted] of Object.entries(alias.fixed))
    if (fields(name) !== (typeof wanted === 'number' ? wanted : wanted(fields))) return false
  return alias.when?.(fields) ?? true
}

const definedBits = new Map<Insn, number>()
/** Bits of the word that mean something in this instruction; the others are reserved. */
function definedBitsOf(insn: Insn): number {
  let bits = definedBits.get(insn)
  if (bits === undefined) {
    bits = insn.mask
    for (const { runs } of insn.fields)
      for (const { first, last } of runs) for (let bit = first; bit <= last; bit++) bits |= 1 << (31 - bit)
    definedBits.set(insn, bits)
  }
  return bits
}

/** An access with update needs a base register, and a load one that it does not load (Power ISA 3.0C I 3.3.2). */
function isInvalidUpdate({ mnemonic }: Insn, fields: Fields): boolean {
  if (!/^(l|st)[bhwdf]\w*ux?$/.test(mnemonic)) return false
  return fields('ra') === 0 || (/^l[bhwd]/.test(mnemonic) && fields('ra') === fields('rt'))
}

/**
 * One instruction in the field's syntax, with extended mnemonics. A word with reserved bits, or an invalid form, is shown as the
 * number that it is, although the processor may execute it: nobody meant it as an instruction.
 * @param word    the instruction, as a number
 * @param address effective address of it, for branch targets
 */
export function disassemble(word: number, address: bigint): Disassembled {
  const insn = decode(word)
  const fields: Fields = (name) => extract(word, fieldNamed(name))
  if (!insn || (word & ~definedBitsOf(insn)) !== 0 || isInvalidUpdate(insn, fields)) {
    const operands = `0x${(word >>> 0).toString(16)}`
    return { mnemonic: '.long', operands, text: `.long ${operands}`, length: 4 }
  }
  const alias = aliasesOf.get(insn.mnemonic)?.find((a) => matches(a, fields))
  const { mnemonic, operands: shown } = alias ?? insn
  const parts: string[] = []
  for (const [i, operand] of shown.entries()) {
    const value = fields(operand.field.name)
    // An optional operand is written where it, or an optional one behind it, is not 0.
    if (operand.optional && shown.slice(i).every((o) => !o.optional || fields(o.field.name) === 0)) continue
    const text = operandText(operand, operand.field, value, address, insn.absolute)
    if (operand.base) {
      const base = fields(operand.base.name)
      parts.push(`${text}(${operand.zero && base === 0 ? '0' : `r${base}`})`)
    } else parts.push(text)
  }
  const operands = parts.join(',')
  const branch = insn.operands.find(({ field }) => field.kind === 'target')
  return {
    mnemonic,
    operands,
    text: operands ? `${mnemonic.padEnd(7)} ${operands}` : mnemonic,
    ...(branch && { target: branchTarget(fields(branch.field.name), address, insn.absolute) }),
    length: 4,
  }
}

/** What an instruction does, in one sentence for a hover; undefined where no instruction has that mnemonic. */
export function explain(mnemonic: string): string | undefined {
  const insn: Insn | undefined = byMnemonic.get(mnemonic)?.[0]
  return insn && insn.help !== '' ? `${insn.mnemonic}: ${insn.help}` : undefined
}
