/*
 * The memory operations of trap.h, once for the kernel and once for user mode. Each is a leaf
 * that changes nothing but X0-X3, so that a fault in it can be turned into a return.
 */
#include "asm.h"
	.arch_extension lse

	.macro operations p
	.globl \p\()_read8, \p\()_write8, \p\()_exec, \p\()_rmw, \p\()_atomic, \p\()_cas
	.globl \p\()_exclusive, \p\()_copy, \p\()_pair, \p\()_zero
\p\()_read8:
	ldr x0, [x0]
	ret
\p\()_write8:
	str x1, [x0]
	mov x0, x1
	ret
\p\()_exec:
	mov x2, x0
	mov x0, xzr
	br x2
\p\()_rmw:
	ldr x2, [x0]
	add x2, x2, x1
	str x2, [x0]
	mov x0, xzr
	ret
\p\()_atomic:
	ldaddal x1, x2, [x0]
	mov x0, x2
	ret
\p\()_cas:				/* compares with a value that is never there */
	mov x2, #-2
	casal x2, x1, [x0]
	mov x0, x2
	ret
\p\()_exclusive:			/* the same as atomic with LDAXR and STLXR */
	ldaxr x2, [x0]
	add x3, x2, x1
	stlxr w4, x3, [x0]
	cbnz w4, \p\()_exclusive
	mov x0, x2
	ret
\p\()_copy:
	mov x3, #COPY_BYTES
1:	ldr x2, [x1], #8
	str x2, [x0], #8
	subs x3, x3, #8
	b.ne 1b
	mov x0, xzr
	ret
\p\()_pair:				/* STP, then LDP */
	stp x1, x1, [x0]
	ldp x2, x3, [x0]
	add x0, x2, x3
	ret
\p\()_zero:				/* DC ZVA */
	dc zva, x0
	mov x0, xzr
	ret
	.endm

	.text
	operations k
	.globl k_fixup
k_fixup:
	mov x0, #-1
	ret

	.section .user.text, "ax"
	.globl u_enter
u_enter:				/* run_user() starts here, the function in X8 */
	blr x8
	mov x8, #SYS_EXIT_NUMBER
	svc #0
	operations u
	.globl u_stack
u_stack:				/* one store in each of X0 pages, downwards */
	mov x2, sp
1:	sub x2, x2, #4096
	strb w0, [x2]
	subs x0, x0, #1
	b.ne 1b
	ret

	.section .note.GNU-stack, "", %progbits
