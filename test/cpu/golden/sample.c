/* What a compiler makes of ordinary code, for the disassembler's golden text: regenerate.mjs compiles it. */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

struct node { struct node *next; u64 key; int balance; short tag; char name[10]; };

u64 sum(const struct node *n) { u64 s = 0; for (; n; n = n->next) s += n->key * 7 + n->balance; return s; }
int compare(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return (u8)*a - (u8)*b; }
void copy(u8 *to, const u8 *from, u64 n) { while (n--) *to++ = *from++; }
u32 rotate(u32 x, int n) { return (x << (n & 31)) | (x >> (-n & 31)); }
u64 fields(u64 x) { return ((x >> 13) & 0x3ff) | ((x & 0xff) << 40) | (x & 0xffff000000000000ul); }
long divide(long a, long b, u32 c, u32 d) { return a / b + a % b + c / d + c % d; }
u64 high(u64 a, u64 b) { return (u64)(((unsigned __int128)a * b) >> 64); }
int choose(long a, long b, int c) { return a > b ? c * 3 : (a == b ? -c : c >> 3); }
u64 bits(u64 x) { return __builtin_popcountl(x) + __builtin_clzl(x) + __builtin_ctzl(x) + __builtin_bswap64(x); }
u32 swap(const u32 *p) { return __builtin_bswap32(*p); }
int switches(int n) { switch (n) { case 0: return 5; case 1: return 17; case 2: return -3; case 3: return 99; case 4: return 1000; case 5: return 70000; } return 0; }
long call(long (*f)(long, long), long x) { return f(x, x + 1) + f(x - 1, 2); }
u64 atomic(u64 *p, u64 v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
int exchange(u32 *p, u32 a, u32 b) { return __atomic_compare_exchange_n(p, &a, b, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED); }
long recursive(long n) { return n < 2 ? n : recursive(n - 1) + recursive(n - 2); }
void store(struct node *n, long v) { n->tag = v; n->balance = v >> 16; n->name[3] = v; n->key = ~v & 0x7fffffff; }
double scale(double x, float y) { return x * y + 2.5; }
unsigned __int128 wide(unsigned __int128 a, unsigned __int128 b) { return a - b + (a >> 3); }
long system_call(long n, long a) {
  register long r3 __asm__("r3") = n; register long r4 __asm__("r4") = a;
  __asm__ volatile("sc 1" : "+r"(r3), "+r"(r4) : : "memory", "cr0", "ctr", "lr");
  return r3 + r4;
}
void privileged(u64 x) { __asm__ volatile("mtmsrd %0\n\tmtspr 315,%0\n\tmfspr %0,272\n\thrfid\n\ttlbie %0,%0\n\tdcbz 0,%0\n\tptesync\n\tisync" : "+r"(x)); }
