/* Loops that a compiler makes vector instructions of. Each prints a checksum of what it computed. */
#include "program.h"

enum { N = 333 };
static unsigned char ub[N], vb[N], wb[N];
static signed char sb[N], tb[N];
static unsigned short uh[N], vh[N], wh[N];
static short sh[N], th[N], rh[N];
static unsigned uw[N], vw[N], ww[N];
static int sw[N], tw[N], rw[N];
static unsigned long ud[N], vd[N], wd[N];
static long sd[N], td[N], rd[N];

static unsigned long state = 88172645463325252UL;
static unsigned long next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(void *to, int bytes)
{
    for (int i = 0; i < bytes; i++) ((unsigned char *)to)[i] = (unsigned char)(next() >> 24);
}

static void check(const char *name, const void *data, int bytes)
{
    unsigned long sum = 0;
    for (int i = 0; i < bytes; i++) sum = (sum ^ ((const unsigned char *)data)[i]) * 0x100000001b3UL;
    print(name, &sum, sizeof sum);
}

#define LOOP(name, target, ...)                       \
    do {                                              \
        for (int i = 0; i < N; i++) target[i] = __VA_ARGS__; \
        check(name, target, sizeof target);           \
    } while (0)

static int clamp(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

static void bytes(void)
{
    LOOP("byte add", wb, ub[i] + vb[i]);
    LOOP("byte average", wb, (ub[i] + vb[i] + 1) >> 1);
    LOOP("byte difference", wb, ub[i] > vb[i] ? ub[i] - vb[i] : vb[i] - ub[i]);
    LOOP("byte maximum", wb, ub[i] > vb[i] ? ub[i] : vb[i]);
    LOOP("byte shift", wb, (unsigned char)(ub[i] << 3) | ub[i] >> 5);
    LOOP("byte select", wb, sb[i] > tb[i] ? ub[i] : 7);
    LOOP("byte saturate", wb, ub[i] + vb[i] > 255 ? 255 : ub[i] + vb[i]);
    LOOP("byte to halfword", rh, sb[i] * tb[i]);
    LOOP("byte to word", ww, ub[i] * vb[i] + ub[N - 1 - i]);
    unsigned sum = 0;
    for (int i = 0; i < N; i++) sum += ub[i] * vb[i];
    print("byte dot", &sum, sizeof sum);
    int signedSum = 0;
    for (int i = 0; i < N; i++) signedSum += sb[i];
    print("byte sum", &signedSum, sizeof signedSum);
}

static void halfwords(void)
{
    LOOP("halfword multiply", rh, sh[i] * th[i] + 3);
    LOOP("halfword high", rh, (sh[i] * th[i]) >> 16);
    LOOP("halfword right", wh, uh[i] >> (vh[i] & 15));
    LOOP("halfword right signed", rh, sh[i] >> (vh[i] & 15));
    LOOP("halfword left", wh, uh[i] << (vh[i] & 15));
    LOOP("halfword clamp", rh, clamp(sh[i] + th[i], -1000, 1000));
    LOOP("halfword to byte", tb, sh[i] >> 4);
    LOOP("halfword swap", wh, __builtin_bswap16(uh[i]));
    int sum = 0;
    for (int i = 0; i < N; i++) sum += sh[i] * th[i];
    print("halfword dot", &sum, sizeof sum);
}

static void words(void)
{
    LOOP("word multiply", ww, uw[i] * vw[i]);
    LOOP("word rotate", ww, uw[i] << 7 | uw[i] >> 25);
    LOOP("word shift", rw, sw[i] >> (vw[i] & 31));
    LOOP("word absolute", rw, sw[i] < 0 ? -sw[i] : sw[i]);
    LOOP("word count", rw, __builtin_popcount(uw[i]) + __builtin_clz(uw[i] | 1));
    LOOP("word divide", ww, uw[i] / 10);
    LOOP("word to doubleword", rd, (long)sw[i] * tw[i]);
    LOOP("word minimum", rw, sw[i] < tw[i] ? sw[i] : tw[i]);
    LOOP("word index", rw, i * 3 - sw[N - 1 - i]);
    unsigned most = 0;
    for (int i = 0; i < N; i++) most = uw[i] > most ? uw[i] : most;
    print("word most", &most, sizeof most);
}

static void doublewords(void)
{
    LOOP("doubleword add", wd, ud[i] + vd[i] * 3);
    LOOP("doubleword rotate", wd, ud[i] << (i & 63) | ud[i] >> (-i & 63));
    LOOP("doubleword shift", rd, sd[i] >> (vd[i] & 63));
    LOOP("doubleword maximum", wd, ud[i] > vd[i] ? ud[i] : vd[i]);
    LOOP("doubleword select", rd, sd[i] > td[i] ? sd[i] : -td[i]);
    LOOP("doubleword to word", rw, (int)(sd[i] >> 9));
    LOOP("doubleword count", wd, __builtin_popcountl(ud[i]));
    __int128 sum = 0;
    for (int i = 0; i < N; i++) sum += (__int128)sd[i] * 5;
    print("quadword sum", &sum, sizeof sum);
}

void run(void)
{
    fill(ub, sizeof ub), fill(vb, sizeof vb), fill(sb, sizeof sb), fill(tb, sizeof tb);
    fill(uh, sizeof uh), fill(vh, sizeof vh), fill(sh, sizeof sh), fill(th, sizeof th);
    fill(uw, sizeof uw), fill(vw, sizeof vw), fill(sw, sizeof sw), fill(tw, sizeof tw);
    fill(ud, sizeof ud), fill(vd, sizeof vd), fill(sd, sizeof sd), fill(td, sizeof td);
    for (int i = 0; i < 20; i++) {
        bytes();
        halfwords();
        words();
        doublewords();
        for (int k = 0; k < N; k++) ub[k] ^= wb[k], sh[k] += rh[k], uw[k] += ww[k], sd[k] ^= rd[k];
    }
}
