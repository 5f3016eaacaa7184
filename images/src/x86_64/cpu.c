/* Descriptor tables, control registers and the trap dispatcher. */
#include "cpu.h"

#include "platform.h"
#include "trap.h"

struct gate {
  u16 offset_low, selector;
  u8 ist, type;
  u16 offset_mid;
  u32 offset_high, reserved;
};

struct __attribute__((packed)) table_pointer {
  u16 limit;
  u64 base;
};

struct cpu cpus[MAX_CPUS];
u64 user_rflags = RFLAGS_IF | 2;
static struct gate idt[256] __attribute__((aligned(16)));
static trap_handler handlers[256];
static u8 double_fault_stack[4096] __attribute__((aligned(16)));
extern char trap_stubs[], syscall_entry[], k_fixup[], user_start[], user_text_end[];

_Static_assert(offsetof(struct cpu, syscall_rsp) == CPU_SYSCALL_RSP, "asm.h");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "asm.h");
_Static_assert(offsetof(struct cpu, unwind_rsp) == CPU_UNWIND_RSP, "asm.h");
_Static_assert(offsetof(struct cpu, tss.rsp) == CPU_TSS_RSP0, "asm.h");

trap_handler on_trap(unsigned vector, trap_handler handler) {
  trap_handler before = handlers[vector];
  handlers[vector] = handler;
  return before;
}

void set_gate(unsigned vector, unsigned ist, unsigned dpl) {
  u64 to = (u64)trap_stubs + 16 * vector;
  idt[vector] = (struct gate){.offset_low = (u16)to,
                              .selector = KERNEL_CS,
                              .ist = (u8)ist,
                              .type = (u8)(0x8e | dpl << 5),
                              .offset_mid = (u16)(to >> 16),
                              .offset_high = (u32)(to >> 32)};
}

static void load_gdt(struct cpu *cpu) {
  u64 tss = (u64)&cpu->tss;
  u64 *gdt = cpu->gdt;
  gdt[1] = 0x00af9b000000ffff; /* 0x08 kernel code */
  gdt[2] = 0x00cf93000000ffff; /* 0x10 kernel data */
  gdt[3] = 0x00cffb000000ffff; /* 0x18 user code, 32 bits: base of SYSRET */
  gdt[4] = 0x00cff3000000ffff; /* 0x20 user data */
  gdt[5] = 0x00affb000000ffff; /* 0x28 user code */
  u64 limit = offsetof(struct cpu, io_bitmap) + sizeof(cpu->io_bitmap) - offsetof(struct cpu, tss);
  gdt[6] = (limit - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 |
           (tss >> 24 & 0xff) << 56;
  gdt[7] = tss >> 32;
  gdt[8] = 0x00cf9b000000ffff; /* 0x40 kernel code, 32 bits */
  cpu->tss.iomap = offsetof(struct cpu, io_bitmap) - offsetof(struct cpu, tss);
  memset(cpu->io_bitmap, 0xff, sizeof(cpu->io_bitmap));
  cpu->tss.ist[0] = (u64)double_fault_stack + sizeof(double_fault_stack);
  struct table_pointer pointer = {sizeof(cpu->gdt) - 1, (u64)gdt};
  __asm__ volatile(
      "lgdt %0\n\t"
      "push %1\n\t"
      "lea 1f(%%rip), %%rax\n\t"
      "push %%rax\n\t"
      "lretq\n"
      "1: mov %2, %%ds\n\t"
      "mov %2, %%es\n\t"
      "mov %2, %%ss\n\t"
      "ltr %w3"
      :
      : "m"(pointer), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(TSS_SELECTOR)
      : "rax", "memory");
}

void cpu_features(void) {
  write_cr0((read_cr0() | CR0_MP | CR0_NE | CR0_WP) & ~(CR0_EM | CR0_TS));
  u64 cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
  u32 features = cpuid(7, 0).ebx;
  if (features & BIT(7)) {
    cr4 |= CR4_SMEP;
  }
  if (features & BIT(20)) {
    cr4 |= CR4_SMAP;
  }
  write_cr4(cr4);
  wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
}

void cpu_init(unsigned id) {
  struct cpu *cpu = &cpus[id];
  cpu->id = id;
  load_gdt(cpu);
  struct table_pointer pointer = {sizeof(idt) - 1, (u64)idt};
  __asm__ volatile("lidt %0" ::"m"(pointer));
  wrmsr(MSR_GS_BASE, (u64)cpu);
  wrmsr(MSR_KERNEL_GS_BASE, 0);
  wrmsr(MSR_STAR, 0x0018000800000000);
  wrmsr(MSR_LSTAR, (u64)syscall_entry);
  wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_AC | BIT(8) | BIT(10));
}

void idt_init(void) {
  for (unsigned v = 0; v < 256; v++) {
    set_gate(v, v == 8 ? 1 : 0, 0);
  }
}

static void unexpected(const struct frame *f) {
  printf("unexpected vector %lu error %lx at %lx:%lx flags %lx cr2 %lx sp %lx:%lx\n", f->vector,
         f->error, f->cs, f->rip, f->rflags, read_cr2(), f->ss, f->rsp);
  fail("unexpected exception %lu", f->vector);
}

u64 fault_code(enum access access, bool user, bool absent, unsigned level) {
  (void)level; /* #PF does not tell */
  return (absent ? 0 : PF_P) | (access == ACCESS_WRITE ? PF_W : 0) | (user ? PF_U : 0) |
         (access == ACCESS_EXEC ? PF_I : 0);
}

void sync_code(u64 pa, u64 bytes) { /* coherent; the jump that follows serializes enough */
  (void)pa, (void)bytes;
}

void skip_operation(struct frame *f) {
  if (f->cs & 3) {
    user_return(OP_FAULTED);
  }
  f->rip = (u64)k_fixup;
}

static bool page_fault(struct frame *f) {
  struct fault fault = {.addr = read_cr2(),
                        .code = f->error,
                        .pc = f->rip,
                        .access = f->error & PF_I   ? ACCESS_EXEC
                                  : f->error & PF_W ? ACCESS_WRITE
                                                    : ACCESS_READ,
                        .user = f->error & PF_U,
                        .absent = !(f->error & PF_P)};
  switch (call_fault_hook(&fault)) {
    case FAULT_RETRY:
      return true;
    case FAULT_SKIP:
      skip_operation(f);
      return true;
    default:
      return false;
  }
}

void trap(struct frame *f);
void trap(struct frame *f) {
  trap_handler handler = handlers[f->vector];
  if (handler && handler(f)) {
    return;
  }
  if (f->vector == 14 && page_fault(f)) {
    return;
  }
  unexpected(f);
}
