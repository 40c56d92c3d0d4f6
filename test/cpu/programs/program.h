/* What a program of this folder defines, and what it prints with: a line of a name and up to 24 bytes in hexadecimal. */
void run(void);
void print(const char *name, const void *data, int bytes);
