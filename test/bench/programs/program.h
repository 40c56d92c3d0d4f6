/* What every program of the benchmark defines: work(), which gives a checksum, so that all that run it can be compared. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

u64 work(void);
