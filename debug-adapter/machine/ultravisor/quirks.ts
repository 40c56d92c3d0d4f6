/**
 * The quirks of the released firmware (spec/ultravisor.md §9.2), one switch each. Off by default: the ultravisor does the sane
 * thing. On, it does what the released code does, so that a developer sees why an image dies on the real machine.
 */
const quirks = {
  Q01: 'of the registers that a hypercall does not need, R0 alone is random at the entry of the hypervisor, the others are 0',
  Q02: 'AMR is not masked while the hypervisor runs',
  Q03: 'a program interrupt that the ultravisor synthesises leaves SRR1 as it was',
  Q04: 'H_RANDOM of an SVM answers H_FUNCTION',
  Q05: 'R3 after H_RTAS of an SVM is 0xF000',
  Q06: 'a hypercall that is not in the register table stops the ultravisor',
  Q07: 'U_BUSY is -2, the value of U_FUNCTION',
  Q08: 'UV_ESMB_GET_FILE checks neither S nor the privilege of its caller',
  Q09: 'R3 of UV_SHARE_PAGE, UV_UNSHARE_PAGE and UV_UNSHARE_ALL_PAGES keeps the number of the call',
  Q10: 'UV_WRITE_PATE ignores doubleword 0 of an SVM silently',
  Q11: 'UV_RETURN with a wrong cookie stops the ultravisor',
  Q12: 'slot calls for a partition without an SVM stop the ultravisor; a slot id is cut to 16 bits',
  Q13: 'UV_UNREGISTER_MEM_SLOT makes one frame too many secure',
  Q14: 'UV_PAGE_IN does not check its flags',
  Q16: 'a page that left before the VM was secure comes back as ciphertext',
  Q17: 'the access lists of SCOM addresses are not enforced',
  Q18: 'UV_READ_MEM and UV_WRITE_MEM decode their handle differently, and an unknown one stops the ultravisor',
  Q19: 'the buffer of UV_READ_MEM may be secure memory',
  Q21: 'the fourth successful page-in of a page to be shared counts as a failure, four failures as success',
  Q22: 'a share that is taken back loses the contents of its pages',
  Q23: 'UV_UNSHARE_PAGE over a frame that is paged out loses its content',
  Q25: 'UV_ESMB_GET_FILE at an offset of 64 KiB or more stops the ultravisor',
  Q27: 'a UV_ESM that fails before H_SVM_INIT_START leaves an SVM behind: the VM can never become secure',
  Q29: 'a mismatch of the operand is a warning: the VM becomes secure with all of its pages',
  Q30: 'a boot processor that does not exist is noticed after H_SVM_INIT_DONE, when UV_ESM cannot be aborted: the ultravisor stops',
  Q31: 'bytes that nobody asked for stay in the pages that UV_ESM paged in',
  Q32: 'a TPM response of more than 4096 bytes stops the ultravisor',
  Q33: 'UV_PAGE_OUT while UV_ESM is aborted answers success and writes nothing',
  Q34: 'a share that the hypervisor withdrew before it was complete maps the withdrawn page',
  Q36: 'a fault on a page that the hypervisor does not bring back is taken again for ever',
  Q37: 'the instruction of an emulated access is fetched with its address taken as a guest physical one',
  Q38: 'an RTAS argument block that is not in guest memory stops the ultravisor',
  Q39: 'the number of RTAS arguments is not checked',
  Q40: 'an RTAS call whose buffer cannot be bounced is made all the same, with the address of the guest',
  Q41: 'results of RTAS are copied back by counts and lengths that the hypervisor can write',
  Q43: 'the address of reserved pages is rounded up after the search: they may lie over the range behind them',
  Q47: 'a frame from 2^24 on (1 TiB) is noted behind the bitmap of frames that UV_ESM paged in, and asked for again',
  Q49: 'attached files of more than 64 KiB are written over what lies behind their page',
  /** A number of this project: the specification lists these differences in its matrix, not in its register. */
  Q50: 'codes are those of the released code where its documentation promises others, and flags and ids go unchecked with them',
} as const

export type Quirk = keyof typeof quirks

export const quirkNames = Object.keys(quirks) as Quirk[]

/** Those of the register that have no switch, and why. */
export const quirksWithoutSwitch: Readonly<Record<string, string>> = {
  Q15: 'a page-out that fails leaves the frame without a translation: here it cannot fail once it has begun',
  Q20: 'a share over a frame in a transient state is left half done: one virtual processor never meets one',
  Q24: 'a lock too few: nothing runs beside this ultravisor',
  Q26: 'a leak of 64 KiB at the end of a file: this ultravisor has no such buffer',
  Q28: 'a failed share of the TPM page is not noticed: the first TPM command fails instead, with the same end',
  Q35: 'memory that a dump leaves out is ordinary heap: this machine dumps no ultravisor memory at all',
  Q42: 'the table of RTAS tokens is shared by all SVMs: every VM of this machine has the same tokens',
  Q44: 'lengths in a machine check report are not checked: no machine check report is carried into an SVM here',
  Q45: 'the policy for changing the password names PCR 16: see the TPM of this machine, which does so',
  Q46: 'OPAL is not told how the start of the ultravisor went: a failed start ends the machine',
  Q48: 'the number of a frame beyond 2^32 is cut: no VM here is that large',
}

/** One sentence about a quirk. */
export const quirkText = (quirk: Quirk): string => quirks[quirk]

/** Which quirks are on: none (`sane`), all (`faithful`), or those named. */
export type QuirkChoice = 'sane' | 'faithful' | readonly Quirk[]

/** @throws RangeError for a name that is no quirk with a switch */
export function chosenQuirks(choice: QuirkChoice | undefined): ReadonlySet<Quirk> {
  if (choice === undefined || choice === 'sane') return new Set()
  if (choice === 'faithful') return new Set(quirkNames)
  for (const name of choice)
    if (!Object.hasOwn(quirks, name))
      throw new RangeError(
        `quirk ${JSON.stringify(name)}: ${quirksWithoutSwitch[name] ?? `expected some of ${quirkNames.join(', ')}`}`,
      )
  return new Set(choice)
}
