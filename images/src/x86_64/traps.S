/* Exception and interrupt entry, SYSCALL entry, the way into user mode and back. */
#include "asm.h"

	.text
	.altmacro
	.macro stub n
	.balign 16
	.if \n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21
	.else
	push $0
	.endif
	push $\n
	jmp trap_common
	.endm

	.balign 16
	.globl trap_stubs
trap_stubs:
	.set n, 0
	.rept 256
	stub %n
	.set n, n + 1
	.endr

trap_common:
	cld
	testb $3, 24(%rsp)
	jz 1f
	swapgs
1:	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	call trap
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	testb $3, 8(%rsp)
	jz 2f
	swapgs
2:	iretq

	.globl syscall_entry
syscall_entry:
	swapgs
	mov %rsp, %gs:CPU_USER_RSP
	mov %gs:CPU_SYSCALL_RSP, %rsp
	push %gs:CPU_USER_RSP
	push %rcx
	push %r11
	push %rdi
	push %rsi
	push %rdx
	push %r8
	push %r9
	push %r10
	mov %rsi, %rdx
	mov %rdi, %rsi
	mov %rax, %rdi
	call syscall_dispatch
	pop %r10
	pop %r9
	pop %r8
	pop %rdx
	pop %rsi
	pop %rdi
	pop %r11
	pop %rcx
	pop %rsp
	swapgs
	sysretq

/* u64 run_user(entry, a, b, stack_top): entry(a, b) at ring 3, called by u_enter. */
	.globl run_user
run_user:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	pushfq
	cli
	mov %rsp, %gs:CPU_UNWIND_RSP
	mov %rsp, %gs:CPU_SYSCALL_RSP
	mov %rsp, %gs:CPU_TSS_RSP0
	mov %rdi, %rax
	push $USER_DS
	push %rcx
	push user_rflags
	push $USER_CS
	push $u_enter
	mov %rsi, %rdi
	mov %rdx, %rsi
	xor %ebx, %ebx
	xor %ecx, %ecx
	xor %edx, %edx
	xor %ebp, %ebp
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
	swapgs
	iretq

	.globl user_return
user_return:
	mov %rdi, %rax
	cli
	mov %gs:CPU_UNWIND_RSP, %rsp
	popfq
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.section .note.GNU-stack, "", @progbits
