#include "asm.h"
/* void switch_levels(root, cr4): paging off and on again in 32-bit mode (SDM volume 3, 4.1.2). */
	.text
	.globl switch_levels
switch_levels:
	push %rbx
	mov %rsp, %r8
	push $KERNEL_CS32
	push $1f
	lretq
	.code32
1:	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov %esi, %cr4
	mov %edi, %cr3
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $KERNEL_CS, $2f
	.code64
2:	mov %r8, %rsp
	pop %rbx
	ret

	.section .note.GNU-stack, "", @progbits
