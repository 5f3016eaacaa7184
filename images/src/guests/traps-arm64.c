/*
 * traps: exceptions other than translation faults, exactly: ESR, FAR, ELR, vector. What an EL0
 * program may not do, misaligned PCs and exclusives, SVC, PSCI.
 *   all=1 checks what few emulators have too: SP alignment
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
BOTH(fpcr, "", "mrs x0, fpcr")
BOTH(fp_load, "", "ldr q0, [x0]")
BOTH(load, "", "ldr x1, [x0]")
BOTH(store, "", "str w1, [x0]")
BOTH(pair, "", "ldp x1, x2, [x0]")
BOTH(quad, "", "stp q0, q1, [x0]")
BOTH(bytes, "", "ld1 {v0.16b}, [x0]")
BOTH(rndr, "", "mrs x0, s3_3_c2_c4_0")
BOTH(rndrrs, "", "mrs x0, s3_3_c2_c4_1")
BOTH(pmu, "", "mrs x0, pmccntr_el0")
USER(sp_fine, "mov x9, sp\nadd sp, sp, #8\nsub x1, sp, #8\nmov sp, x9\nldur x1, [sp, #-16]")
/* Each way to a misaligned stack pointer; the trapping instruction is that at name_at. */
#define STACK(name, before, trapping) \
  SNIPPET(".user.text", u_##name, "mov x9, sp\n" before, trapping "\nmov sp, x9")
STACK(sp_immediate, "add sp, sp, #8", "ldr x1, [sp]")
STACK(sp_register, "sub x1, sp, #4\nmov sp, x1", "stp x1, x2, [sp, #-16]!")
STACK(sp_extended, "mov x1, #1\nsub sp, sp, x1", "ldr q0, [sp]")
STACK(sp_logical, "sub x1, sp, #8\norr x1, x1, #2\nand sp, x1, #-2", "ldxr x1, [sp]")
STACK(sp_writeback, "str x1, [sp, #-24]!", "ldr x1, [sp]")
STACK(sp_pair, "stp w1, w2, [sp, #-8]!\nb 1f\n1:", "ldrb w1, [sp, #3]")

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
#define EXPECT_STACK(name) EXPECT_USER(name, esr(EC_SP_ALIGNMENT, 0))
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

static void set_fpen(u64 fpen) {
  write_reg(cpacr_el1, fpen << 20);
  isb();
}

static void floating_point(void) {
  u64 want = esr(EC_FP, 0x1e00000);
  for (u64 fpen = 0; fpen <= 2; fpen += 2) {
    set_fpen(fpen);
    EXPECT_BOTH(fp, want);
    EXPECT_BOTH(fpcr, want);
    EXPECT_BOTH(fp_load, want);
  }
  set_fpen(1); /* EL0 only */
  EXPECT_USER(fp, want);
  seen.count = 0;
  check(k_fp(0, 0) == 0 && !seen.count, "FMOV at EL1 with FPEN 1");
  set_fpen(3);
  check(run_user_default_stack(u_fp, 0, 0) == 0 && !seen.count, "FMOV at EL0 with FPEN 3");
  printf("FP traps\n");
}

static void expect_misaligned(const char *what, op kernel, char *k_at, op user, char *u_at,
                              unsigned offset, u64 write) {
  u64 k_va = WINDOW_VA + offset, u_va = WINDOW_VA + PAGE_BYTES + offset;
  expect_in(false, what, kernel, k_va, k_at, esr(EC_DABT_SAME, write | FSC_ALIGNMENT), k_va);
  expect_in(true, what, user, u_va, u_at, esr(EC_DABT_LOW, write | FSC_ALIGNMENT), u_va);
}
#define EXPECT_MISALIGNED(name, offset, write) \
  expect_misaligned(#name, k_##name, k_##name##_at, u_##name, u_##name##_at, offset, write)

static void data_alignment(void) {
  u64 sctlr = read_reg(sctlr_el1);
  write_reg(sctlr_el1, sctlr | SCTLR_A);
  isb();
  EXPECT_MISALIGNED(load, 3, 0);
  EXPECT_MISALIGNED(load, PAGE_BYTES - 4, 0);
  EXPECT_MISALIGNED(store, 2, BIT(6));
  EXPECT_MISALIGNED(pair, 4, 0);
  EXPECT_MISALIGNED(quad, 8, BIT(6));
  seen.count = 0;
  check(k_load(WINDOW_VA + 8, 0) == 0 && k_pair(WINDOW_VA + 8, 0) == 0 &&
            k_bytes(WINDOW_VA + 1, 0) == 0 && !seen.count,
        "an aligned access with SCTLR_EL1.A: ESR %lx", seen.esr);
  write_reg(sctlr_el1, sctlr);
  isb();
  check(k_load(WINDOW_VA + 3, 0) == 0 && !seen.count, "an unaligned load without SCTLR_EL1.A");
  printf("SCTLR.A\n");
}

static void stack_alignment(void) {
  u64 sctlr = read_reg(sctlr_el1);
  write_reg(sctlr_el1, sctlr | BIT(3) | BIT(4)); /* SA, SA0 */
  isb();
  EXPECT_STACK(sp_immediate);
  EXPECT_STACK(sp_register);
  EXPECT_STACK(sp_extended);
  EXPECT_STACK(sp_logical);
  EXPECT_STACK(sp_writeback);
  EXPECT_STACK(sp_pair);
  seen.count = 0;
  check(run_user_default_stack(u_sp_fine, 0, 0) == 0 && !seen.count, "a misaligned SP not used");
  write_reg(sctlr_el1, sctlr & ~(BIT(3) | BIT(4)));
  isb();
  check(run_user_default_stack(u_sp_writeback, 0, 0) == 0 && !seen.count, "SP without SA0");
  write_reg(sctlr_el1, sctlr);
  isb();
  printf("SP alignment\n");
}

static void not_advertised(void) {
  if (!(read_reg(id_aa64isar0_el1) >> 60)) {
    EXPECT_BOTH(rndr, esr(EC_UNKNOWN, 0));
    EXPECT_BOTH(rndrrs, esr(EC_UNKNOWN, 0));
  }
  if (!(read_reg(id_aa64dfr0_el1) >> 8 & 15)) {
    EXPECT_BOTH(pmu, esr(EC_UNKNOWN, 0));
  }
  printf("what the ID registers do not show: RNDR, performance monitors\n");
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
  floating_point();
  data_alignment();
  if (arg_u64("all", strict)) { /* QEMU 7.2 has no such check */
    stack_alignment();
  }
  not_advertised();
}
