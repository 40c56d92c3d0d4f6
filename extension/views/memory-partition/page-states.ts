/** What each state of a guest page in the ultravisor means, in words (spec/ultravisor.md §5.2). */
export const pageStates: Readonly<Record<string, string>> = {
  SECURE: 'in secure memory, for the SVM alone.',
  PAGEDOUT: 'given to the hypervisor encrypted; the next access brings it back.',
  SHARED: 'shared because the SVM asked for it: the guest uses a page of the hypervisor.',
  SHARED_INV: 'shared, and the hypervisor has taken its page away for now.',
  SHARED_IMPLICIT:
    'a page of the hypervisor that the ultravisor uses and the guest does not see; it cannot be unshared.',
  SHARED_IMPLICIT_INV: 'shared implicitly, and the hypervisor has taken its page away for now.',
  HV_SHARING: 'on the way to be shared: the hypervisor has been asked for a page; the guest still has its secure page.',
  HV_SHARED: 'on the way to be shared: the hypervisor has given a page; the guest still has its secure page.',
  HV_SHARED_INV: 'on the way to be shared: the hypervisor gave a page and took it away again.',
  HV_UNSHARING: 'on the way back to secure memory: the page of the hypervisor is still in use.',
  HV_UNSHARING_INV: 'on the way back to secure memory: the hypervisor took its page away meanwhile.',
  HV_UNSHARED: 'on the way back to secure memory: the page of the hypervisor is in use until that is done.',
  PSEUDO_SHARED: 'shared for the hypervisor, secure for the guest: each sees its own page; it cannot be unshared.',
  PSEUDO_SHARED_INV: 'as PSEUDO_SHARED, and the hypervisor has taken its page away for now.',
}
