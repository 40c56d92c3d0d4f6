/**
 * Instructions that POWER9 has and this version does not execute (Power ISA 3.0C I appendix E): mnemonic, fixed bits, which
 * bits are fixed, operands. They are decoded, printed and assembled as the others are, and named when a program meets one.
 * One that gets its semantics moves to the folder of its book and leaves this list.
 */
import { call } from './expr.ts'
import { type Facility, type Insn, parseOperands } from './insn.ts'

const FLOAT = `
mffscdrn fc14048e fc1f07ff frt,frb
mffscrn fc16048e fc1f07ff frt,frb
lfsx 7c00042e fc0007ff frt,ra0,rb
lfsux 7c00046e fc0007ff frt,ra,rb
lfdx 7c0004ae fc0007ff frt,ra0,rb
lfdux 7c0004ee fc0007ff frt,ra,rb
stfsx 7c00052e fc0007ff frt,ra0,rb
stfsux 7c00056e fc0007ff frt,ra,rb
stfdx 7c0005ae fc0007ff frt,ra0,rb
stfdux 7c0005ee fc0007ff frt,ra,rb
lfiwax 7c0006ae fc0007ff frt,ra0,rb
lfiwzx 7c0006ee fc0007ff frt,ra0,rb
stfiwx 7c0007ae fc0007ff frt,ra0,rb
lfs c0000000 fc000000 frt,d(ra0)
lfsu c4000000 fc000000 frt,d(ra)
lfd c8000000 fc000000 frt,d(ra0)
lfdu cc000000 fc000000 frt,d(ra)
stfs d0000000 fc000000 frt,d(ra0)
stfsu d4000000 fc000000 frt,d(ra)
stfd d8000000 fc000000 frt,d(ra0)
stfdu dc000000 fc000000 frt,d(ra)
dadd ec000004 fc0007ff frt,fra,frb
dadd. ec000005 fc0007ff frt,fra,frb
dqua ec000006 fc0001ff frt,fra,frb,n21_22
dqua. ec000007 fc0001ff frt,fra,frb,n21_22
fdivs ec000024 fc0007ff frt,fra,frb
fdivs. ec000025 fc0007ff frt,fra,frb
fsubs ec000028 fc0007ff frt,fra,frb
fsubs. ec000029 fc0007ff frt,fra,frb
fadds ec00002a fc0007ff frt,fra,frb
fadds. ec00002b fc0007ff frt,fra,frb
fsqrts ec00002c fc1f07ff frt,frb
fsqrts. ec00002d fc1f07ff frt,frb
fres ec000030 fc1f07ff frt,frb
fres. ec000031 fc1f07ff frt,frb
fmuls ec000032 fc00f83f frt,fra,frc
fmuls. ec000033 fc00f83f frt,fra,frc
frsqrtes ec000034 fc1f07ff frt,frb
frsqrtes. ec000035 fc1f07ff frt,frb
fmsubs ec000038 fc00003f frt,fra,frc,frb
fmsubs. ec000039 fc00003f frt,fra,frc,frb
fmadds ec00003a fc00003f frt,fra,frc,frb
fmadds. ec00003b fc00003f frt,fra,frc,frb
fnmsubs ec00003c fc00003f frt,fra,frc,frb
fnmsubs. ec00003d fc00003f frt,fra,frc,frb
fnmadds ec00003e fc00003f frt,fra,frc,frb
fnmadds. ec00003f fc00003f frt,fra,frc,frb
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
fcfids ec00069c fc1f07ff frt,frb
fcfids. ec00069d fc1f07ff frt,frb
diex ec0006c4 fc0007ff frt,fra,frb
diex. ec0006c5 fc0007ff frt,fra,frb
fcfidus ec00079c fc1f07ff frt,frb
fcfidus. ec00079d fc1f07ff frt,frb
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
fcmpu fc000000 fc6007ff bf,fra,frb
fcpsgn fc000010 fc0007ff frt,fra,frb
fcpsgn. fc000011 fc0007ff frt,fra,frb
frsp fc000018 fc1f07ff frt,frb
frsp. fc000019 fc1f07ff frt,frb
fctiw fc00001c fc1f07ff frt,frb
fctiw. fc00001d fc1f07ff frt,frb
fctiwz fc00001e fc1f07ff frt,frb
fctiwz. fc00001f fc1f07ff frt,frb
fdiv fc000024 fc0007ff frt,fra,frb
fdiv. fc000025 fc0007ff frt,fra,frb
fsub fc000028 fc0007ff frt,fra,frb
fsub. fc000029 fc0007ff frt,fra,frb
fadd fc00002a fc0007ff frt,fra,frb
fadd. fc00002b fc0007ff frt,fra,frb
fsqrt fc00002c fc1f07ff frt,frb
fsqrt. fc00002d fc1f07ff frt,frb
fsel fc00002e fc00003f frt,fra,frc,frb
fsel. fc00002f fc00003f frt,fra,frc,frb
fre fc000030 fc1f07ff frt,frb
fre. fc000031 fc1f07ff frt,frb
fmul fc000032 fc00f83f frt,fra,frc
fmul. fc000033 fc00f83f frt,fra,frc
frsqrte fc000034 fc1f07ff frt,frb
frsqrte. fc000035 fc1f07ff frt,frb
fmsub fc000038 fc00003f frt,fra,frc,frb
fmsub. fc000039 fc00003f frt,fra,frc,frb
fmadd fc00003a fc00003f frt,fra,frc,frb
fmadd. fc00003b fc00003f frt,fra,frc,frb
fnmsub fc00003c fc00003f frt,fra,frc,frb
fnmsub. fc00003d fc00003f frt,fra,frc,frb
fnmadd fc00003e fc00003f frt,fra,frc,frb
fnmadd. fc00003f fc00003f frt,fra,frc,frb
fcmpo fc000040 fc6007ff bf,fra,frb
mtfsb1 fc00004c fc1fffff n6_10
mtfsb1. fc00004d fc1fffff n6_10
fneg fc000050 fc1f07ff frt,frb
fneg. fc000051 fc1f07ff frt,frb
mcrfs fc000080 fc63ffff bf,bfa
dscliq fc000084 fc2103ff frt,fra,n16_21
dscliq. fc000085 fc2103ff frt,fra,n16_21
mtfsb0 fc00008c fc1fffff n6_10
mtfsb0. fc00008d fc1fffff n6_10
fmr fc000090 fc1f07ff frt,frb
fmr. fc000091 fc1f07ff frt,frb
dscriq fc0000c4 fc2103ff frt,fra,n16_21
dscriq. fc0000c5 fc2103ff frt,fra,n16_21
ftdiv fc000100 fc6007ff bf,fra,frb
mtfsfi fc00010c fc7e0fff n6_8,n16_19,[n15_15]
mtfsfi. fc00010d fc7e0fff n6_8,n16_19,[n15_15]
fnabs fc000110 fc1f07ff frt,frb
fnabs. fc000111 fc1f07ff frt,frb
fctiwu fc00011c fc1f07ff frt,frb
fctiwu. fc00011d fc1f07ff frt,frb
fctiwuz fc00011e fc1f07ff frt,frb
fctiwuz. fc00011f fc1f07ff frt,frb
ftsqrt fc000140 fc7f07ff bf,frb
fabs fc000210 fc1f07ff frt,frb
fabs. fc000211 fc1f07ff frt,frb
frin fc000310 fc1f07ff frt,frb
frin. fc000311 fc1f07ff frt,frb
friz fc000350 fc1f07ff frt,frb
friz. fc000351 fc1f07ff frt,frb
frip fc000390 fc1f07ff frt,frb
frip. fc000391 fc1f07ff frt,frb
frim fc0003d0 fc1f07ff frt,frb
frim. fc0003d1 fc1f07ff frt,frb
mffs fc00048e fc1fffff frt
mffs. fc00048f fc1fffff frt
mtfsf fc00058e fc0007ff n7_14,frb,[n6_6],[n15_15]
mtfsf. fc00058f fc0007ff n7_14,frb,[n6_6],[n15_15]
fctid fc00065c fc1f07ff frt,frb
fctid. fc00065d fc1f07ff frt,frb
fctidz fc00065e fc1f07ff frt,frb
fctidz. fc00065f fc1f07ff frt,frb
fmrgow fc00068c fc0007ff frt,fra,frb
fcfid fc00069c fc1f07ff frt,frb
fcfid. fc00069d fc1f07ff frt,frb
fctidu fc00075c fc1f07ff frt,frb
fctidu. fc00075d fc1f07ff frt,frb
fctiduz fc00075e fc1f07ff frt,frb
fctiduz. fc00075f fc1f07ff frt,frb
fmrgew fc00078c fc0007ff frt,fra,frb
fcfidu fc00079c fc1f07ff frt,frb
fcfidu. fc00079d fc1f07ff frt,frb
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

const VECTOR_SCALAR = `
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
  ...read(VECTOR_SCALAR, 'vector-scalar instruction', 'VSX'),
  ...read(OTHER, 'instruction of another facility'),
]
