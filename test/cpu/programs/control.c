/* What compilers make of control flow and of calls: jumps out of functions, variable arguments, tables of jumps and of functions,
   structures by value, wide integers, conversions, atomic operations. Each line is a checksum or a value. */
#include <stdarg.h>
#include "program.h"

typedef unsigned long u64;
typedef unsigned __int128 u128;

static u64 sum;
static void mix(u64 value)
{
    sum = (sum ^ value) * 0x100000001b3UL;
    sum ^= sum >> 29;
}
static void say(const char *name)
{
    print(name, &sum, sizeof sum);
    sum = 0xcbf29ce484222325UL;
}

/* Out of a deep recursion, again and again, with values that must survive it. */
static void *frame[5];
static volatile int depth;
__attribute__((noinline)) static void descend(int levels)
{
    volatile double keep = levels * 1.25;
    if (levels == 0) __builtin_longjmp(frame, 1);
    depth++;
    descend(levels - 1);
    mix((u64)keep);
}
__attribute__((noinline)) static void jumps(void)
{
    for (volatile int round = 0; round < 50; round++) {
        depth = 0;
        if (__builtin_setjmp(frame) == 0) {
            descend(round);
            mix(0xdead);
        } else
            mix((u64)depth * 1000 + round);
    }
    say("longjmp");
}

__attribute__((noinline)) static u64 many(const char *kinds, ...)
{
    va_list list, again;
    va_start(list, kinds);
    va_copy(again, list);
    u64 found = 0;
    for (const char *kind = kinds; *kind; kind++) {
        if (*kind == 'i') found = found * 31 + (unsigned)va_arg(list, int);
        else if (*kind == 'l') found = found * 31 + va_arg(list, u64);
        else if (*kind == 'd') found = found * 31 + (u64)(va_arg(list, double) * 16.0);
        else found = found * 31 + (u64)*va_arg(list, const char *);
    }
    va_end(list);
    if (*kinds == 'i') found += va_arg(again, int);
    va_end(again);
    return found;
}
static void arguments(void)
{
    mix(many("ildsildsilds", 1, 2UL, 3.5, "x", -4, 5UL, -6.25, "y", 7, 8UL, 9.75, "z"));
    mix(many("dddddddddddddddd", 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15., 16.5));
    mix(many("llllllllllll", 1UL, 2UL, 3UL, 4UL, 5UL, 6UL, 7UL, 8UL, 9UL, 10UL, 11UL, 12UL));
    say("varargs");
}

__attribute__((noinline)) static int table(int which, int x)
{
    switch (which) {
    case 0: return x + 1;
    case 1: return x * 3;
    case 2: return x ^ 0x55;
    case 3: return x << 2;
    case 4: return x >> 1;
    case 5: return -x;
    case 6: return x / 7;
    case 7: return x % 11;
    case 8: return ~x;
    case 9: return x & 0xff00;
    default: return which;
    }
}
static int one(int x) { return x * x; }
static int two(int x) { return x - 17; }
static int three(int x) { return x ^ (x >> 3); }
static int (*const functions[])(int) = {one, two, three};
static void tables(void)
{
    int x = 12345;
    for (int i = 0; i < 500; i++) {
        /* Short enough for every function of it. */
        x = table((i * 7) % 13, x & 0x3fff);
        x = functions[(unsigned)(i * 5) % 3](x & 0x3fff);
        mix((u64)(long)x);
    }
    say("tables");
}

struct small { int a; float b; };
struct homogeneous { double x, y, z; };
struct large { u64 words[9]; char tail; };
struct bits { unsigned a : 3, b : 11; int c : 7; u64 d : 33; };
__attribute__((noinline)) static struct small smaller(struct small s) { return (struct small){s.a * 2, s.b / 4}; }
__attribute__((noinline)) static struct homogeneous scaled(struct homogeneous h, double by)
{
    return (struct homogeneous){h.x * by, h.y / by, h.z - by};
}
__attribute__((noinline)) static struct large turned(struct large l)
{
    struct large to = {.tail = (char)(l.tail + 1)};
    for (int i = 0; i < 9; i++) to.words[i] = l.words[8 - i] ^ (u64)l.tail;
    return to;
}
static void structures(void)
{
    struct small s = {5, 3.0f};
    struct homogeneous h = {1.5, 2.5, 3.5};
    struct large l = {{1, 2, 3, 4, 5, 6, 7, 8, 9}, 'q'};
    struct bits b = {0};
    for (int i = 0; i < 40; i++) {
        s = smaller(s);
        h = scaled((struct homogeneous){h.y + i, h.x / 8, i}, 1.0 + i * 0.125);
        l = turned(l);
        b.a += 3;
        b.b = (unsigned)(b.b * 5 + b.a);
        b.c = (int)(((unsigned)b.c - b.b) & 63);
        b.d = b.d * 3 + (u64)(long)b.c;
        mix((u64)s.a ^ (u64)(s.b * 4096.0f));
        mix((u64)(long)(h.x * 8) + (u64)(long)(h.y * 1048576) + (u64)(long)(h.z * 8));
        mix(l.words[i % 9] + (u64)l.tail);
        mix(b.d ^ b.b ^ ((u64)(unsigned)b.c << 40));
    }
    say("structures");
}

static void wide(void)
{
    volatile u64 seed = 0x9e3779b97f4a7c15UL;
    u128 x = seed, y = 1;
    for (int i = 0; i < 200; i++) {
        x = x * 0xda942042e4dd58b5UL + i;
        y = (y << 7) ^ (x >> 61) ^ (y >> 90);
        u128 divisor = (y >> (i % 100)) | 1;
        u128 q = x / divisor, r = x % divisor;
        mix((u64)q ^ (u64)(q >> 64));
        mix((u64)r ^ (u64)(r >> 64));
        mix((u64)__builtin_popcountl((u64)x) + (u64)__builtin_clzl((u64)y | 1) + (u64)__builtin_ctzl((u64)y | 256));
        mix(__builtin_bswap64((u64)x) + __builtin_bswap32((unsigned)y));
        mix((u64)((long)(u64)x >> (i % 63)) + (u64)__builtin_add_overflow((long)(u64)x, (long)(u64)y, &(long){0}));
    }
    say("wide");
}

static void conversions(void)
{
    volatile double d = 1.0;
    volatile float f = 1.0f;
    for (int i = 1; i < 300; i++) {
        d = d * -0.97 + i * 1000.25;
        f = (float)d / 3.0f + f * 0.5f;
        mix((u64)(long)d);
        mix((u64)(int)f);
        mix((u64)(d < 0 ? -d : d));
        mix((u64)(unsigned)(f < 0 ? -f : f));
        mix((u64)((double)(u64)(0x8000000000000000UL + (u64)i * 0x3ff) / 65536.0));
        mix((u64)(long)((float)(i * 0x123456789L) / 3.0f));
        mix((u64)(d > f) + 2 * (u64)(d == f) + 4 * (u64)__builtin_isunordered(d, f));
    }
    say("conversions");
}

static u64 word;
static unsigned half;
static unsigned char byte;
static void atomics(void)
{
    for (u64 i = 0; i < 200; i++) {
        mix(__atomic_fetch_add(&word, i * 0x10001, __ATOMIC_SEQ_CST));
        mix(__atomic_exchange_n(&half, (unsigned)i, __ATOMIC_ACQ_REL));
        mix(__atomic_or_fetch(&byte, (unsigned char)i, __ATOMIC_RELAXED));
        u64 expected = word + (i & 1);
        mix((u64)__atomic_compare_exchange_n(&word, &expected, word ^ 0xff, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
        mix(expected);
    }
    say("atomics");
}

__attribute__((noinline)) static u64 ackermann(u64 m, u64 n)
{
    if (m == 0) return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
__attribute__((noinline)) static void room(int bytes)
{
    unsigned char *at = __builtin_alloca((u64)bytes);
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(i * bytes);
    for (int i = 0; i < bytes; i += 3) mix(at[i]);
}

void run(void)
{
    say("begin");
    jumps();
    arguments();
    tables();
    structures();
    wide();
    conversions();
    atomics();
    mix(ackermann(2, 30));
    for (int i = 1; i < 200; i += 13) room(i);
    say("stack");
}
