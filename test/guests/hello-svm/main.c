/*
 * A virtual machine that becomes a secure one. It runs twice from its entry: first as a normal VM, which asks the ultravisor to
 * make it secure; then, if the ultravisor agrees, as a secure VM, which keeps a secret, shares a page, and reads a file that its
 * operand carries.
 */
#include "console.h"
#include "tree.h"

/* One page of its own: sharing works by whole pages of 64 KiB. */
static u8 shared_page[1 << PAGE_SHIFT] __attribute__((aligned(1 << PAGE_SHIFT)));
static char secret[64];
static u32 rtas_args[8];

static void copy(char *to, const char *from)
{
	while ((*to++ = *from++))
		;
}

/* Calls an RTAS service with up to two arguments; the block is 32-bit words, big-endian. */
static void rtas(const void *tree, const char *service, u32 nargs, u32 a0, u32 a1)
{
	u32 length;
	const void *token = tree_property(tree, "rtas", service, &length);
	u32 words[] = { token ? be32(token) : 0, nargs, 1, a0, a1 };

	for (u32 i = 0; i < 5; i++)
		rtas_args[i] = __builtin_bswap32(words[i]);
	if (nargs < 2)
		rtas_args[3 + nargs] = 0;
	hcall(H_RTAS, (u64)rtas_args, 0, 0, 0);
}

static void power_off(const void *tree)
{
	rtas(tree, "power-off", 2, 0xffffffff, 0xffffffff);
}

/* The command line holds svm=on or svm=1: without it nobody wants a secure VM. */
static int wants_secure(const char *args)
{
	for (; *args; args++)
		if (args[0] == 's' && args[1] == 'v' && args[2] == 'm' && args[3] == '=')
			return args[4] == '1' || (args[4] == 'o' && args[5] == 'n');
	return 0;
}

static void run_normal(const void *tree, u64 kernel)
{
	u32 length = 0;
	const char *args = tree_property(tree, "chosen", "bootargs", &length);
	long code;

	print("hello-svm: a normal VM, msr ");
	print_hex(mfmsr());
	print("\n");
	print("hello-svm: command line \"");
	print(args ? args : "");
	print("\"\n");
	if (!args || !wants_secure(args)) {
		print("hello-svm: no svm=on, so this stays a normal VM\n");
		power_off(tree);
		return;
	}
	print("hello-svm: asking the ultravisor to make this VM secure\n");
	code = ucall(UV_ESM, kernel, (u64)tree);
	/* Only a refusal comes back here. */
	print("hello-svm: UV_ESM was refused with ");
	print_number(code);
	print("\n");
	rtas(tree, "ibm,os-term", 1, (u32)(u64)"hello-svm: UV_ESM was refused", 0);
}

static void share_a_page(void)
{
	volatile char *page = (volatile char *)shared_page;
	u64 gfn = (u64)shared_page >> PAGE_SHIFT;
	long code = ucall(UV_SHARE_PAGE, gfn, 1);

	print("hello-svm: UV_SHARE_PAGE = ");
	print_number(code);
	print("\n");
	if (code)
		return;
	copy((char *)shared_page, "the hypervisor can read this");
	print("hello-svm: wrote into the shared page: ");
	print((const char *)shared_page);
	print("\n");
	code = ucall(UV_UNSHARE_PAGE, gfn, 1);
	print("hello-svm: UV_UNSHARE_PAGE = ");
	print_number(code);
	print(page[0] ? ", and the page still holds text\n" : ", and the page is empty again\n");
}

static void read_file(void)
{
	static const u64 name[8] = { 0x726f6f7464000000 };	/* "rootd" */
	u64 data[8];
	long length = ucall_get_file(0, name, data);

	print("hello-svm: the attached file rootd has ");
	print_number(length);
	print(" bytes");
	if (length > 0) {
		u32 sum = 0;

		for (long i = 0; i < length; i++)
			sum = sum * 31 + ((data[i / 8] >> (56 - 8 * (i % 8))) & 0xff);
		print(", checksum ");
		print_hex(sum);
	}
	print("\n");
}

static void run_secure(const void *tree)
{
	print("hello-svm: a secure VM, msr ");
	print_hex(mfmsr());
	print("\n");
	copy(secret, "the hypervisor must not read this");
	print("hello-svm: wrote a secret at ");
	print_hex((u64)secret);
	print("\n");
	share_a_page();
	read_file();
	print("hello-svm: done\n");
	power_off(tree);
}

void main(const void *tree, u64 kernel)
{
	if (mfmsr() & MSR_S)
		run_secure(tree);
	else
		run_normal(tree, kernel);
}
