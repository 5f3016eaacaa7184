/* The exception vectors, the way into EL0 and back. */
#include "asm.h"

	.macro vector kind
	.balign 128
	sub sp, sp, #FRAME_BYTES
	stp x0, x1, [sp]
	mov x1, #\kind
	str x1, [sp, #FRAME_VECTOR]
	b trap_common
	.endm

	.text
	.balign 2048
	.globl vectors
vectors:
	.set kind, 0
	.rept 16
	vector kind
	.set kind, kind + 1
	.endr

	.balign 128
trap_common:
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x19, [sp, #144]
	stp x20, x21, [sp, #160]
	stp x22, x23, [sp, #176]
	stp x24, x25, [sp, #192]
	stp x26, x27, [sp, #208]
	stp x28, x29, [sp, #224]
	mrs x2, sp_el0
	stp x30, x2, [sp, #240]
	mrs x3, elr_el1
	mrs x4, spsr_el1
	stp x3, x4, [sp, #FRAME_ELR]
	mrs x5, esr_el1
	mrs x6, far_el1
	stp x5, x6, [sp, #FRAME_ESR]
	mov x0, sp
	bl trap
	ldp x3, x4, [sp, #FRAME_ELR]
	msr elr_el1, x3
	msr spsr_el1, x4
	ldp x30, x2, [sp, #240]
	msr sp_el0, x2
	ldp x28, x29, [sp, #224]
	ldp x26, x27, [sp, #208]
	ldp x24, x25, [sp, #192]
	ldp x22, x23, [sp, #176]
	ldp x20, x21, [sp, #160]
	ldp x18, x19, [sp, #144]
	ldp x16, x17, [sp, #128]
	ldp x14, x15, [sp, #112]
	ldp x12, x13, [sp, #96]
	ldp x10, x11, [sp, #80]
	ldp x8, x9, [sp, #64]
	ldp x6, x7, [sp, #48]
	ldp x4, x5, [sp, #32]
	ldp x2, x3, [sp, #16]
	ldp x0, x1, [sp]
	add sp, sp, #FRAME_BYTES
	eret

/* u64 run_user(entry, a, b, stack_top): entry(a, b) at EL0, called by u_enter. */
	.globl run_user
run_user:
	stp x29, x30, [sp, #-112]!
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	mrs x9, daif
	str x9, [sp, #96]
	msr daifset, #2
	mrs x9, tpidr_el1
	mov x10, sp
	str x10, [x9, #CPU_UNWIND_SP]
	msr sp_el0, x3
	ldr x10, =u_enter
	msr elr_el1, x10
	msr spsr_el1, xzr		/* EL0t, nothing masked */
	mov x8, x0
	mov x0, x1
	mov x1, x2
	mov x2, xzr
	mov x3, xzr
	mov x29, xzr
	mov x30, xzr
	eret

	.globl user_return
user_return:
	msr daifset, #2
	mrs x9, tpidr_el1
	ldr x10, [x9, #CPU_UNWIND_SP]
	mov sp, x10
	ldr x9, [sp, #96]
	msr daif, x9
	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp x29, x30, [sp], #112
	ret

	.section .note.GNU-stack, "", %progbits
