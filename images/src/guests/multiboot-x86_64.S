/* The multiboot header, and the way from its 32-bit entry into the runtime's. */
#include "asm.h"
#define MAGIC 0x1badb002
#define FLAGS 0x3			/* modules page aligned, memory information wanted */

	.section .multiboot, "a"
	.balign 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.section .text.multiboot, "ax"
	.code32
	.globl multiboot_start
multiboot_start:
	mov $BOOT_MULTIBOOT, %esi
	cmp $0x2badb002, %eax
	je 1f
	mov $-1, %esi
1:	mov %cr0, %ecx
	mov %ecx, multiboot_cr0
	jmp start32

	.bss
	.globl multiboot_cr0
	.balign 4
multiboot_cr0:
	.skip 4

	.section .note.GNU-stack, "", @progbits
