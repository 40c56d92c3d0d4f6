/* As much of a flattened device tree (Devicetree Specification 0.4, 5) as this guest needs. */
#include "tree.h"

#define BEGIN_NODE	1
#define END_NODE	2
#define PROP		3
#define NOP		4

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const void *tree_property(const void *tree, const char *node, const char *name, u32 *length)
{
	const u8 *at = (const u8 *)tree + be32((const u8 *)tree + 8);
	const char *strings = (const char *)tree + be32((const u8 *)tree + 12);
	int depth = 0, inside = 0;

	for (;;) {
		u32 token = be32(at);

		at += 4;
		if (token == BEGIN_NODE) {
			const char *found = (const char *)at;
			u32 size = 1;

			while (found[size - 1])
				size++;
			at += (size + 3) & ~3u;
			depth++;
			if (depth == 2)
				inside = equal(found, node);
		} else if (token == END_NODE) {
			depth--;
		} else if (token == PROP) {
			u32 size = be32(at);

			if (depth == 2 && inside && equal(strings + be32(at + 4), name)) {
				*length = size;
				return at + 8;
			}
			at += 8 + ((size + 3) & ~3u);
		} else if (token != NOP) {
			return 0;
		}
	}
}
