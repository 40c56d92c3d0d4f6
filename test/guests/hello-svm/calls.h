/* Hypercalls and ultracalls of the guest. Numbers: PAPR, and Linux arch/powerpc/include/asm/ultravisor-api.h. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define H_PUT_TERM_CHAR		0x58
#define H_RTAS			0xf000

#define UV_ESM			0xf110
#define UV_SHARE_PAGE		0xf130
#define UV_UNSHARE_PAGE		0xf134

#define PAGE_SHIFT		16
#define MSR_S			(1ul << 22)

long hcall(u64 number, u64 a1, u64 a2, u64 a3, u64 a4);
long ucall(u64 number, u64 a1, u64 a2);
long ucall_get_file(u64 offset, const u64 name[8], u64 data[8]);

static inline u64 mfmsr(void)
{
	u64 msr;

	asm volatile("mfmsr %0" : "=r" (msr));
	return msr;
}

static inline u32 be32(const void *p)
{
	return __builtin_bswap32(*(const u32 *)p);
}
