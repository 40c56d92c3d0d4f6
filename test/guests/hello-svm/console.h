#pragma once
#include "calls.h"

void print(const char *text);
void print_bytes(const char *bytes, u64 length);
void print_hex(u64 value);
void print_number(long value);
