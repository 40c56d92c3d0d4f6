#pragma once
#include "calls.h"

/* The value of a property of a node below the root, or 0. *length is its size in bytes. */
const void *tree_property(const void *tree, const char *node, const char *name, u32 *length);
