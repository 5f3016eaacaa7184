/* Secondary CPUs by PSCI; IPIs are SGIs; TLB invalidations are broadcast. */
#include "smp.h"

#include "gic.h"
#include "mmu.h"
#include "trap.h"

#define IPI_SGI 1

struct start { /* as secondary_start reads it */
  u64 stack_top, ttbr0, ttbr1, tcr, mair, sctlr;
  void (*function)(void);
};

extern char secondary_start[];
static volatile unsigned online;
static unsigned starting;
static void (*secondary_entry)(unsigned id);
static void (*ipi_handler)(unsigned cpu);

unsigned cpus_wanted(void) { return cpus_present(); }
unsigned cpu_self(void) { return (unsigned)this_cpu()->id; }

static void secondary(void) {
  unsigned id = starting;
  cpu_init(id);
  user_access_end(); /* PAN */
  check((read_reg(mpidr_el1) & 0xffffff) == cpu_mpidr(id), "CPU %u has MPIDR %lx", id,
        read_reg(mpidr_el1));
  online = id;
  secondary_entry(id);
  psci(PSCI_CPU_OFF, 0, 0, 0);
  fail("CPU_OFF came back");
}

void start_cpus(unsigned n, void (*entry)(unsigned id)) {
  static struct start start;
  secondary_entry = entry;
  for (unsigned id = 1; id < n; id++) {
    u64 stack = alloc_block(STACK_BYTES, STACK_BYTES);
    start = (struct start){stack + STACK_BYTES,    read_reg(ttbr0_el1), read_reg(ttbr1_el1),
                           read_reg(tcr_el1),      read_reg(mair_el1),  read_reg(sctlr_el1),
                           secondary};
    starting = id;
    dsb();
    u64 error = psci(PSCI_CPU_ON, cpu_mpidr(id), (u64)secondary_start, (u64)&start);
    if (error) {
      fail("CPU_ON of CPU %u: error %d", id, (int)error);
    }
    while (online != id) {
      __asm__ volatile("yield");
    }
  }
}

void start_errors(unsigned n) {
  for (unsigned id = 0; id < n; id++) {
    u64 on = psci(PSCI_AFFINITY_INFO, cpu_mpidr(id), 0, 0);
    check(on == 0, "AFFINITY_INFO of CPU %u: %d", id, (int)on);
  }
  if (n > 1) {
    int again = (int)psci(PSCI_CPU_ON, cpu_mpidr(1), (u64)secondary_start, 0);
    check(again == -4, "CPU_ON of a CPU that is on: %d, expected -4 (ALREADY_ON)", again);
  }
  int nobody = (int)psci(PSCI_CPU_ON, 0xff00, (u64)secondary_start, 0);
  check(nobody == -2, "CPU_ON of a CPU that is not there: %d, expected -2", nobody);
}

static bool on_sgi(struct frame *f) {
  (void)f;
  u32 iar = gicc_read(GICC_IAR);
  if ((iar & 1023) == INTID_NONE) {
    return true;
  }
  ipi_handler(cpu_self());
  gicc_write(GICC_EOIR, iar);
  return true;
}

void ipi_init(void (*handler)(unsigned cpu)) {
  ipi_handler = handler;
  on_irq(on_sgi);
  gic_init_distributor();
}

void ipi_init_cpu(void) { /* SGIs and the CPU interface are banked */
  gic_init_cpu();
  gic_priority(IPI_SGI, 0x80);
  gicd_set(GICD_ISENABLER, IPI_SGI);
}

void ipi_send(unsigned cpu) { send_sgi(IPI_SGI, (u8)(1u << cpu)); }
void ipi_send_others(void) {
  dsb();
  gicd_write(GICD_SGIR, SGI_OTHERS | IPI_SGI);
}

void relax(void) { __asm__ volatile("yield" ::: "memory"); }
void interrupts_on(void) { irq_enable(); }
void interrupts_off(void) { irq_disable(); }

void idle_while(const volatile u64 *word, u64 value) {
  for (;;) {
    irq_disable();
    if (*word != value) {
      return;
    }
    wfi();
    irq_enable();
  }
}

void shoot_down(u64 va, unsigned cpus) {
  (void)cpus;
  flush_page(va); /* inner shareable */
}

static void add_exclusive(volatile u64 *c) {
  u64 value;
  u32 failed;
  __asm__ volatile(
      "1: ldaxr %0, [%2]\n add %0, %0, #1\n stlxr %w1, %0, [%2]\n cbnz %w1, 1b"
      : "=&r"(value), "=&r"(failed)
      : "r"(c)
      : "memory");
}
static void add_lse(volatile u64 *c) {
  __asm__ volatile(".arch_extension lse\n stadd %0, [%1]" ::"r"(1ul), "r"(c) : "memory");
}
static void add_cas(volatile u64 *c) {
  u64 expected = *c, seen;
  for (;;) {
    seen = expected;
    __asm__ volatile(".arch_extension lse\n casal %0, %1, [%2]"
                     : "+r"(seen)
                     : "r"(expected + 1), "r"(c)
                     : "memory");
    if (seen == expected) {
      return;
    }
    expected = seen;
  }
}
static void add_pair(volatile u64 *c) { /* the word after the counter follows it */
  u64 low, high;
  u32 failed;
  __asm__ volatile(
      "1: ldaxp %0, %1, [%3]\n add %0, %0, #1\n add %1, %1, #1\n stlxp %w2, %0, %1, [%3]\n"
      "cbnz %w2, 1b"
      : "=&r"(low), "=&r"(high), "=&r"(failed)
      : "r"(c)
      : "memory");
}

bool has_user_atomics(void) { return (read_reg(id_aa64isar0_el1) >> 20 & 15) >= 2; }

unsigned adders(const struct adder **list) {
  static const struct adder all[] = {{"LDAXR and STLXR", add_exclusive},
                                     {"LDAXP and STLXP", add_pair},
                                     {"STADD", add_lse},
                                     {"CASAL", add_cas}};
  *list = all;
  return has_user_atomics() ? 4 : 2;
}
