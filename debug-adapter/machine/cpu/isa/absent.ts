/**
 * Instructions that POWER9 has and this version does not execute (Power ISA 3.0C I appendix E): mnemonic, fixed bits, which
 * bits are fixed, operands. They are decoded, printed and assembled as the others are, and named when a program meets one.
 * One that gets its semantics moves to the folder of its book and leaves this list.
 */
import { call } from './expr.ts'
import { type Insn, parseOperands } from './insn.ts'

const OTHER = `
msgsndu 7c00009c ffff07ff rb
msgclru 7c0000dc ffff07ff rb
msgsndp 7c00011c ffff07ff rb
mtsle 7c000126 ffdfffff n10_10
msgclrp 7c00015c ffff07ff rb
mfbhrbe 7c00025c fc0007ff rt,n11_20
slbsync 7c0002a4 ffffffff
slbieg 7c0003a4 fc1f07ff rt,rb
lwat 7c00048c fc0007ff rt,ra,n16_20
ldat 7c0004cc fc0007ff rt,ra,n16_20
tbegin. 7c00051d ffdfffff n10_10
stwat 7c00058c fc0007ff rt,ra,n16_20
tcheck 7c00059c fc7fffff bf
stdat 7c0005cc fc0007ff rt,ra,n16_20
tsr. 7c0005dd ffdfffff n10_10
tabortwc. 7c00061d fc0007ff n6_10,ra,rb
lwzcix 7c00062a fc0007ff rt,ra,rb
tabortdc. 7c00065d fc0007ff n6_10,ra,rb
lhzcix 7c00066a fc0007ff rt,ra,rb
cpabort 7c00068c ffffffff
tabortwci. 7c00069d fc0007ff n6_10,ra,ns16_20
lbzcix 7c0006aa fc0007ff rt,ra,rb
tabortdci. 7c0006dd fc0007ff n6_10,ra,ns16_20
ldcix 7c0006ea fc0007ff rt,ra,rb
tabort. 7c00071d ffe0ffff ra
stwcix 7c00072a fc0007ff rt,ra,rb
treclaim. 7c00075d ffe0ffff ra
sthcix 7c00076a fc0007ff rt,ra,rb
slbfee. 7c0007a7 fc1f07ff rt,rb
stbcix 7c0007aa fc0007ff rt,ra,rb
trechkpt. 7c0007dd ffffffff
stdcix 7c0007ea fc0007ff rt,ra,rb
tend. 7c00055d fdffffff n6_6
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
