/* Prints through the hypervisor, 16 bytes a call: the text crosses in two registers. */
#include "console.h"

#define TERMINAL	0x71000000
#define CHUNK		16

void print_bytes(const char *bytes, u64 length)
{
	while (length > 0) {
		u64 n = length < CHUNK ? length : CHUNK;
		u64 words[2] = { 0, 0 };

		for (u64 i = 0; i < n; i++)
			words[i / 8] |= (u64)(u8)bytes[i] << (56 - 8 * (i % 8));
		hcall(H_PUT_TERM_CHAR, TERMINAL, n, words[0], words[1]);
		bytes += n;
		length -= n;
	}
}

void print(const char *text)
{
	u64 length = 0;

	while (text[length])
		length++;
	print_bytes(text, length);
}

void print_hex(u64 value)
{
	char digits[18] = "0x";
	int n = 2;

	for (int shift = 60; shift >= 0; shift -= 4) {
		int digit = (value >> shift) & 15;

		if (digit || n > 2 || shift == 0)
			digits[n++] = digit < 10 ? '0' + digit : 'a' + digit - 10;
	}
	print_bytes(digits, n);
}

void print_number(long value)
{
	char digits[20];
	int n = sizeof(digits);
	u64 left = value < 0 ? -(u64)value : (u64)value;

	do {
		digits[--n] = '0' + left % 10;
		left /= 10;
	} while (left);
	if (value < 0)
		print("-");
	print_bytes(digits + n, sizeof(digits) - n);
}
