/* Constants shared with assembly. */
#pragma once
#define BOOT_LINUX 0
#define BOOT_PVH 1
#define BOOT_MULTIBOOT 2

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS 0x23
#define USER_CS 0x2b
#define TSS_SELECTOR 0x30

#define KERNEL_CS32 0x40

#define STACK_BYTES 16384

#define CPU_SYSCALL_RSP 0
#define CPU_USER_RSP 8
#define CPU_UNWIND_RSP 16
#define CPU_TSS_RSP0 32

#ifdef __ASSEMBLER__
#define COPY_BYTES (3 * 4096) /* trap.h */
#endif
#define TRAMPOLINE 0x8000
