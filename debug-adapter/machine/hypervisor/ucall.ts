/** The ultracalls that KVM makes, by number (Linux arch/powerpc/include/asm/ultravisor-api.h). */
export const UCALL = {
  UV_WRITE_PATE: 0xf104,
  UV_RETURN: 0xf11c,
  UV_REGISTER_MEM_SLOT: 0xf120,
  UV_UNREGISTER_MEM_SLOT: 0xf124,
  UV_PAGE_IN: 0xf128,
  UV_PAGE_OUT: 0xf12c,
  UV_PAGE_INVAL: 0xf138,
  UV_SVM_TERMINATE: 0xf13c,
} as const
