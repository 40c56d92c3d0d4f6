/* Copies of memory: in doublewords, in bytes, and filling. */
#include "program.h"

#define BYTES 65536
static u64 from[BYTES / 8], to[BYTES / 8 + 2];

static __attribute__((noinline)) void copy(u64 *t, const u64 *f, u64 n)
{
    for (u64 i = 0; i < n; i += 4) {
        u64 a = f[i], b = f[i + 1], c = f[i + 2], d = f[i + 3];
        t[i] = a, t[i + 1] = b, t[i + 2] = c, t[i + 3] = d;
    }
}

static __attribute__((noinline)) void copy_bytes(u8 *t, const u8 *f, u64 n)
{
    for (u64 i = 0; i < n; i++) t[i] = f[i];
}

u64 work(void)
{
    u64 sum = 0;
    for (u64 i = 0; i < BYTES / 8; i++) from[i] = i * 0x9e3779b97f4a7c15UL;
    for (u64 round = 0; round < 30000; round++) {
        copy(to, from, BYTES / 8);
        if (round % 16 == 0) copy_bytes((u8 *)to + 3, (const u8 *)from, BYTES);
        from[round % (BYTES / 8)] += to[(round * 7) % (BYTES / 8)];
        sum = sum * 31 + to[round % (BYTES / 8)];
    }
    return sum;
}
