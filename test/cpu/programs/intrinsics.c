/* The vector facility by the operations of altivec.h: elements, saturation, sums, comparisons, ciphers, decimal integers. */
#include <altivec.h>
#include "program.h"

typedef __vector unsigned char Bytes;
typedef __vector signed char SignedBytes;
typedef __vector unsigned short Halfwords;
typedef __vector short SignedHalfwords;
typedef __vector unsigned Words;
typedef __vector int SignedWords;
typedef __vector unsigned long long Doublewords;
typedef __vector long long SignedDoublewords;
typedef __vector float Floats;
typedef __vector unsigned __int128 Quad;

static unsigned long state;
static unsigned long next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static Doublewords random(void) { return (Doublewords){next(), next()}; }

static Doublewords total;
static void add(Doublewords value) { total = (total << 1 | total >> 63) ^ value; }
#define ADD(value) add((Doublewords)(value))
static void done(const char *name)
{
    print(name, &total, sizeof total);
    total ^= total;
}

static unsigned char buffer[160] __attribute__((aligned(16)));

static void memory(Bytes a)
{
    for (int i = 0; i < 16; i++) {
        vec_st(a, 16, buffer + i);
        Bytes control = vec_lvsl(0, buffer + i);
        ADD(vec_perm(vec_ld(0, buffer + i), vec_ld(15, buffer + i), control));
        ADD(vec_lvsr(i, buffer));
        vec_ste((SignedWords)a, 4 * i, (int *)(buffer + 64));
        ADD(vec_ld(64 + 4 * i, buffer));
        a = vec_sld(a, a, 5);
    }
    done("memory");
}

static void permute(Bytes a, Bytes b, Bytes c)
{
    ADD(vec_perm(a, b, c));
    ADD(vec_sel(a, b, c));
    ADD(vec_sld(a, b, 3));
    ADD(vec_slo(a, c));
    ADD(vec_sro(a, c));
    ADD(vec_sll(a, vec_splat(c, 3)));
    ADD(vec_srl(a, vec_splat(c, 3)));
    ADD(vec_mergeh(a, b));
    ADD(vec_mergel((Words)a, (Words)b));
    ADD(vec_splat((Halfwords)a, 5));
    ADD(vec_pack((Words)a, (Words)b));
    ADD(vec_packs((SignedHalfwords)a, (SignedHalfwords)b));
    ADD(vec_packsu((SignedWords)a, (SignedWords)b));
    ADD(vec_unpackh((SignedBytes)a));
    ADD(vec_unpackl((SignedWords)a));
    ADD(vec_packpx((Words)a, (Words)b));
    ADD(vec_gb(a));
    ADD(vec_bperm(a, b));
    ADD(vec_revb((Words)a));
    done("permute");
}

static void integer(Bytes a, Bytes b, Bytes c)
{
    ADD(vec_adds((SignedBytes)a, (SignedBytes)b));
    ADD(vec_subs((Halfwords)a, (Halfwords)b));
    ADD(vec_adds((SignedWords)a, (SignedWords)b));
    ADD(vec_subs((Words)a, (Words)b));
    ADD(vec_mfvscr());
    ADD(vec_addc((Words)a, (Words)b));
    ADD(vec_avg((SignedBytes)a, (SignedBytes)b));
    ADD(vec_avg((Words)a, (Words)b));
    ADD(vec_mule(a, b));
    ADD(vec_mulo((SignedHalfwords)a, (SignedHalfwords)b));
    ADD(vec_mladd((Halfwords)a, (Halfwords)b, (Halfwords)c));
    ADD(vec_madds((SignedHalfwords)a, (SignedHalfwords)b, (SignedHalfwords)c));
    ADD(vec_mradds((SignedHalfwords)a, (SignedHalfwords)b, (SignedHalfwords)c));
    ADD(vec_msum(a, b, (Words)c));
    ADD(vec_msum((SignedBytes)a, b, (SignedWords)c));
    ADD(vec_msums((SignedHalfwords)a, (SignedHalfwords)b, (SignedWords)c));
    ADD(vec_sum4s(a, (Words)b));
    ADD(vec_sum2s((SignedWords)a, (SignedWords)b));
    ADD(vec_sums((SignedWords)a, (SignedWords)b));
    ADD(vec_rl(a, b));
    ADD(vec_sra((SignedHalfwords)a, (Halfwords)b));
    ADD(vec_sl(a, b));
    ADD(vec_sr((Halfwords)a, (Halfwords)b));
    ADD(vec_slv(a, b));
    ADD(vec_srv(a, b));
    ADD(vec_cntlz((Halfwords)a));
    ADD(vec_cnttz(a));
    ADD(vec_popcnt((Doublewords)a));
    ADD(vec_absd((Words)a, (Words)b));
    ADD(vec_max((SignedDoublewords)a, (SignedDoublewords)b));
    ADD((Quad)a + (Quad)b);
    ADD(vec_addc((Quad)a, (Quad)b));
    ADD((Quad)a - (Quad)b);
    ADD(vec_rlmi((Words)a, (Words)b, (Words)c));
    ADD(vec_parity_lsbb((Words)a));
    done("integer");
}

static void compare(Bytes a, Bytes b)
{
    unsigned counts[4] = {0, 0, 0, 0};
    for (int i = 0; i < 16; i++) {
        Bytes c = vec_sld(a, b, 7);
        counts[0] += vec_any_eq(a, c) + 2 * vec_all_gt(a, c) + 4 * vec_any_lt((Words)a, (Words)c);
        counts[1] += vec_all_ne((Doublewords)a, (Doublewords)c) + vec_any_ge((SignedHalfwords)a, (SignedHalfwords)c);
        counts[2] += vec_first_match_index(a, c);
        counts[3] += vec_cntlz_lsbb((SignedBytes)a) + vec_cnttz_lsbb((SignedBytes)c) + vec_xlx(i, a);
        ADD(vec_cmpgt((SignedBytes)a, (SignedBytes)c));
        ADD(vec_cmpnez((Halfwords)a, (Halfwords)c));
        b = a, a = c;
    }
    ADD(*(Words *)counts);
    done("compare");
}

static void convert(Words a)
{
    Floats x = vec_ctf((SignedWords)a, 9), y = vec_ctf(a, 0);
    ADD(x);
    ADD(y);
    ADD(vec_cts(x, 3));
    ADD(vec_ctu(y, 1));
    ADD(vec_floor(x));
    ADD(vec_round(x));
    ADD(vec_madd(x, y, x));
    ADD(vec_cmpb(x, y));
    done("convert");
}

static void crypto(Doublewords a, Doublewords b)
{
    for (int i = 0; i < 50; i++) {
        a = __builtin_crypto_vcipher(a, b);
        b = __builtin_crypto_vncipher(b, a);
        a = __builtin_crypto_vcipherlast(a, b);
        b = __builtin_crypto_vncipherlast(b, a);
        ADD(__builtin_crypto_vpmsumd(a, b));
        ADD(__builtin_crypto_vpmsumb((Bytes)a, (Bytes)b));
        ADD(__builtin_crypto_vshasigmaw((Words)a, 0, 5));
        ADD(__builtin_crypto_vshasigmad(b, 1, 10));
        ADD(__builtin_crypto_vpermxor((Bytes)a, (Bytes)b, (Bytes)a));
    }
    done("crypto");
}

static void decimal(void)
{
    Bytes one = {0x1c}, sum = {0x0c};
    int signs = 0;
    for (int i = 0; i < 100; i++) {
        sum = __builtin_bcdadd(sum, __builtin_bcdadd(sum, one, 0), 0);
        if (i % 7 == 0) sum = __builtin_bcdsub(one, sum, 0);
        signs = signs * 3 + __builtin_bcdadd_ov(sum, sum, 0) + __builtin_bcdsub_gt(sum, one, 0);
        ADD(sum);
    }
    ADD(((SignedWords){signs, 0, 0, 0}));
    done("decimal");
}

void run(void)
{
    state = 0x9e3779b97f4a7c15UL;
    for (int i = 0; i < 40; i++) {
        vec_mtvscr((Words){0, 0, 0, 0});
        Bytes a = (Bytes)random(), b = (Bytes)random(), c = (Bytes)random();
        memory(a);
        permute(a, b, c);
        integer(a, b, c);
        compare(a, b);
        convert((Words)c);
        crypto((Doublewords)a, (Doublewords)b);
    }
    decimal();
}
