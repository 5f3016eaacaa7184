/*
 * traps: exceptions other than translation faults, exactly: ESR, FAR, ELR, vector. What an EL0
 * program may not do, misaligned PCs and exclusives, SVC, PSCI.
 *   all=1 checks what few emulators have too: SP alignment, FP traps, SCTLR.A
 */
#include "cpu.h"
#include "mmu.h"
#include "platform.h"
#include "trap.h"

#define EC_UNKNOWN 0x00
#define EC_FP 0x07
#define EC_SYSREG 0x18
#define EC_PC_ALIGNMENT 0x22
#define EC_SP_ALIGNMENT 0x26
#define EC_BRK 0x3c
#define FSC_ALIGNMENT 0x21
#define VECTOR_EL1T 0
#define VECTOR_EL1H 4
#define VECTOR_EL0 8

static struct {
  unsigned count;
  u64 vector, esr, far, elr, spsr, daif;
} seen;

static bool record(struct frame *f) {
  seen.count++;
  seen.vector = f->vector;
  seen.esr = f->esr;
  seen.far = f->far;
  seen.elr = f->elr;
  seen.spsr = f->spsr;
  seen.daif = read_reg(daif);
  skip_operation(f);
  return true;
}

/* The runtime's own system calls carry no number in the instruction. */
static bool record_svc(struct frame *f) { return (f->esr & 0xffff) != 0 && record(f); }

static enum fault_action on_abort(const struct fault *f) {
  seen.count++;
  seen.vector = f->user ? VECTOR_EL0 : VECTOR_EL1H;
  seen.esr = f->code;
  seen.far = f->addr;
  seen.elr = f->pc;
  seen.daif = read_reg(daif);
  return FAULT_SKIP;
}

/* Code snippets, in kernel and user text: name_at is the instruction that traps. */
#define SNIPPET(section, name, before, trapping)                       \
  extern u64 name(u64, u64);                                           \
  extern char name##_at[];                                             \
  __asm__(".pushsection " section ", \"ax\"\n" #name ": " before "\n"   \
          #name "_at: " trapping "\nmov x0, #0\nret\n.popsection\n");
#define BOTH(name, before, trapping)             \
  SNIPPET(".text", k_##name, before, trapping)   \
  SNIPPET(".user.text", u_##name, before, trapping)
#define USER(name, trapping) SNIPPET(".user.text", u_##name, "", trapping)

BOTH(brk, "", "brk #0x123")
BOTH(udf, "", "udf #7")
BOTH(svc, "", "svc #0x1a2b")
BOTH(ldxr, "", "ldxr x1, [x0]")
BOTH(ldaxp, "", "ldaxp x1, x2, [x0]")
USER(mrs, "mrs x0, sctlr_el1")
USER(msr, "msr vbar_el1, x0")
USER(tlbi, "tlbi vmalle1")
USER(eret, "eret")
USER(hvc, ".inst 0xd4000002")
USER(daif, "msr daifset, #2")
USER(counter, "mrs x0, cntvct_el0")
BOTH(fp, "", ".arch_extension fp\nfmov d0, x0")
BOTH(load, "", "ldr x1, [x0]")
USER(sp, "mov x9, sp\nadd sp, sp, #8\nldr x1, [sp]\nmov sp, x9")

static void expect(const char *what, bool user, op operation, u64 argument, u64 elr, u64 esr,
                   u64 far) {
  seen.count = 0;
  u64 result = user ? run_user_default_stack(operation, argument, 0) : operation(argument, 0);
  u64 vector = user ? VECTOR_EL0 : VECTOR_EL1H;
  check(seen.count == 1 && seen.vector == vector && seen.esr == esr && seen.elr == elr &&
            (!far || seen.far == far) && result == OP_FAULTED && seen.daif == 0x3c0,
        "%s: %u exceptions, vector %lu ESR %lx FAR %lx ELR %lx DAIF %lx; expected ESR %lx FAR %lx "
        "ELR %lx",
        what, seen.count, seen.vector, seen.esr, seen.far, seen.elr, seen.daif, esr, far, elr);
}

static u64 esr(u64 ec, u64 iss) { return ec << 26 | ESR_IL | iss; }

static void expect_in(bool user, const char *what, op operation, u64 argument, char *at, u64 want,
                      u64 far) {
  expect(what, user, operation, argument, (u64)at, want, far);
}
#define EXPECT_USER(name, want) expect_in(true, #name, u_##name, 0, u_##name##_at, want, 0)
#define EXPECT_BOTH(name, want)                                             \
  expect_in(false, #name, k_##name, 0, k_##name##_at, want, 0);             \
  EXPECT_USER(name, want)

static void instructions(void) {
  EXPECT_BOTH(brk, esr(EC_BRK, 0x123));
  EXPECT_BOTH(udf, esr(EC_UNKNOWN, 0));
  expect_in(false, "svc", k_svc, 0, k_svc_at + 4, esr(EC_SVC64, 0x1a2b), 0);
  expect_in(true, "svc", u_svc, 0, u_svc_at + 4, esr(EC_SVC64, 0x1a2b), 0);
  printf("BRK, UDF, SVC from EL1 and EL0\n");
}

/* ISS of a trapped MSR or MRS. */
static u64 sysreg(u64 op0, u64 op1, u64 crn, u64 crm, u64 op2, u64 rt, bool read) {
  return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read;
}

static void privileges(void) {
  EXPECT_USER(mrs, esr(EC_UNKNOWN, 0));
  EXPECT_USER(msr, esr(EC_UNKNOWN, 0));
  EXPECT_USER(tlbi, esr(EC_UNKNOWN, 0));
  EXPECT_USER(eret, esr(EC_UNKNOWN, 0));
  EXPECT_USER(hvc, esr(EC_UNKNOWN, 0));
  seen.count = 0;
  run_user_default_stack(u_daif, 0, 0);
  u64 right = sysreg(0, 3, 4, 2, 6, 31, false), swapped = sysreg(0, 6, 4, 2, 3, 31, false);
  check(seen.count == 1 && seen.elr == (u64)u_daif_at &&
            (seen.esr == esr(EC_SYSREG, right) || seen.esr == esr(EC_SYSREG, swapped)),
        "MSR DAIFSet at EL0: ESR %lx ELR %lx", seen.esr, seen.elr); /* QEMU swaps op1 and op2 */
  u64 cntkctl = read_reg(cntkctl_el1);
  write_reg(cntkctl_el1, cntkctl & ~BIT(1)); /* EL0VCTEN */
  isb();
  EXPECT_USER(counter, esr(EC_SYSREG, sysreg(3, 3, 14, 0, 2, 0, true)));
  write_reg(cntkctl_el1, cntkctl | BIT(1));
  isb();
  seen.count = 0;
  check(run_user_default_stack(u_counter, 0, 0) == 0 && !seen.count, "CNTVCT_EL0 with EL0VCTEN");
  printf("EL0: system registers, TLBI, ERET, HVC, DAIF, the counter\n");
}

static void alignment(void) {
  u64 va = WINDOW_VA;
  map_page(va, alloc_page(), MAP_WRITE);
  map_page(va + PAGE_BYTES, alloc_page(), MAP_USER_RW);
  flush_all();
  u64 user = va + PAGE_BYTES;
  u64 data = esr(EC_DABT_SAME, FSC_ALIGNMENT), user_data = esr(EC_DABT_LOW, FSC_ALIGNMENT);
  expect_in(false, "ldxr", k_ldxr, va + 4, k_ldxr_at, data, va + 4);
  expect_in(true, "ldxr", u_ldxr, user + 1, u_ldxr_at, user_data, user + 1);
  expect_in(false, "ldaxp", k_ldaxp, va + 8, k_ldaxp_at, data, va + 8);
  expect_in(true, "ldaxp", u_ldaxp, user + 8, u_ldaxp_at, user_data, user + 8);
  seen.count = 0;
  check(k_load(va + 3, 0) == 0 && !seen.count, "an unaligned load faulted");
  u64 odd = (u64)k_read8 + 2, user_odd = (u64)u_read8 + 2;
  expect("misaligned PC", false, k_exec, odd, odd, esr(EC_PC_ALIGNMENT, 0), odd);
  expect("misaligned PC", true, u_exec, user_odd, user_odd, esr(EC_PC_ALIGNMENT, 0), user_odd);
  printf("alignment: exclusives and PC\n");
}

/* BRK with SP_EL0 in use at EL1 arrives at the first vectors, on SP_EL1 again. */
static void stack_select(void) {
  extern char brk_el1t[];
  seen.count = 0;
  u64 sp_el0 = read_reg(sp_el0);
  static u64 small_stack[64] __attribute__((aligned(16)));
  write_reg(sp_el0, small_stack + 64);
  u64 result;
  __asm__ volatile(
      "mov x19, x30\n"
      "adr x30, 1f\n" /* the way out, as for an operation */
      "msr spsel, #0\n"
      "brk_el1t: brk #1\n"
      "1: msr spsel, #1\n"
      "mov x30, x19\n"
      "mov %0, x0"
      : "=r"(result)::"x0", "x1", "x2", "x3", "x19", "x30", "memory");
  check(seen.count == 1 && seen.vector == VECTOR_EL1T && seen.elr == (u64)brk_el1t &&
            (seen.spsr & 15) == 4 && result == OP_FAULTED,
        "BRK on SP_EL0: vector %lu ELR %lx SPSR %lx", seen.vector, seen.elr, seen.spsr);
  write_reg(sp_el0, sp_el0);
  printf("EL1 on SP_EL0: its own vectors\n");
}

static void firmware(void) {
  u64 version = psci(PSCI_VERSION, 0, 0, 0);
  check(version >> 16 >= 1, "PSCI version %lx", version);
  check((int)psci(PSCI_FEATURES, PSCI_CPU_ON, 0, 0) == 0, "PSCI_FEATURES does not know CPU_ON");
  check((int)psci(PSCI_FEATURES, 0x8400abcd, 0, 0) == -1, "PSCI_FEATURES knows everything");
  check((int)psci(0x8400abcd, 0, 0, 0) == -1, "an unknown PSCI function");
  printf("PSCI %lu.%lu\n", version >> 16, version & 0xffff);
}

static void seldom_modelled(void) {
  write_reg(cpacr_el1, 0);
  isb();
  EXPECT_BOTH(fp, esr(EC_FP, 0x1e00000));
  write_reg(cpacr_el1, 3u << 20);
  isb();
  u64 sctlr = read_reg(sctlr_el1);
  write_reg(sctlr_el1, sctlr | SCTLR_A);
  isb();
  expect_in(false, "SCTLR.A", k_load, WINDOW_VA + 3, k_load_at, esr(EC_DABT_SAME, FSC_ALIGNMENT),
            WINDOW_VA + 3);
  write_reg(sctlr_el1, sctlr);
  isb();
  printf("FP traps, SCTLR.A\n");
  if (arg_u64("all", 0)) { /* QEMU 7.2 has no such check */
    expect_in(true, "SP alignment", u_sp, 0, u_sp_at + 8, esr(EC_SP_ALIGNMENT, 0), 0);
    printf("SP alignment\n");
  }
}

void guest_main(void) {
  static const u8 classes[] = {EC_UNKNOWN, EC_FP, EC_SYSREG, EC_PC_ALIGNMENT,
                               EC_SP_ALIGNMENT, EC_BRK};
  for (unsigned i = 0; i < sizeof(classes); i++) {
    on_exception(classes[i], record);
  }
  on_fault(on_abort);
  on_exception(EC_SVC64, record_svc);
  instructions();
  privileges();
  alignment();
  stack_select();
  firmware();
  if (arg_u64("all", !strict)) {
    seldom_modelled();
  }
}
