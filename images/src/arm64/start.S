/*
 * The Linux arm64 Image header (Documentation/arch/arm64/booting.rst): entered at EL1 with the
 * MMU off, X0 = physical address of the device tree. Linked where the loader puts it.
 */
#include "asm.h"

	.section .text.start, "ax"
	.globl _start
_start:
	b primary
	.long 0
	.quad 0x80000			/* text_offset */
	.quad image_bytes
	.quad 0x2			/* flags: little endian, 4K pages */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0

primary:
	mov x19, x0
	ldr x1, =boot_stack_top
	mov sp, x1
	ldr x1, =bss_start
	ldr x2, =bss_end
1:	cmp x1, x2
	b.hs 2f
	stp xzr, xzr, [x1], #16
	b 1b
2:	mov x0, x19
	mov x29, xzr
	mov x30, xzr
	b arm64_start

/* PSCI CPU_ON: MMU off, X0 = struct of {stack top, TTBR0, TTBR1, TCR, MAIR, SCTLR, function}. */
	.globl secondary_start
secondary_start:
	ldp x1, x2, [x0]
	mov sp, x1
	ldp x3, x4, [x0, #16]
	ldp x5, x6, [x0, #32]
	ldr x7, [x0, #48]
	msr ttbr0_el1, x2
	msr ttbr1_el1, x3
	msr tcr_el1, x4
	msr mair_el1, x5
	isb
	tlbi vmalle1
	dsb nsh
	isb
	msr sctlr_el1, x6
	isb
	mov x29, xzr
	mov x30, xzr
	br x7

	.bss
	.balign 16
	.skip STACK_BYTES
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", %progbits
