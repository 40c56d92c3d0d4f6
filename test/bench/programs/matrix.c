/* Products of matrices in double. */
#include "program.h"

#define N 64
static double a[N][N], b[N][N], c[N][N];

u64 work(void)
{
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            a[i][k] = 1.0 / (1 + i + k);
            b[i][k] = (double)(i * 3 - k) / 7;
        }
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++) {
                double sum = 0;
                for (int j = 0; j < N; j++) sum += a[i][j] * b[j][k];
                c[i][k] = sum;
            }
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++) a[i][k] = c[k][i] / 19 + 0.125;
    }
    u64 sum = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            union {
                double d;
                u64 bits;
            } u = {c[i][k]};
            sum = sum * 31 + u.bits;
        }
    return sum;
}
