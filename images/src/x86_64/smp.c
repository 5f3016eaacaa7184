/* Application processors by INIT and SIPI; IPIs by the local APIC. */
#include "smp.h"

#include "apic.h"
#include "mmu.h"
#include "trap.h"

#define IPI_VECTOR 0xe0
#define SHOOT_VECTOR 0xe1

extern u8 ap_trampoline[], ap_trampoline_end[], ap_mailbox[];

struct mailbox { /* as start.S reads it */
  u64 cr3, stack_top;
  void (*function)(void);
};

static volatile unsigned online;
static unsigned starting;
static void (*secondary_entry)(unsigned id);
static void (*ipi_handler)(unsigned cpu);
static volatile u64 shoot_va, shoot_acks;

unsigned cpus_wanted(void) {
  u64 n = arg_u64("quire.cpus", 1);
  if (n < 1 || n > MAX_CPUS) {
    fail("quire.cpus= wants 1 to %u", MAX_CPUS);
  }
  return (unsigned)n;
}

unsigned cpu_self(void) { return this_cpu()->id; }

static void secondary(void) {
  unsigned id = starting;
  cpu_init(id);
  cpu_features();
  lapic_enable();
  check(lapic_read(LAPIC_ID) >> 24 == id, "CPU %u has APIC id %u", id, lapic_read(LAPIC_ID) >> 24);
  online = id;
  secondary_entry(id);
  for (;;) {
    cli();
    __asm__ volatile("hlt");
  }
}

static void wait_tsc(u64 ticks) {
  u64 start = rdtsc();
  while (rdtsc() - start < ticks) {
    pause();
  }
}

void start_cpus(unsigned n, void (*entry)(unsigned id)) {
  secondary_entry = entry;
  u64 bytes = (u64)(ap_trampoline_end - ap_trampoline);
  memcpy((void *)TRAMPOLINE, ap_trampoline, bytes);
  struct mailbox *mailbox = (void *)(TRAMPOLINE + (u64)(ap_mailbox - ap_trampoline));
  for (unsigned id = 1; id < n; id++) {
    u64 stack = alloc_block(STACK_BYTES, STACK_BYTES);
    *mailbox = (struct mailbox){kernel_root(), stack + STACK_BYTES, secondary};
    starting = id;
    send_ipi(id, ICR_INIT);
    wait_tsc(10000);
    send_ipi(id, ICR_STARTUP | TRAMPOLINE >> 12);
    for (u64 start = rdtsc(); online != id;) {
      if (rdtsc() - start > 4000000000) {
        fail("CPU %u did not start", id);
      }
      pause();
    }
  }
}

void start_errors(unsigned n) { /* a SIPI to a CPU that runs is ignored */
  if (n > 1) {
    send_ipi(1, ICR_STARTUP | TRAMPOLINE >> 12);
  }
}

static bool on_ipi(struct frame *f) {
  (void)f;
  ipi_handler(cpu_self());
  eoi();
  return true;
}

static bool on_shoot(struct frame *f) {
  (void)f;
  invlpg(shoot_va);
  __atomic_fetch_add(&shoot_acks, 1, __ATOMIC_SEQ_CST);
  eoi();
  return true;
}

void ipi_init(void (*handler)(unsigned cpu)) {
  ipi_handler = handler;
  on_trap(IPI_VECTOR, on_ipi);
  on_trap(SHOOT_VECTOR, on_shoot);
}

void ipi_init_cpu(void) { lapic_enable(); }
void ipi_send(unsigned cpu) { send_ipi(cpu, IPI_VECTOR); }
void ipi_send_others(void) { lapic_write(LAPIC_ICR, IPI_VECTOR | ICR_ALL_BUT_SELF | ICR_ASSERT); }

void relax(void) { pause(); }
void interrupts_on(void) { sti(); }
void interrupts_off(void) { cli(); }

void idle_while(const volatile u64 *word, u64 value) {
  for (;;) {
    cli();
    if (*word != value) {
      return;
    }
    sti_hlt();
  }
}

void shoot_down(u64 va, unsigned cpus) {
  invlpg(va);
  shoot_va = va;
  shoot_acks = 0;
  if (cpus > 1) {
    lapic_write(LAPIC_ICR, SHOOT_VECTOR | ICR_ALL_BUT_SELF | ICR_ASSERT);
  }
  while (shoot_acks < cpus - 1) {
    pause();
  }
}

static void add_xadd(volatile u64 *c) {
  u64 one = 1;
  __asm__ volatile("lock xaddq %0, %1" : "+r"(one), "+m"(*c)::"memory");
}
static void add_inc(volatile u64 *c) { __asm__ volatile("lock incq %0" : "+m"(*c)::"memory"); }
static void add_cmpxchg(volatile u64 *c) {
  u64 old = *c;
  bool done;
  do {
    __asm__ volatile("lock cmpxchgq %3, %1"
                     : "+a"(old), "+m"(*c), "=@ccz"(done)
                     : "r"(old + 1)
                     : "memory");
  } while (!done);
}
static void add_cmpxchg16b(volatile u64 *c) { /* the word after the counter follows it */
  u64 low = c[0], high = c[1];
  bool done;
  do {
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*(volatile u64(*)[2])c), "+a"(low), "+d"(high)
                     : "b"(low + 1), "c"(high + 1)
                     : "memory");
  } while (!done);
}

bool has_user_atomics(void) { return true; }

unsigned adders(const struct adder **list) {
  static const struct adder all[] = {{"LOCK XADD", add_xadd},
                                     {"LOCK INC", add_inc},
                                     {"LOCK CMPXCHG", add_cmpxchg},
                                     {"LOCK CMPXCHG16B", add_cmpxchg16b}};
  *list = all;
  return ARRAY_LEN(all);
}
