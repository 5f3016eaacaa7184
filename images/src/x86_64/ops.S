/*
 * The memory operations of trap.h, once for the kernel and once for user mode. Each is a leaf
 * that leaves the stack as it found it, so that a fault in it can be turned into a return.
 */

#include "asm.h"

	.macro operations p
	.globl \p\()_read8, \p\()_write8, \p\()_exec, \p\()_rmw, \p\()_atomic, \p\()_cas, \p\()_copy
\p\()_read8:
	mov (%rdi), %rax
	ret
\p\()_write8:
	mov %rsi, (%rdi)
	mov %rsi, %rax
	ret
\p\()_exec:
	xor %eax, %eax
	jmp *%rdi
\p\()_rmw:
	add %rsi, (%rdi)
	xor %eax, %eax
	ret
\p\()_atomic:
	mov %rsi, %rax
	lock xadd %rax, (%rdi)
	ret
\p\()_cas:				/* compares with a value that is never there */
	mov $-2, %rax
	lock cmpxchg %rsi, (%rdi)
	ret
\p\()_copy:
	mov $COPY_BYTES, %ecx
	rep movsb
	mov %rcx, %rax
	ret
	.endm

	.text
	operations k
	.globl k_fixup
k_fixup:
	mov $-1, %rax
	ret

	.section .user.text, "ax"
	.globl u_enter
u_enter:				/* run_user() starts here, the function in RAX */
	call *%rax
	mov %rax, %rdi
	xor %eax, %eax			/* SYS_EXIT */
	syscall
	operations u
	.globl u_stack
u_stack:				/* one store in each of %rdi pages, downwards */
	mov %rsp, %rax
1:	sub $4096, %rax
	movb $1, (%rax)
	dec %rdi
	jnz 1b
	ret

	.section .note.GNU-stack, "", @progbits
