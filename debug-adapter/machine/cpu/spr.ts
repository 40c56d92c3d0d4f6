/** Special purpose register numbers (Power ISA 3.0C III 5.4.1; the ultravisor's from spec/ultravisor.md §1.2). */
export const SPR = {
  XER: 1, DSCR_P: 3, LR: 8, CTR: 9, AMR_P: 13, DSCR: 17, DSISR: 18, DAR: 19, DEC: 22, SRR0: 26, SRR1: 27, CFAR: 28,
  AMR: 29, PIDR: 48, IAMR: 61, CTRL_R: 136, CTRL: 152, FSCR: 153, UAMOR: 157, PSPB: 159, DPDES: 176, DAWR0: 180,
  CIABR: 187, DAWRX0: 188, HFSCR: 190, VRSAVE: 256, SPRG3_R: 259, TB: 268, TBU: 269, SPRG0: 272, SPRG1: 273, SPRG2: 274,
  SPRG3: 275, TBL_W: 284, TBU_W: 285, TBU40: 286, PVR: 287, HSPRG0: 304, HSPRG1: 305, HDSISR: 306, HDAR: 307, SPURR: 308,
  PURR: 309, HDEC: 310, HRMOR: 313, HSRR0: 314, HSRR1: 315, LPCR: 318, LPIDR: 319, HMER: 336, HMEER: 337, PCR: 338,
  HEIR: 339, AMOR: 349, TIDR: 144, PTCR: 464, USPRG0: 496, USPRG1: 497, UDAR: 499, SEIDR: 504, URMOR: 505, USRR0: 506,
  USRR1: 507, UEIR: 509, ACMCR: 510, SMFCTRL: 511, TRACE: 1006, MMCR2: 785, MMCRA: 786, PMC1: 787, PMC2: 788, PMC3: 789,
  PMC4: 790, PMC5: 791, PMC6: 792, MMCR0: 795, SIAR: 796, SDAR: 797, MMCR1: 798, IMC: 799, EBBHR: 804, EBBRR: 805,
  BESCR: 806, LMRR: 813, LMSER: 814, TAR: 815, ASDR: 816, PSSCR_P: 823, IC: 848, VTB: 849, LDBAR: 850, MMCRC: 851,
  PSSCR: 855, TRIG2: 882, PPR: 896, PPR32: 898, PIR: 1023, HID0: 1008,
} as const

export type SprName = keyof typeof SPR

const names = new Map<number, string>(Object.entries(SPR).map(([name, number]) => [number, name]))

/** `SRR0` for 26; `SPR 900` for a number without a name here. */
export function sprName(number: number): string {
  return names.get(number) ?? `SPR ${number}`
}
