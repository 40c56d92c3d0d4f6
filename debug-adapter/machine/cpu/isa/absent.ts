/**
 * Instructions that POWER9 has and this version does not execute (Power ISA 3.0C I appendix E): mnemonic, fixed bits, which
 * bits are fixed, operands. They are decoded, printed and assembled as the others are, and named when a program meets one.
 * One that gets its semantics moves to the folder of its book and leaves this list.
 */
import { call } from './expr.ts'
import { type Insn, parseOperands } from './insn.ts'

const OTHER = `
mtsle 7c000126 ffdfffff n10_10
`

function read(rows: string, what: string): Insn[] {
  return rows
    .trim()
    .split('\n')
    .map((row) => {
      const [mnemonic, value, mask, operands = ''] = row.split(' ') as [string, string, string, string?]
      const shown = parseOperands(operands)
      return {
        mnemonic,
        value: Number.parseInt(value, 16),
        mask: Number.parseInt(mask, 16),
        fields: shown.flatMap(({ field, base }) => (base ? [field, base] : [field])),
        operands: shown,
        effects: [call('absent')],
        privilege: 'problem' as const,
        help: `${what}; this version does not execute it`,
        absolute: false,
      }
    })
}

export const ABSENT: readonly Insn[] = read(OTHER, 'instruction of another facility')
