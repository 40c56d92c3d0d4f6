/* Entry and output of the programs of this folder, which need no library: system calls of Linux. */
#include "program.h"

static long call(unsigned long number, unsigned long a, unsigned long b, unsigned long c)
{
    register unsigned long r0 __asm__("r0") = number, r3 __asm__("r3") = a, r4 __asm__("r4") = b, r5 __asm__("r5") = c;
    __asm__ volatile("sc"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5)
                     :
                     : "r6", "r7", "r8", "r9", "r10", "r11", "r12", "ctr", "cr0", "memory");
    return r3;
}

static char line[80];

void print(const char *name, const void *data, int bytes)
{
    int length = 0;
    while (*name) line[length++] = *name++;
    line[length++] = ' ';
    for (int i = 0; i < bytes; i++) {
        unsigned byte = ((const unsigned char *)data)[i];
        line[length++] = "0123456789abcdef"[byte >> 4];
        line[length++] = "0123456789abcdef"[byte & 15];
    }
    line[length++] = '\n';
    call(4, 1, (unsigned long)line, length); /* write */
}

void start(void)
{
    run();
    for (;;)
        call(1, 0, 0, 0); /* exit */
}

/* The compiler may ask for these. */
void *memcpy(void *to, const void *from, unsigned long length)
{
    for (unsigned long i = 0; i < length; i++) {
        ((volatile char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}

void *memset(void *to, int value, unsigned long length)
{
    for (unsigned long i = 0; i < length; i++) {
        ((volatile char *)to)[i] = (char)value;
    }
    return to;
}
