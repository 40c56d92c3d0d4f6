/* An interpreter of a small stack machine: branches that depend on data. */
#include "program.h"

enum { PUSH, ADD, SUB, XOR, DUP, SWAP, LOAD, STORE, JUMP_NOT, JUMP, LESS, AND, SHIFT, END };

static const u8 code[] = {
    PUSH, 0,   STORE, 0,          /* i = 0 */
    PUSH, 1,   STORE, 1,          /* x = 1 */
    LOAD, 0,   PUSH,  200, LESS,  /* 8: i < 200 */
    JUMP_NOT, 52,
    LOAD, 1,   DUP,   SHIFT, XOR, /* x ^= x << 1 */
    LOAD, 0,   ADD,   STORE, 1,
    LOAD, 1,   PUSH,  1,   AND,   /* odd? */
    JUMP_NOT, 43,
    LOAD, 1,   PUSH,  77,  SUB,   STORE, 1,
    PUSH, 0,   JUMP_NOT, 43,
    LOAD, 0,   PUSH,  1,   ADD,   STORE, 0, /* 43: i++ */
    JUMP, 8,
    END, /* 52 */
};

static u64 run(u64 start)
{
    u64 stack[16], variables[4] = {0};
    u64 *sp = stack;
    const u8 *at = code;
    u64 steps = start;
    for (;;) {
        steps++;
        switch (*at++) {
        case PUSH: *sp++ = *at++; break;
        case ADD: sp--, sp[-1] += sp[0]; break;
        case SUB: sp--, sp[-1] -= sp[0]; break;
        case XOR: sp--, sp[-1] ^= sp[0]; break;
        case DUP: sp[0] = sp[-1], sp++; break;
        case SWAP: { u64 t = sp[-1]; sp[-1] = sp[-2], sp[-2] = t; break; }
        case LOAD: *sp++ = variables[*at++]; break;
        case STORE: variables[*at++] = *--sp; break;
        case JUMP_NOT: if (!*--sp) at = code + *at; else at++; break;
        case JUMP: at = code + *at; break;
        case LESS: sp--, sp[-1] = sp[-1] < sp[0]; break;
        case AND: sp--, sp[-1] &= sp[0]; break;
        case SHIFT: sp[-1] = sp[-1] << 1 | (start & 1); break;
        default: return variables[1] + steps;
        }
    }
}

u64 work(void)
{
    u64 sum = 0;
    for (u64 i = 0; i < 6000; i++) sum = sum * 5 + run(i);
    return sum;
}
