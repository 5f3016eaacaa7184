/*
 * traps: exceptions other than page faults, exactly: vector, error code, saved RIP. Rights of user
 * mode, I/O permission by IOPL and by bitmap, double fault on its own stack, single step, SYSCALL.
 */
#include "cpu.h"
#include "mmu.h"
#include "trap.h"

static struct {
  unsigned count, vector;
  u64 error, rip, cs, rsp;
} seen;

static bool record(struct frame *f) {
  seen.count++;
  seen.vector = (unsigned)f->vector;
  seen.error = f->error;
  seen.rip = f->rip;
  seen.cs = f->cs;
  seen.rsp = f->rsp;
  skip_operation(f);
  return true;
}

/* Code snippets: an operation name, and name_at, the instruction that traps. */
#define SNIPPET(section, name, before, trapping, after)              \
  extern u64 name(u64, u64);                                         \
  extern char name##_at[];                                           \
  __asm__(".pushsection " section ", \"ax\"\n" #name ": " before "\n" \
          #name "_at: " trapping "\n" after "\nret\n.popsection\n");
#define KERNEL(name, before, trapping) SNIPPET(".text", name, before, trapping, "xor %eax, %eax")
#define USER(name, before, trapping) SNIPPET(".user.text", name, before, trapping, "xor %eax, %eax")

KERNEL(divide, "mov $1, %eax; xor %edx, %edx; xor %ecx, %ecx", "div %ecx")
KERNEL(divide_overflow, "mov $1, %eax; mov $2, %edx; mov $2, %ecx", "div %ecx")
KERNEL(undefined, "", "ud2")
KERNEL(lock_nothing, "", ".byte 0xf0, 0x90")
KERNEL(breakpoint, "", "int3")
KERNEL(avx, "", ".byte 0xc5, 0xfc, 0x58, 0xc0") /* vaddps %ymm0,%ymm0,%ymm0 without OSXSAVE */
KERNEL(sse, "", "xorps %xmm0, %xmm0")
KERNEL(beyond_gdt, "mov $0x48, %eax", "mov %eax, %es")
KERNEL(absent_segment, "mov $0x23, %eax", "mov %eax, %es")
KERNEL(rdrand, "", "rdrand %rax")
KERNEL(rdseed, "", "rdseed %eax")
KERNEL(xgetbv, "xor %ecx, %ecx", "xgetbv")
KERNEL(set_vme, "mov %cr4, %rax; or $1, %eax", "mov %rax, %cr4")
KERNEL(set_pvi, "mov %cr4, %rax; or $2, %eax", "mov %rax, %cr4")
KERNEL(set_osxsave, "mov %cr4, %rax; or $0x40000, %eax", "mov %rax, %cr4")
USER(user_undefined, "", "ud2")
USER(user_divide, "xor %ecx, %ecx; xor %edx, %edx", "div %rcx")
USER(user_hlt, "", "hlt")
USER(user_cli, "", "cli")
USER(user_sti, "", "sti")
USER(user_read_cr0, "", "mov %cr0, %rax")
USER(user_write_cr3, "", "mov %rax, %cr3")
USER(user_rdmsr, "mov $0xc0000080, %ecx", "rdmsr")
USER(user_wrmsr, "mov $0xc0000080, %ecx", "wrmsr")
USER(user_lgdt, "", "lgdt (%rsp)")
USER(user_lidt, "", "lidt (%rsp)")
USER(user_ltr, "", "ltr %ax")
USER(user_invlpg, "", "invlpg (%rsp)")
USER(user_wbinvd, "", "wbinvd")
USER(user_clts, "", "clts")
USER(user_swapgs, "", "swapgs")
USER(user_in8, "", "in $0x61, %al")
USER(user_in16, "", "in $0x60, %ax")
USER(user_out8, "mov $0xe9, %dx; mov $10, %al", "out %al, %dx")

/* The descriptors these look at are on pages of the kernel's. */
USER(user_load_es, "mov $0x23, %eax", "mov %eax, %es")
USER(user_load_gs, "mov $0x23, %eax", "mov %eax, %gs")
USER(user_lar, "mov $0x23, %eax", "lar %eax, %ecx")
USER(user_lret, "push $0x2b; lea 1f(%rip), %rax; push %rax", "lretq; 1:")
USER(user_ljmp, "push $0x2b; lea 1f(%rip), %rax; push %rax", "rex.W ljmp *(%rsp); 1: pop %rax; pop %rax")
USER(user_beyond_gdt, "mov $0x4b, %eax", "mov %eax, %fs")

static void expect(const char *what, bool user, op operation, const char *at, unsigned vector,
                   u64 error) {
  seen.count = 0;
  u64 result = user ? run_user_default_stack(operation, 0, 0) : operation(0, 0);
  check(seen.count == 1 && seen.vector == vector && seen.error == error && seen.rip == (u64)at &&
            (seen.cs & 3) == (user ? 3 : 0) && result == OP_FAULTED,
        "%s: %u exceptions, vector %u error %lx at %lx; expected vector %u error %lx at %lx", what,
        seen.count, seen.vector, seen.error, seen.rip, vector, error, (u64)at);
}

static void expect_none(const char *what, op operation) {
  seen.count = 0;
  u64 result = run_user_default_stack(operation, 0, 0);
  check(seen.count == 0 && result != OP_FAULTED, "%s: vector %u error %lx", what, seen.vector,
        seen.error);
}

#define EXPECT(name, vector, error) expect(#name, false, name, name##_at, vector, error)
#define EXPECT_USER(name, vector, error) expect(#name, true, name, name##_at, vector, error)

static void kernel_exceptions(void) {
  EXPECT(divide, 0, 0);
  EXPECT(divide_overflow, 0, 0);
  EXPECT(undefined, 6, 0);
  EXPECT(lock_nothing, 6, 0);
  EXPECT(avx, 6, 0);
  expect("breakpoint", false, breakpoint, breakpoint_at + 1, 3, 0);
  write_cr0(read_cr0() | CR0_TS);
  EXPECT(sse, 7, 0);
  __asm__ volatile("clts");
  EXPECT(beyond_gdt, 13, 0x48);
  cpus[0].gdt[4] &= ~BIT(47); /* user data: not present */
  EXPECT(absent_segment, 11, 0x20);
  cpus[0].gdt[4] |= BIT(47);
  printf("kernel: divide, undefined, breakpoint, no FPU, segments\n");
}

static void user_exceptions(void) {
  EXPECT_USER(user_undefined, 6, 0);
  EXPECT_USER(user_divide, 0, 0);
  EXPECT_USER(user_hlt, 13, 0);
  EXPECT_USER(user_cli, 13, 0);
  EXPECT_USER(user_sti, 13, 0);
  EXPECT_USER(user_read_cr0, 13, 0);
  EXPECT_USER(user_write_cr3, 13, 0);
  EXPECT_USER(user_rdmsr, 13, 0);
  EXPECT_USER(user_wrmsr, 13, 0);
  EXPECT_USER(user_lgdt, 13, 0);
  EXPECT_USER(user_lidt, 13, 0);
  EXPECT_USER(user_ltr, 13, 0);
  EXPECT_USER(user_invlpg, 13, 0);
  EXPECT_USER(user_wbinvd, 13, 0);
  EXPECT_USER(user_clts, 13, 0);
  EXPECT_USER(user_swapgs, 13, 0);
  printf("user: privileged instructions\n");
}

/* The processor's own accesses, made for user mode: with supervisor rights. */
static void descriptors_of_user_mode(void) {
  expect_none("MOV to ES", user_load_es);
  expect_none("MOV to GS", user_load_gs);
  expect_none("LAR", user_lar);
  expect_none("far RET", user_lret);
  expect_none("far JMP", user_ljmp);
  EXPECT_USER(user_beyond_gdt, 13, 0x48);
  wrmsr(MSR_GS_BASE, (u64)&cpus[0]);
  printf("user: segment loads and far transfers\n");
}

static void not_advertised(void) {
  struct cpuid one = cpuid(1, 0), seven = cpuid(7, 0);
  if (!(one.ecx & BIT(30))) {
    EXPECT(rdrand, 6, 0);
  }
  if (!(seven.ebx & BIT(18))) {
    EXPECT(rdseed, 6, 0);
  }
  EXPECT(xgetbv, 6, 0);
  if (!(one.edx & BIT(1))) {
    EXPECT(set_vme, 13, 0);
    EXPECT(set_pvi, 13, 0);
  }
  if (!(one.ecx & BIT(26))) {
    EXPECT(set_osxsave, 13, 0);
  }
  printf("what CPUID does not show: RDRAND, RDSEED, XGETBV, bits of CR4\n");
}

static void allow_port(u16 port, bool allowed) {
  u8 bit = (u8)(1u << (port & 7));
  u8 *byte = &cpus[0].io_bitmap[port / 8];
  *byte = (u8)(allowed ? *byte & ~bit : *byte | bit);
}

static void io_rights(void) {
  EXPECT_USER(user_in8, 13, 0);
  EXPECT_USER(user_out8, 13, 0);
  allow_port(0x61, true);
  expect_none("IN with its bitmap bit clear", user_in8);
  EXPECT_USER(user_in16, 13, 0); /* two ports, one bit set */
  allow_port(0x60, true);
  expect_none("IN of two ports, both bits clear", user_in16);
  EXPECT_USER(user_out8, 13, 0);
  allow_port(0x60, false);
  allow_port(0x61, false);
  EXPECT_USER(user_in8, 13, 0);
  user_rflags |= 3u << 12;
  expect_none("IN with IOPL 3", user_in8);
  expect_none("CLI with IOPL 3", user_cli);
  user_rflags &= ~(3ul << 12);
  EXPECT_USER(user_in8, 13, 0);
  printf("user: I/O by bitmap and IOPL\n");
}

/* PUSH to nowhere: the page fault finds no stack either, and #DF has its own. */
extern u64 push_nowhere(u64, u64);
u64 saved_rsp;
__asm__(
    ".pushsection .text\n"
    "push_nowhere: mov %rsp, saved_rsp; mov %rdi, %rsp; push %rax; ret\n"
    ".popsection\n");

static bool double_fault(struct frame *f) {
  f->rsp = saved_rsp;
  return record(f);
}

static void double_faults(void) {
  trap_handler before = on_trap(8, double_fault);
  u64 nowhere = WINDOW_VA + PAGE_BYTES;
  pte_of(nowhere); /* the tables above it */
  seen.count = 0;
  u64 result = push_nowhere(nowhere, 0);
  check(seen.count == 1 && seen.vector == 8 && seen.error == 0 && result == OP_FAULTED,
        "%u exceptions, vector %u error %lx, expected one double fault", seen.count, seen.vector,
        seen.error);
  check(read_cr2() == nowhere - 8, "CR2 %lx after the double fault", read_cr2());
  on_trap(8, before);
  printf("double fault on its own stack\n");
}

static unsigned steps;
static u64 step_rip[4];
static bool single_step(struct frame *f) {
  if (steps < 4) {
    step_rip[steps] = f->rip;
  }
  if (++steps == 3) {
    f->rflags &= ~BIT(8);
  }
  return true;
}

extern char step_here[];
static void single_steps(void) {
  trap_handler before = on_trap(1, single_step);
  __asm__ volatile(
      "pushfq; orl $0x100, (%%rsp); popfq\n"
      "step_here: nop; nop; inc %%eax; nop" ::
          : "rax", "memory", "cc");
  for (unsigned i = 0; i < 3; i++) {
    u64 want = (u64)step_here + (i == 2 ? 4 : i + 1);
    check(step_rip[i] == want, "step %u stopped at %lx, expected %lx", i, step_rip[i], want);
  }
  check(steps == 3, "%u single steps, expected 3", steps);
  on_trap(1, before);
  printf("single step: %u\n", steps);
}

/* RCX and R11 after SYSCALL and SYSRET; POPF of user mode leaves IF alone. */
extern u64 user_syscall(u64, u64), user_popf(u64, u64);
extern char user_syscall_next[];
__asm__(
    ".pushsection .user.text, \"ax\"\n"
    "user_syscall: mov $99, %eax; xor %edi, %edi; stc; syscall\n"
    "user_syscall_next: pushfq; pop %rax; cmp %rax, %r11; jne 1f\n"
    "mov %rcx, %rax; ret\n"
    "1: xor %eax, %eax; ret\n"
    "user_popf: pushfq; andl $~0x200, (%rsp); popfq; pushfq; pop %rax; ret\n"
    ".popsection\n");

static void system_calls(void) {
  u64 rcx = run_user_default_stack(user_syscall, 0, 0);
  check(rcx == (u64)user_syscall_next, "RCX %lx after SYSRET, or R11 no RFLAGS", rcx);
  u64 flags = run_user_default_stack(user_popf, 0, 0);
  check(flags & RFLAGS_IF, "POPF in user mode cleared IF");
  printf("system calls: RCX and R11, POPF\n");
}

void guest_main(void) {
  static const u8 vectors[] = {0, 3, 6, 7, 11, 12, 13};
  for (unsigned i = 0; i < sizeof(vectors); i++) {
    on_trap(vectors[i], record);
  }
  kernel_exceptions();
  not_advertised();
  user_exceptions();
  descriptors_of_user_mode();
  io_rights();
  double_faults();
  single_steps();
  system_calls();
}
