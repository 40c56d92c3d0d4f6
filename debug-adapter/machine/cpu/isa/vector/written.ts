/** Vector instructions whose work is written out: in cpu/vector/ as a procedure of their name, or in wasm/vector/ as a helper. */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { written as define, vectorInsn } from './form.ts'

// biome-ignore format: a table
const ROWS: readonly (readonly [mnemonic: string, pattern: string, operands: string, help: string])[] = [
  ['vmul10cuq', 'VX:4:1 vrt vra', 'vrt,vra', 'carry of a quadword times ten'],
  ['vmsumudm', 'VA:4:35 vrt vra vrb vrc', 'vrt,vra,vrb,vrc', 'multiply and sum doublewords modulo'],
  ['vmul10ecuq', 'VX:4:65 vrt vra vrb', 'vrt,vra,vrb', 'carry of a quadword times ten plus a digit'],
  ['vrlwmi', 'VX:4:133 vrt vra vrb', 'vrt,vra,vrb', 'rotate left words, then mask insert'],
  ['vrldmi', 'VX:4:197 vrt vra vrb', 'vrt,vra,vrb', 'rotate left doublewords, then mask insert'],
  ['vrlwnm', 'VX:4:389 vrt vra vrb', 'vrt,vra,vrb', 'rotate left words, then and with mask'],
  ['vexptefp', 'VX:4:394 vrt vrb', 'vrt,vrb', 'estimate of two to the power'],
  ['vrldnm', 'VX:4:453 vrt vra vrb', 'vrt,vra,vrb', 'rotate left doublewords, then and with mask'],
  ['vlogefp', 'VX:4:458 vrt vrb', 'vrt,vrb', 'estimate of the logarithm to the base two'],
  ['vmul10uq', 'VX:4:513 vrt vra', 'vrt,vra', 'quadword times ten'],
  ['vmul10euq', 'VX:4:577 vrt vra vrb', 'vrt,vra,vrb', 'quadword times ten plus a digit'],
  ['vpkpx', 'VX:4:782 vrt vra vrb', 'vrt,vra,vrb', 'pack pixels'],
  ['vupkhpx', 'VX:4:846 vrt vrb', 'vrt,vrb', 'unpack the left pixels'],
  ['vupklpx', 'VX:4:974 vrt vrb', 'vrt,vrb', 'unpack the right pixels'],
  ['bcdadd.', 'BCD:4:1 21=1 vrt vra vrb n22_22', 'vrt,vra,vrb,n22_22', 'add decimal integers'],
  ['bcdsub.', 'BCD:4:65 21=1 vrt vra vrb n22_22', 'vrt,vra,vrb,n22_22', 'subtract decimal integers'],
  ['bcdcfn.', 'BCD:4:385 21=1 vrt vra=7 vrb n22_22', 'vrt,vrb,n22_22', 'decimal integer from national format'],
  ['bcdcfz.', 'BCD:4:385 21=1 vrt vra=6 vrb n22_22', 'vrt,vrb,n22_22', 'decimal integer from zoned format'],
  ['bcdctn.', 'VX:4:1409 vrt vra=5 vrb', 'vrt,vrb', 'decimal integer to national format'],
  ['bcdctz.', 'BCD:4:385 21=1 vrt vra=4 vrb n22_22', 'vrt,vrb,n22_22', 'decimal integer to zoned format'],
  ['bcdcfsq.', 'BCD:4:385 21=1 vrt vra=2 vrb n22_22', 'vrt,vrb,n22_22', 'decimal integer from signed quadword'],
  ['bcdctsq.', 'VX:4:1409 vrt vra=0 vrb', 'vrt,vrb', 'decimal integer to signed quadword'],
  ['bcdsetsgn.', 'BCD:4:385 21=1 vrt vra=31 vrb n22_22', 'vrt,vrb,n22_22', 'decimal integer with the preferred sign code'],
  ['bcdcpsgn.', 'VX:4:833 vrt vra vrb', 'vrt,vra,vrb', 'decimal integer with the sign code of another one'],
  ['bcds.', 'BCD:4:193 21=1 vrt vra vrb n22_22', 'vrt,vra,vrb,n22_22', 'shift decimal integer'],
  ['bcdsr.', 'BCD:4:449 21=1 vrt vra vrb n22_22', 'vrt,vra,vrb,n22_22', 'shift decimal integer and round'],
  ['bcdus.', 'VX:4:1153 vrt vra vrb', 'vrt,vra,vrb', 'shift unsigned decimal integer'],
  ['bcdtrunc.', 'BCD:4:257 21=1 vrt vra vrb n22_22', 'vrt,vra,vrb,n22_22', 'truncate decimal integer'],
  ['bcdutrunc.', 'VX:4:1345 vrt vra vrb', 'vrt,vra,vrb', 'truncate unsigned decimal integer'],
]

// biome-ignore format: a table
const HELPED: readonly (readonly [mnemonic: string, pattern: string, operands: string, help: string])[] = [
  ['vslb', 'VX:4:260 vrt vra vrb', 'vrt,vra,vrb', 'shift left bytes'],
  ['vsrb', 'VX:4:516 vrt vra vrb', 'vrt,vra,vrb', 'shift right bytes'],
  ['vsrab', 'VX:4:772 vrt vra vrb', 'vrt,vra,vrb', 'shift right algebraic bytes'],
  ['vrlb', 'VX:4:4 vrt vra vrb', 'vrt,vra,vrb', 'rotate left bytes'],
  ['vslv', 'VX:4:1860 vrt vra vrb', 'vrt,vra,vrb', 'shift left each byte by a count of its own, bits of the next one following'],
  ['vsrv', 'VX:4:1796 vrt vra vrb', 'vrt,vra,vrb', 'shift right each byte by a count of its own, bits of the previous one following'],
  ['vslh', 'VX:4:324 vrt vra vrb', 'vrt,vra,vrb', 'shift left halfwords'],
  ['vsrh', 'VX:4:580 vrt vra vrb', 'vrt,vra,vrb', 'shift right halfwords'],
  ['vsrah', 'VX:4:836 vrt vra vrb', 'vrt,vra,vrb', 'shift right algebraic halfwords'],
  ['vrlh', 'VX:4:68 vrt vra vrb', 'vrt,vra,vrb', 'rotate left halfwords'],
  ['vclzb', 'VX:4:1794 vrt vrb', 'vrt,vrb', 'count leading zeros of bytes'],
  ['vclzh', 'VX:4:1858 vrt vrb', 'vrt,vrb', 'count leading zeros of halfwords'],
  ['vctzb', 'VX:4:1538 vrt vra=28 vrb', 'vrt,vrb', 'count trailing zeros of bytes'],
  ['vctzh', 'VX:4:1538 vrt vra=29 vrb', 'vrt,vrb', 'count trailing zeros of halfwords'],
  ['vgbbd', 'VX:4:1292 vrt vrb', 'vrt,vrb', 'gather the bits of each byte by doubleword'],
]

/** A record form is done by the same procedure, which looks at the mnemonic. */
export const written: readonly Insn[] = family(ROWS, ([mnemonic, pattern, operands, help]) =>
  define(mnemonic, pattern, operands, help, mnemonic.replace('.', '')),
)

/** The helper has the name of the instruction. */
export const helped: readonly Insn[] = family(HELPED, ([mnemonic, pattern, operands, help]) =>
  vectorInsn(mnemonic, pattern, operands, help, (o) => {
    const [target, ...sources] = operands.split(',').map((name) => o[name]!)
    return e.set(target!, e.helper(mnemonic, 'v128', ...sources))
  }),
)
