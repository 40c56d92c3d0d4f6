/*
 * Entry of the guest, as a normal VM and again as a secure VM (both in real mode, little-endian):
 * r3 = device tree, r4 = where this image was loaded, r5 = 0.
 * After a successful UV_ESM the processor comes back here, not behind the sc 2, with MSR[S] set.
 */
	.section .text.head, "ax"
	.globl	_start
_start:
	lis	%r1, stack_top@h
	ori	%r1, %r1, stack_top@l
	lis	%r2, .TOC.@h		/* addresses of data are found through r2 (ELFv2 ABI 2.3.1) */
	ori	%r2, %r2, .TOC.@l
	li	%r0, 0
	stdu	%r0, -64(%r1)		/* a zero back chain ends every walk of the stack */
	bl	main
1:	b	1b			/* main ends the VM; if it could not, stay here */

/* long hcall(number, a1, a2, a3, a4): the hypervisor, or for a secure VM the ultravisor first */
	.globl	hcall
	.type	hcall, @function
hcall:
	sc	1
	blr
	.size	hcall, . - hcall

/* long ucall(number, a1, a2): the ultravisor */
	.globl	ucall
	.type	ucall, @function
ucall:
	sc	2
	blr
	.size	ucall, . - ucall

/*
 * long ucall_get_file(offset, const u64 name[8], u64 data[8]): UV_ESMB_GET_FILE takes the name in r5 to r12 and gives the data
 * back in r4 to r11; r3 is the number of bytes.
 */
	.globl	ucall_get_file
	.type	ucall_get_file, @function
ucall_get_file:
	std	%r5, -8(%r1)		/* where the data goes; below the stack is ours (ELFv2 ABI 2.2.2.4) */
	mr	%r0, %r4
	mr	%r4, %r3
	mr	%r3, %r0
	ld	%r5, 0(%r3)
	ld	%r6, 8(%r3)
	ld	%r7, 16(%r3)
	ld	%r8, 24(%r3)
	ld	%r9, 32(%r3)
	ld	%r10, 40(%r3)
	ld	%r11, 48(%r3)
	ld	%r12, 56(%r3)
	li	%r3, 0
	ori	%r3, %r3, 0xf14c	/* UV_ESMB_GET_FILE */
	sc	2
	ld	%r12, -8(%r1)
	std	%r4, 0(%r12)
	std	%r5, 8(%r12)
	std	%r6, 16(%r12)
	std	%r7, 24(%r12)
	std	%r8, 32(%r12)
	std	%r9, 40(%r12)
	std	%r10, 48(%r12)
	std	%r11, 56(%r12)
	blr
	.size	ucall_get_file, . - ucall_get_file
