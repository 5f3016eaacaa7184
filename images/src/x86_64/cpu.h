/* x86-64: registers, descriptors, per-CPU data. Field names as in the Intel SDM, volume 3. */
#pragma once
#include "asm.h"
#include "guest.h"

struct frame { /* as traps.S pushes it */
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
  u64 vector, error;
  u64 rip, cs, rflags, rsp, ss;
};

struct __attribute__((packed)) tss {
  u32 reserved0;
  u64 rsp[3];
  u64 reserved1;
  u64 ist[7];
  u64 reserved2;
  u16 reserved3, iomap;
};

#define IO_BITMAP_PORTS 0x400
#define GDT_ENTRIES 9
struct cpu { /* GS base in the kernel; the first three are known to traps.S (CPU_*) */
  u64 syscall_rsp;  /* kernel stack for SYSCALL */
  u64 user_rsp;     /* scratch */
  u64 unwind_rsp;   /* where user_return() goes back to */
  u32 id;           /* APIC id */
  struct tss tss;
  u8 io_bitmap[IO_BITMAP_PORTS / 8 + 1]; /* follows the TSS; all ones but for a test */
  u64 gdt[GDT_ENTRIES];
};

#define MAX_CPUS 16
extern struct cpu cpus[MAX_CPUS];
void cpu_init(unsigned id);
void cpu_features(void); /* CR0, CR4, EFER of this CPU */
static inline struct cpu *this_cpu(void) {
  u32 id;
  __asm__ volatile("mov %%gs:%c1, %0" : "=r"(id) : "i"(offsetof(struct cpu, id)));
  return &cpus[id];
}

/* Interrupts and exceptions other than page faults. Returns true when dealt with. */
typedef bool (*trap_handler)(struct frame *frame);
trap_handler on_trap(unsigned vector, trap_handler handler); /* returns the one before */
extern u64 user_rflags; /* what run_user() starts with */
void skip_operation(struct frame *frame); /* as FAULT_SKIP does */
void set_gate(unsigned vector, unsigned ist, unsigned dpl);

#define DEFINE_CR(n)                                                                        \
  static inline u64 read_cr##n(void) {                                                      \
    u64 v;                                                                                  \
    __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                                       \
    return v;                                                                               \
  }                                                                                         \
  static inline void write_cr##n(u64 v) {                                                   \
    __asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");                                \
  }
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
DEFINE_CR(8)

static inline u64 rdmsr(u32 msr) {
  u32 low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return low | (u64)high << 32;
}
static inline void wrmsr(u32 msr, u64 value) {
  __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

struct cpuid {
  u32 eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(u32 leaf, u32 subleaf) {
  struct cpuid r;
  __asm__ volatile("cpuid"
                   : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                   : "a"(leaf), "c"(subleaf));
  return r;
}

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) {
  u8 v;
  __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
  return v;
}

static inline void cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void sti(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void sti_hlt(void) { __asm__ volatile("sti; hlt" ::: "memory"); }
static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void invlpg(u64 va) { __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory"); }
static inline u64 rdtsc(void) {
  u32 low, high;
  __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
  return low | (u64)high << 32;
}

#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_PG BIT(31)
#define CR4_PAE BIT(5)
#define CR4_PGE BIT(7)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_LA57 BIT(12)
#define CR4_PCIDE BIT(17)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define RFLAGS_IF BIT(9)
#define RFLAGS_AC BIT(18)

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define EFER_SCE BIT(0)
#define EFER_NXE BIT(11)

/* Page-table entry bits. */
#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_G BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDR 0x000ffffffffff000ul

/* Page-fault error code. */
#define PF_P BIT(0)
#define PF_W BIT(1)
#define PF_U BIT(2)
#define PF_RSVD BIT(3)
#define PF_I BIT(4)
