/*
 * irq: generic timers, priorities and nesting, pending, active and masked interrupts, WFI, SGIs,
 * the serial interrupt, interrupts of user mode. Prints nothing that depends on speed.
 */
#include "gic.h"
#include "trap.h"

#define SPARE_SPI 60

static volatile u16 log[32];
static volatile unsigned logged;
static volatile u64 last_elr;
static void (*in_handler)(unsigned intid);

static bool handle(struct frame *f) {
  u32 iar = gicc_read(GICC_IAR);
  unsigned intid = iar & 1023;
  log[logged++ & 31] = (u16)intid;
  last_elr = f->elr;
  if (in_handler) {
    in_handler(intid);
  }
  gicc_write(GICC_EOIR, iar);
  return true;
}

static void expect_log(const char *what, unsigned n, const u16 *want) {
  bool same = logged == n;
  for (unsigned i = 0; i < n && same; i++) {
    same = log[i] == want[i];
  }
  if (!check(same, "%s: %u interrupts, expected %u:", what, logged, n)) {
    for (unsigned i = 0; i < logged && i < 32; i++) {
      printf(" %u", log[i]);
    }
    printf("\n");
  }
  printf("%s: %u\n", what, logged);
  logged = 0;
}
#define EXPECT(what, ...) \
  expect_log(what, sizeof((u16[]){__VA_ARGS__}) / 2, (const u16[]){__VA_ARGS__})
#define EXPECT_NONE(what) expect_log(what, 0, NULL)

/* WFI wakes for a masked interrupt too, so nothing is lost between the test and the wait. */
static void sleep_until(unsigned count) {
  for (;;) {
    irq_disable();
    if (logged >= count) {
      return;
    }
    wfi();
    irq_enable();
  }
}

static void open_window(void) {
  irq_enable();
  irq_disable();
}

static void cntv_start(u64 ticks) {
  write_reg(cntv_tval_el0, ticks);
  write_reg(cntv_ctl_el0, TIMER_ENABLE);
  isb();
}

static void stop_virtual(unsigned intid) {
  (void)intid;
  check(read_reg(cntv_ctl_el0) & TIMER_ISTATUS, "CNTV_CTL.ISTATUS clear in its handler");
  write_reg(cntv_ctl_el0, 0);
  isb();
}

static u64 period;
static void next_of_five(unsigned intid) {
  if (logged == 5) {
    stop_virtual(intid);
    return;
  }
  write_reg(cntv_cval_el0, read_reg(cntv_cval_el0) + period);
  isb();
}

static void stop_physical(unsigned intid) {
  (void)intid;
  check(read_reg(cntp_ctl_el0) & TIMER_ISTATUS, "CNTP_CTL.ISTATUS clear in its handler");
  write_reg(cntp_ctl_el0, 0);
  isb();
}

static void wait_for_status(void) {
  while (!(read_reg(cntv_ctl_el0) & TIMER_ISTATUS)) {
    __asm__ volatile("yield");
  }
}

static void timers(void) {
  gicd_set(GICD_ISENABLER, INTID_VIRTUAL_TIMER);
  gicd_set(GICD_ISENABLER, INTID_PHYSICAL_TIMER);
  in_handler = stop_virtual;
  cntv_start(10000);
  sleep_until(1);
  EXPECT("virtual timer", INTID_VIRTUAL_TIMER);

  write_reg(cntv_cval_el0, read_reg(cntvct_el0) - 1);
  write_reg(cntv_ctl_el0, TIMER_ENABLE);
  isb();
  sleep_until(1);
  EXPECT("compare value in the past", INTID_VIRTUAL_TIMER);

  in_handler = next_of_five;
  period = read_reg(cntfrq_el0) / 50000; /* 20 us */
  cntv_start(period);
  sleep_until(5);
  open_window();
  EXPECT("periodic by compare value", INTID_VIRTUAL_TIMER, INTID_VIRTUAL_TIMER,
         INTID_VIRTUAL_TIMER, INTID_VIRTUAL_TIMER, INTID_VIRTUAL_TIMER);

  in_handler = stop_physical;
  write_reg(cntp_tval_el0, 10000);
  write_reg(cntp_ctl_el0, TIMER_ENABLE);
  isb();
  sleep_until(1);
  EXPECT("physical timer", INTID_PHYSICAL_TIMER);
}

static void masks(void) {
  in_handler = stop_virtual;
  write_reg(cntv_tval_el0, 1000);
  write_reg(cntv_ctl_el0, TIMER_ENABLE | TIMER_IMASK);
  isb();
  wait_for_status();
  check(!gicd_bit(GICD_ISPENDR, INTID_VIRTUAL_TIMER), "a timer with IMASK set is pending");
  open_window();
  EXPECT_NONE("timer with IMASK");
  write_reg(cntv_ctl_el0, TIMER_ENABLE);
  isb();
  check(gicd_bit(GICD_ISPENDR, INTID_VIRTUAL_TIMER), "not pending with IMASK cleared");
  check(read_reg(isr_el1) & PSR_I, "ISR_EL1.I clear");
  check(logged == 0, "an interrupt came with PSTATE.I set");
  open_window();
  check(!gicd_bit(GICD_ISPENDR, INTID_VIRTUAL_TIMER), "pending after its handler");
  check(!(read_reg(isr_el1) & PSR_I), "ISR_EL1.I set with nothing pending");
  EXPECT("timer pending while PSTATE.I is set", INTID_VIRTUAL_TIMER);

  gicd_set(GICD_ICENABLER, INTID_VIRTUAL_TIMER);
  cntv_start(1000);
  wait_for_status();
  check(gicd_bit(GICD_ISPENDR, INTID_VIRTUAL_TIMER), "a disabled interrupt is not pending");
  open_window();
  EXPECT_NONE("timer disabled at the distributor");
  gicd_set(GICD_ISENABLER, INTID_VIRTUAL_TIMER);
  open_window();
  EXPECT("timer enabled again", INTID_VIRTUAL_TIMER);
}

static void wait_for_interrupt(void) {
  in_handler = stop_virtual;
  cntv_start(50000);
  wfi(); /* PSTATE.I is set: wakes, but takes nothing */
  check(logged == 0, "WFI took a masked interrupt");
  check(read_reg(isr_el1) & PSR_I, "WFI ended with nothing pending");
  open_window();
  EXPECT("wake-up from WFI, masked", INTID_VIRTUAL_TIMER);
  u64 after;
  cntv_start(50000);
  __asm__ volatile("adr %0, 1f; msr daifclr, #2; wfi; 1: msr daifset, #2" : "=r"(after)::"memory");
  check(!strict || last_elr == after, "woken at %lx, WFI ends at %lx", last_elr, after);
  sleep_until(1);
  EXPECT("wake-up from WFI", INTID_VIRTUAL_TIMER);
}

/* Time that is exact: one instruction, one tick of a nanosecond. */
static void exact_time(void) {
  u64 first = read_reg(cntvct_el0);
  for (volatile unsigned i = 0; i < 100000; i++) {
  }
  u64 second = read_reg(cntvct_el0);
  check(second > first, "the counter stands still");
  if (strict) {
    in_handler = stop_virtual;
    u64 want = read_reg(cntfrq_el0) / 10000, slack = read_reg(cntfrq_el0) / 500000 + 1;
    u64 start = read_reg(cntvct_el0);
    cntv_start(want);
    sleep_until(1);
    u64 took = read_reg(cntvct_el0) - start;
    check(took >= want && took < want + slack, "the timer took %lu ticks, expected %lu", took,
          want);
    logged = 0;
  }
}

static u8 priority_of(unsigned intid) { return (u8)(0x10 * intid); } /* of SGIs 0-15 */

static void check_priority(unsigned intid) {
  check(gicc_read(GICC_RPR) == priority_of(intid), "running priority %x in the handler of %u",
        gicc_read(GICC_RPR), intid);
  check(gicd_bit(GICD_ISACTIVER, intid), "SGI %u not active in its handler", intid);
}

/* In SGI 10: SGI 4 (higher) may come in between, SGI 12 and another SGI 10 may not. */
static void nest(unsigned intid) {
  check_priority(intid);
  if (intid == 10 && logged == 1) {
    u64 elr = read_reg(elr_el1), spsr = read_reg(spsr_el1);
    send_sgi(12, 1);
    send_sgi(10, 1);
    open_window();
    check(logged == 1, "a lower or equal priority came in between");
    send_sgi(4, 1);
    open_window();
    check(logged == 2, "a higher priority did not come in between");
    log[logged++] = INTID_NONE; /* the end of the first SGI 10 */
    write_reg(elr_el1, elr);
    write_reg(spsr_el1, spsr);
  }
}

static void priorities(void) {
  for (unsigned i = 0; i < 16; i++) {
    gic_priority(i, priority_of(i));
    gicd_set(GICD_ISENABLER, i);
  }
  in_handler = check_priority;
  send_sgi(10, 1);
  send_sgi(4, 1);
  send_sgi(7, 1);
  check(gicd_bit(GICD_ISPENDR, 10) && gicd_bit(GICD_ISPENDR, 4), "pending bits of SGIs");
  check((gicc_read(GICC_HPPIR) & 1023) == 4, "highest pending is %u", gicc_read(GICC_HPPIR));
  for (unsigned i = 0; i < 3; i++) {
    open_window();
  }
  check(gicc_read(GICC_RPR) == 0xff, "idle priority is %x", gicc_read(GICC_RPR));
  check((gicc_read(GICC_IAR) & 1023) == INTID_NONE, "something acknowledged with nothing pending");
  EXPECT("three at once, by priority", 4, 7, 10);

  in_handler = nest;
  gicd_write(GICD_SGIR, SGI_SELF | 10);
  for (unsigned i = 0; i < 3; i++) {
    open_window();
  }
  in_handler = NULL;
  EXPECT("nested", 10, 4, INTID_NONE, 10, 12);

  gicc_write(GICC_PMR, priority_of(8));
  send_sgi(8, 1);
  send_sgi(7, 1);
  open_window();
  EXPECT("priority mask lets pass", 7);
  gicc_write(GICC_PMR, 0xff);
  open_window();
  EXPECT("priority mask raised", 8);
}

static void shared(void) {
  gic_priority(SPARE_SPI, 0xa0);
  gic_target(SPARE_SPI, 1);
  gicd_set(GICD_ISPENDR, SPARE_SPI);
  open_window();
  EXPECT_NONE("SPI pending but disabled");
  gicd_set(GICD_ICPENDR, SPARE_SPI);
  gicd_set(GICD_ISENABLER, SPARE_SPI);
  open_window();
  EXPECT_NONE("SPI cleared before it was enabled");
  gicd_set(GICD_ISPENDR, SPARE_SPI);
  open_window();
  EXPECT("SPI set pending", SPARE_SPI);
  check(!gicd_bit(GICD_ISACTIVER, SPARE_SPI), "active after the end of interrupt");
  gicd_write(GICD_CTLR, 0);
  gicd_set(GICD_ISPENDR, SPARE_SPI);
  open_window();
  EXPECT_NONE("distributor off");
  gicd_write(GICD_CTLR, 1);
  open_window();
  EXPECT("distributor on", SPARE_SPI);
}

static void quiet_uart(unsigned intid) {
  if (intid == INTID_UART) {
    mmio_write(UART_PA + 0x38, 0);     /* IMSC */
    mmio_write(UART_PA + 0x44, 0x7ff); /* ICR */
  }
}

static void serial(void) {
  in_handler = quiet_uart;
  gic_priority(INTID_UART, 0xa0);
  gic_target(INTID_UART, 1);
  gicd_set(GICD_ISENABLER, INTID_UART);
  mmio_write(UART_PA + 0x38, BIT(5)); /* transmit */
  printf("the transmitter of this line interrupts\n");
  open_window();
  EXPECT("serial transmit", INTID_UART);
}

extern u64 u_spin(u64, u64);
__asm__(".pushsection .user.text, \"ax\"\nu_spin: b u_spin\n.popsection\n");

static void end_user(unsigned intid) {
  stop_virtual(intid);
  check(last_elr == (u64)u_spin, "interrupted at %lx", last_elr);
  gicc_write(GICC_EOIR, intid);
  user_return(99);
}

static void preemption(void) {
  in_handler = end_user;
  cntv_start(30000);
  check(run_user_default_stack(u_spin, 0, 0) == 99, "the endless user program was not ended");
  in_handler = NULL;
  EXPECT("timer ends a user program", INTID_VIRTUAL_TIMER);
}

void guest_main(void) {
  on_irq(handle);
  gic_init_distributor();
  gic_init_cpu();
  timers();
  masks();
  wait_for_interrupt();
  exact_time();
  priorities();
  shared();
  serial();
  preemption();
}
