/**
 * Instructions that POWER9 has and this version does not execute (Power ISA 3.0C I appendix E): mnemonic, fixed bits, which
 * bits are fixed, operands. They are decoded, printed and assembled as the others are, and named when a program meets one.
 * One that gets its semantics moves to the folder of its book and leaves this list.
 */
import { call } from './expr.ts'
import { type Facility, type Insn, parseOperands } from './insn.ts'

const FLOAT = `
dadd ec000004 fc0007ff frt,fra,frb
dadd. ec000005 fc0007ff frt,fra,frb
dqua ec000006 fc0001ff frt,fra,frb,n21_22
dqua. ec000007 fc0001ff frt,fra,frb,n21_22
dmul ec000044 fc0007ff frt,fra,frb
dmul. ec000045 fc0007ff frt,fra,frb
drrnd ec000046 fc0001ff frt,fra,frb,n21_22
drrnd. ec000047 fc0001ff frt,fra,frb,n21_22
dscli ec000084 fc0003ff frt,fra,n16_21
dscli. ec000085 fc0003ff frt,fra,n16_21
dquai ec000086 fc0001ff ns11_15,frt,frb,n21_22
dquai. ec000087 fc0001ff ns11_15,frt,frb,n21_22
dscri ec0000c4 fc0003ff frt,fra,n16_21
dscri. ec0000c5 fc0003ff frt,fra,n16_21
dsub ec000404 fc0007ff frt,fra,frb
dsub. ec000405 fc0007ff frt,fra,frb
ddiv ec000444 fc0007ff frt,fra,frb
ddiv. ec000445 fc0007ff frt,fra,frb
dtstsfi ec000546 fc4007ff bf,n10_15,frb
dcffix ec000644 fc1f07ff frt,frb
dcffix. ec000645 fc1f07ff frt,frb
diex ec0006c4 fc0007ff frt,fra,frb
diex. ec0006c5 fc0007ff frt,fra,frb
ddedpd ec020284 fc0707ff n11_12,frt,frb
ddedpd. ec020285 fc0707ff n11_12,frt,frb
drintx ec0a00c6 fc1e01ff n15_15,frt,frb,n21_22
drintx. ec0a00c7 fc1e01ff n15_15,frt,frb,n21_22
drintn ec0a01c6 fc1e01ff n15_15,frt,frb,n21_22
drintn. ec0a01c7 fc1e01ff n15_15,frt,frb,n21_22
dctdp ec0a0204 fc1f07ff frt,frb
dctdp. ec0a0205 fc1f07ff frt,frb
dctfix ec0a0244 fc1f07ff frt,frb
dctfix. ec0a0245 fc1f07ff frt,frb
dxex ec0a02c4 fc1f07ff frt,frb
dxex. ec0a02c5 fc1f07ff frt,frb
drsp ec0a0604 fc1f07ff frt,frb
drsp. ec0a0605 fc1f07ff frt,frb
denbcd ec0a0684 fc0f07ff n11_11,frt,frb
denbcd. ec0a0685 fc0f07ff n11_11,frt,frb
dcmpo ec200104 fc6007ff bf,fra,frb
dtstex ec200144 fc6007ff bf,fra,frb
dtstdc ec200184 fc6003ff bf,fra,n16_21
dtstdg ec2001c4 fc6003ff bf,fra,n16_21
dcmpu ec200504 fc6007ff bf,fra,frb
dtstsf ec200544 fc6007ff bf,fra,frb
dscliq fc000084 fc2103ff frt,fra,n16_21
dscliq. fc000085 fc2103ff frt,fra,n16_21
dscriq fc0000c4 fc2103ff frt,fra,n16_21
dscriq. fc0000c5 fc2103ff frt,fra,n16_21
daddq fc000004 fc210fff frt,fra,frb
daddq. fc000005 fc210fff frt,fra,frb
dquaq fc000006 fc2109ff frt,fra,frb,n21_22
dquaq. fc000007 fc2109ff frt,fra,frb,n21_22
dmulq fc000044 fc210fff frt,fra,frb
dmulq. fc000045 fc210fff frt,fra,frb
drrndq fc000046 fc2009ff frt,fra,frb,n21_22
drrndq. fc000047 fc2009ff frt,fra,frb,n21_22
dquaiq fc000086 fc2009ff ns11_15,frt,frb,n21_22
dquaiq. fc000087 fc2009ff ns11_15,frt,frb,n21_22
dsubq fc000404 fc210fff frt,fra,frb
dsubq. fc000405 fc210fff frt,fra,frb
ddivq fc000444 fc210fff frt,fra,frb
ddivq. fc000445 fc210fff frt,fra,frb
dtstsfiq fc000546 fc400fff bf,n10_15,frb
diexq fc0006c4 fc200fff frt,fra,frb
diexq. fc0006c5 fc200fff frt,fra,frb
ddedpdq fc020284 fc270fff n11_12,frt,frb
ddedpdq. fc020285 fc270fff n11_12,frt,frb
dctqpq fc0a0204 fc3f07ff frt,frb
dctqpq. fc0a0205 fc3f07ff frt,frb
dcffixq fc0a0644 fc3f07ff frt,frb
dcffixq. fc0a0645 fc3f07ff frt,frb
drintxq fc0a00c6 fc3e09ff n15_15,frt,frb,n21_22
drintxq. fc0a00c7 fc3e09ff n15_15,frt,frb,n21_22
drintnq fc0a01c6 fc3e09ff n15_15,frt,frb,n21_22
drintnq. fc0a01c7 fc3e09ff n15_15,frt,frb,n21_22
dctfixq fc0a0244 fc1f0fff frt,frb
dctfixq. fc0a0245 fc1f0fff frt,frb
dxexq fc0a02c4 fc1f0fff frt,frb
dxexq. fc0a02c5 fc1f0fff frt,frb
drdpq fc0a0604 fc3f0fff frt,frb
drdpq. fc0a0605 fc3f0fff frt,frb
denbcdq fc0a0684 fc2f0fff n11_11,frt,frb
denbcdq. fc0a0685 fc2f0fff n11_11,frt,frb
dtstdcq fc200184 fc6103ff bf,fra,n16_21
dtstdgq fc2001c4 fc6103ff bf,fra,n16_21
dcmpoq fc200104 fc610fff bf,fra,frb
dtstexq fc200144 fc610fff bf,fra,frb
dcmpuq fc200504 fc610fff bf,fra,frb
dtstsfq fc200544 fc600fff bf,fra,frb
`

const VECTOR = `
bcdcfsq. 10020581 fc1f05ff vrt,vrb,n22_22
bcdctz. 10040581 fc1f05ff vrt,vrb,n22_22
bcdctn. 10050581 fc1f07ff vrt,vrb
bcdcfz. 10060581 fc1f05ff vrt,vrb,n22_22
bcdcfn. 10070581 fc1f05ff vrt,vrb,n22_22
bcdsetsgn. 101f0581 fc1f05ff vrt,vrb,n22_22
bcdcpsgn. 10000341 fc0007ff vrt,vra,vrb
bcdadd. 10000401 fc0005ff vrt,vra,vrb,n22_22
bcdsub. 10000441 fc0005ff vrt,vra,vrb,n22_22
bcdus. 10000481 fc0007ff vrt,vra,vrb
bcds. 100004c1 fc0005ff vrt,vra,vrb,n22_22
bcdtrunc. 10000501 fc0005ff vrt,vra,vrb,n22_22
bcdutrunc. 10000541 fc0007ff vrt,vra,vrb
bcdctsq. 10000581 fc1f07ff vrt,vrb
bcdsr. 100005c1 fc0005ff vrt,vra,vrb,n22_22
`

const OTHER = `
addg6s 7c000094 fc0007ff rt,ra,rb
msgsndu 7c00009c ffff07ff rb
msgclru 7c0000dc ffff07ff rb
msgsndp 7c00011c ffff07ff rb
mtsle 7c000126 ffdfffff n10_10
msgclrp 7c00015c ffff07ff rb
cdtbcd 7c000234 fc00ffff ra,rt
mfbhrbe 7c00025c fc0007ff rt,n11_20
cbcdtd 7c000274 fc00ffff ra,rt
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

function read(rows: string, what: string, facility?: Facility): Insn[] {
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
        ...(facility && { facility }),
        help: `${what}; this version does not execute it`,
        absolute: false,
      }
    })
}

export const ABSENT: readonly Insn[] = [
  ...read(FLOAT, 'floating-point instruction', 'FP'),
  ...read(VECTOR, 'vector instruction', 'VEC'),
  ...read(OTHER, 'instruction of another facility'),
]
