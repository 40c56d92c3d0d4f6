/* Linked lists and trees in no order of memory: chains of loads, calls through pointers, recursion. */
#include "program.h"

#define NODES 4096
struct node {
    struct node *next, *left, *right;
    u64 key;
    u64 (*visit)(struct node *, u64);
};
static struct node nodes[NODES];

static u64 visit_add(struct node *n, u64 sum)
{
    return sum + n->key;
}
static u64 visit_xor(struct node *n, u64 sum)
{
    return (sum ^ n->key) * 3;
}
static u64 visit_turn(struct node *n, u64 sum)
{
    return (sum << 5 | sum >> 59) - n->key;
}

static void insert(struct node **root, struct node *n)
{
    while (*root) root = n->key < (*root)->key ? &(*root)->left : &(*root)->right;
    *root = n;
}

static __attribute__((noinline)) u64 depth(const struct node *n, u64 level)
{
    if (!n) return level;
    u64 l = depth(n->left, level + 1), r = depth(n->right, level + 1);
    return l > r ? l : r;
}

u64 work(void)
{
    static u64 (*const visits[3])(struct node *, u64) = {visit_add, visit_xor, visit_turn};
    struct node *root = 0;
    u64 seed = 12345;
    for (u64 i = 0; i < NODES; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        struct node *n = &nodes[(i * 2731) % NODES];
        n->key = seed >> 20;
        n->next = &nodes[((i + 1) * 2731) % NODES];
        n->visit = visits[seed >> 62 ? (seed >> 61) % 3 : 0];
        insert(&root, n);
    }
    u64 sum = 0;
    struct node *at = nodes;
    for (int round = 0; round < 3000; round++) {
        for (int i = 0; i < NODES; i++) {
            sum = at->visit(at, sum);
            at = at->next;
        }
        if (round % 4 == 0) sum += depth(root, 0);
    }
    return sum;
}
