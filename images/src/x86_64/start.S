/*
 * Ways in: e_entry (the Linux 64-bit boot protocol: long mode, RSI = boot_params), the PVH note
 * (32-bit protected mode, EBX = hvm_start_info; what QEMU's -kernel uses for an ELF64), start32 for
 * the multiboot guest, and the real-mode trampoline of the application processors.
 */
#include "asm.h"

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18			/* name bytes, descriptor bytes, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_start

	.section .text.start, "ax"
	.code32
pvh_start:
	mov $BOOT_PVH, %esi

/* 32-bit protected mode, flat: ESI = kind of boot, EBX = what it passes. */
	.globl start32
start32:
	cld
	mov $boot_stack_top, %esp
	/* Identity map of the first 4 GiB by 2M pages. */
	mov $early_pml4, %edi
	lea early_pdpt - early_pml4 + 3(%edi), %eax
	mov %eax, (%edi)
	mov $early_pdpt, %edi
	mov $early_pd + 3, %eax
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $early_pd, %edi
	mov $0x83, %eax
	mov $2048, %ecx
2:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 2b

	mov $early_pml4, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax			/* LME */
	wrmsr
	mov %cr0, %eax
	or $0x80000001, %eax
	mov %eax, %cr0
	lgdt early_gdt_pointer
	mov %ebx, %edi
	ljmp $KERNEL_CS, $enter64

	.code64
	.globl _start
_start:
	cld
	mov $boot_stack_top, %rsp
	mov %rsi, %rdi			/* boot_params */
	mov $BOOT_LINUX, %esi
	lgdt early_gdt_pointer
	push $KERNEL_CS
	lea enter64(%rip), %rax
	push %rax
	lretq
enter64:
	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	xor %ebp, %ebp
	call x86_start
	ud2

	.section .rodata.start, "a"
	.balign 8
early_gdt:
	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
early_gdt_pointer:
	.word . - early_gdt - 1
	.quad early_gdt

/* Copied to TRAMPOLINE. ap_mailbox: CR3, stack top, C function. */
	.section .rodata.trampoline, "a"
	.globl ap_trampoline, ap_trampoline_end, ap_mailbox
	.balign 16
ap_trampoline:
	.code16
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl TRAMPOLINE + (ap_gdt_pointer - ap_trampoline)
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $0x18, $(TRAMPOLINE + (ap32 - ap_trampoline))
	.code32
ap32:
	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov TRAMPOLINE + (ap_mailbox - ap_trampoline), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax			/* LME, NXE: the kernel's tables use NX */
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $KERNEL_CS, $(TRAMPOLINE + (ap64 - ap_trampoline))
	.code64
ap64:
	mov $KERNEL_DS, %eax
	mov %eax, %es
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov TRAMPOLINE + (ap_mailbox - ap_trampoline) + 8, %rsp
	mov TRAMPOLINE + (ap_mailbox - ap_trampoline) + 16, %rax
	xor %ebp, %ebp
	call *%rax
	ud2
	.balign 8
ap_gdt:
	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
ap_gdt_pointer:
	.word . - ap_gdt - 1
	.long TRAMPOLINE + (ap_gdt - ap_trampoline)
	.balign 8
ap_mailbox:
	.quad 0, 0, 0
ap_trampoline_end:

	.bss
	.balign 4096
early_pml4:
	.skip 4096
early_pdpt:
	.skip 4096
early_pd:
	.skip 4 * 4096
	.skip STACK_BYTES
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
