/* The primes below a million, by the sieve of Eratosthenes. */
#include "program.h"

#define LIMIT 1000000
#define ROUNDS 60
static u8 composite[LIMIT];

u64 work(void)
{
    u64 sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (u64 i = 0; i < LIMIT; i++) composite[i] = 0;
        for (u64 i = 2; i * i < LIMIT; i++)
            if (!composite[i])
                for (u64 k = i * i; k < LIMIT; k += i) composite[k] = 1;
        for (u64 i = 2; i < LIMIT; i++)
            if (!composite[i]) sum += i ^ (u64)round;
    }
    return sum;
}
