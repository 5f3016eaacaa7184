/*
 * irq: local APIC timer, priorities and nesting, pending and masked interrupts, HLT, interval
 * timer by I/O APIC and by 8259, serial interrupt, NMI, software interrupts, interrupts of user
 * mode. Prints nothing that depends on speed.
 */
#include "apic.h"
#include "platform.h"
#include "trap.h"

#define TIMER 0x40
#define PIT_VECTOR 0x42
#define COM1_VECTOR 0x43
#define PIC_BASE 0x20

/* What came, in order. A handler may be told to do something once more than count. */
static volatile u8 log[32];
static volatile unsigned logged;
static volatile u64 last_rip;
static void (*in_handler)(unsigned vector);

static bool log_interrupt(struct frame *f) {
  log[logged++ & 31] = (u8)f->vector;
  last_rip = f->rip;
  if (in_handler) {
    in_handler((unsigned)f->vector);
  }
  eoi();
  return true;
}

static void expect_log(const char *what, unsigned n, const u8 *want) {
  bool same = logged == n;
  for (unsigned i = 0; i < n && same; i++) {
    same = log[i] == want[i];
  }
  if (!check(same, "%s: %u interrupts, expected %u:", what, logged, n)) {
    for (unsigned i = 0; i < logged && i < 32; i++) {
      printf(" %x", log[i]);
    }
    printf("\n");
  }
  printf("%s: %u\n", what, logged);
  logged = 0;
}
#define EXPECT(what, ...) \
  expect_log(what, sizeof((u8[]){__VA_ARGS__}), (const u8[]){__VA_ARGS__})
#define EXPECT_NONE(what) expect_log(what, 0, NULL)

static void sleep_until(unsigned count) {
  for (;;) {
    cli();
    if (logged >= count) {
      return;
    }
    sti_hlt();
  }
}

/* Lets through what is pending; the first instruction after STI still runs before. */
static void open_window(void) { __asm__ volatile("sti; nop; nop; cli" ::: "memory"); }

static void timer(u32 lvt, u32 initial, u32 divide) {
  lapic_write(LAPIC_TIMER_DIVIDE, divide);
  lapic_write(LAPIC_LVT_TIMER, lvt);
  lapic_write(LAPIC_TIMER_INITIAL, initial);
}

static void wait_for_zero(void) {
  while (lapic_read(LAPIC_TIMER_CURRENT)) {
    pause();
  }
}

static void stop_after_five(unsigned vector) {
  (void)vector;
  if (logged == 5) {
    lapic_write(LAPIC_TIMER_INITIAL, 0);
  }
}

static void lapic_timer(void) {
  timer(TIMER, 10000, DIVIDE_BY_1);
  sleep_until(1);
  check(lapic_read(LAPIC_TIMER_CURRENT) == 0, "a one-shot timer counts on");
  EXPECT("one-shot timer", TIMER);

  in_handler = stop_after_five;
  timer(TIMER | LVT_PERIODIC, 20000, DIVIDE_BY_1);
  sleep_until(5);
  in_handler = NULL;
  check(lapic_read(LAPIC_TIMER_CURRENT) == 0, "a stopped timer counts on");
  open_window();
  EXPECT("periodic timer", TIMER, TIMER, TIMER, TIMER, TIMER);

  timer(TIMER | LVT_MASKED, 1000, DIVIDE_BY_1);
  wait_for_zero();
  check(!lapic_bit(LAPIC_IRR, TIMER), "a masked timer sets its IRR bit");
  open_window();
  EXPECT_NONE("masked timer");

  timer(TIMER, 1000, DIVIDE_BY_1);
  while (!lapic_bit(LAPIC_IRR, TIMER)) {
    pause();
  }
  check(logged == 0, "an interrupt came with IF clear");
  open_window();
  check(!lapic_bit(LAPIC_IRR, TIMER) && !lapic_bit(LAPIC_ISR, TIMER), "IRR or ISR left set");
  EXPECT("timer pending while IF is clear", TIMER);
}

/* On a machine whose time is exact, one instruction a nanosecond. */
static void timer_rate(u32 divide, u32 initial, u64 want, bool sleep) {
  u64 start = rdtsc();
  timer(TIMER, initial, divide);
  if (sleep) {
    sleep_until(1);
  } else {
    sti();
    while (!logged) {
      pause();
    }
    cli();
  }
  u64 took = rdtsc() - start;
  check(took >= want && took < want + 2000, "the timer took %lu TSC ticks, expected %lu", took,
        want);
  logged = 0;
}

static void exact_time(void) {
  if (strict) {
    timer_rate(DIVIDE_BY_1, 100000, 100000, true);
    timer_rate(DIVIDE_BY_1, 100000, 100000, false);
    timer_rate(DIVIDE_BY_16, 10000, 160000, true);
  }
  u64 first = rdtsc(), second = rdtsc();
  check(second > first, "the TSC stands still");
}

static void halt(void) {
  u64 after;
  timer(TIMER, 50000, DIVIDE_BY_1);
  __asm__ volatile("lea 1f(%%rip), %0; sti; hlt; 1: cli" : "=r"(after)::"memory");
  check(last_rip == after, "woken at %lx, HLT ends at %lx", last_rip, after);
  EXPECT("wake-up from HLT", TIMER);
  send_self(0x61);
  __asm__ volatile("lea 1f(%%rip), %0; sti; hlt; 1: cli" : "=r"(after)::"memory");
  check(last_rip == after, "STI let an interrupt in before HLT: %lx", last_rip);
  EXPECT("HLT with an interrupt pending", 0x61);
  send_self(0x62);
  __asm__ volatile("lea 1f(%%rip), %0; sti; nop; 1: nop; cli" : "=r"(after)::"memory");
  check(last_rip == after, "the shadow of STI: interrupted at %lx, expected %lx", last_rip, after);
  EXPECT("shadow of STI", 0x62);
}

static void check_priority(unsigned vector) {
  check(lapic_bit(LAPIC_ISR, vector), "ISR bit %x clear in its handler", vector);
  check(lapic_read(LAPIC_PPR) == (vector & 0xf0), "PPR %x in the handler of %x",
        lapic_read(LAPIC_PPR), vector);
}

/* In 0x51: 0x91 may come in between, 0x41 may not, 0x51 comes once more afterwards. */
static void nest(unsigned vector) {
  check_priority(vector);
  if (vector == 0x51 && logged == 1) {
    send_self(0x41);
    send_self(0x51);
    send_self(0x51);
    open_window();
    check(logged == 1, "a lower or equal priority came in between");
    send_self(0x91);
    open_window();
    check(logged == 2, "a higher priority did not come in between");
    log[logged++] = 0; /* the end of the first 0x51 */
  }
}

static void priorities(void) {
  in_handler = check_priority;
  send_self(0x51);
  send_self(0x91);
  send_self(0x71);
  check(lapic_bit(LAPIC_IRR, 0x51) && lapic_bit(LAPIC_IRR, 0x71) && lapic_bit(LAPIC_IRR, 0x91),
        "IRR bits of pending interrupts");
  for (unsigned i = 0; i < 3; i++) {
    open_window();
  }
  EXPECT("three at once, by priority", 0x91, 0x71, 0x51);

  in_handler = nest;
  send_self(0x51);
  for (unsigned i = 0; i < 3; i++) {
    open_window();
  }
  in_handler = NULL;
  EXPECT("nested", 0x51, 0x91, 0, 0x51, 0x41);

  write_cr8(6);
  check(lapic_read(LAPIC_TPR) == 0x60 && read_cr8() == 6, "TPR %x after CR8 = 6",
        lapic_read(LAPIC_TPR));
  send_self(0x61);
  send_self(0x71);
  open_window();
  EXPECT("task priority lets pass", 0x71);
  lapic_write(LAPIC_TPR, 0);
  open_window();
  EXPECT("task priority lowered", 0x61);
}

static void interval_timer(void) {
  ioapic_route(PIN_PIT, PIT_VECTOR);
  pit_start(0, 2000);
  u16 left = pit_read();
  check(left <= 2000, "the PIT counts from %u", left);
  sleep_until(1);
  EXPECT("PIT by I/O APIC, terminal count", PIT_VECTOR);
  pit_start(2, 3000);
  sleep_until(3);
  ioapic_mask(PIN_PIT);
  logged = 3; /* one more may have been on its way */
  EXPECT("PIT by I/O APIC, rate generator", PIT_VECTOR, PIT_VECTOR, PIT_VECTOR);
}

/* The 8259 answers through LINT0; it wants its own end of interrupt. */
static bool pic_interrupt(struct frame *f) {
  log[logged++ & 31] = (u8)f->vector;
  outb(PORT_PIC1, 0x0b); /* OCW3: read ISR */
  check(inb(PORT_PIC1) == 1, "8259: ISR in the handler of line 0");
  outb(PORT_PIC1, 0x20); /* OCW2: end of interrupt */
  check(inb(PORT_PIC1) == 0, "8259: ISR after the end of interrupt");
  return true;
}

static void legacy_pic(void) {
  pic_init(PIC_BASE);
  on_trap(PIC_BASE, pic_interrupt);
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pit_start(0, 2000);
  pic_unmask(0);
  sleep_until(1);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
  outb(PORT_PIC1 + 1, 0xff);
  EXPECT("PIT by 8259", PIC_BASE);
}

static void serial_handler(unsigned vector) {
  if (vector == COM1_VECTOR) {
    check((inb(PORT_COM1 + 2) & 0xf) == 2, "IIR does not say transmitter empty");
    outb(PORT_COM1 + 1, 0);
  }
}

static void serial(void) {
  in_handler = serial_handler;
  ioapic_route(PIN_COM1, COM1_VECTOR);
  outb(PORT_COM1 + 1, 2); /* transmitter empty: at once */
  sleep_until(1);
  ioapic_mask(PIN_COM1);
  in_handler = NULL;
  EXPECT("serial transmitter empty", COM1_VECTOR);
}

static bool nmi(struct frame *f) {
  log[logged++] = (u8)f->vector;
  return true;
}

static void non_maskable(void) {
  on_trap(2, nmi);
  send_ipi(lapic_read(LAPIC_ID) >> 24, ICR_NMI);
  for (unsigned i = 0; i < 100 && !logged; i++) {
    pause();
  }
  EXPECT("NMI with IF clear", 2);
}

static bool software(struct frame *f) {
  log[logged++] = (u8)f->vector;
  last_rip = f->rip;
  return true;
}

static volatile u64 gp_error;

/* SDM: the vector times 8, and the IDT bit. QEMU 7.2 multiplies by 16 in long mode. */
static bool idt_error(unsigned vector) {
  return gp_error == (vector << 3 | 2) || (!strict && gp_error == (vector << 4 | 2));
}

static bool general_protection(struct frame *f) {
  gp_error = f->error;
  log[logged++] = 13;
  skip_operation(f);
  return true;
}

extern u64 u_int80(u64, u64), u_int81(u64, u64), u_int3(u64, u64), u_spin(u64, u64), u_cli(u64, u64);
__asm__(
    ".pushsection .user.text, \"ax\"\n"
    "u_int80: int $0x80; mov $7, %eax; ret\n"
    "u_int81: int $0x81; mov $7, %eax; ret\n"
    "u_int3: int3; mov $7, %eax; ret\n"
    "u_cli: cli; mov $7, %eax; ret\n"
    "u_spin: jmp u_spin\n"
    ".popsection\n");

static void software_interrupts(void) {
  on_trap(0x80, software);
  on_trap(0x81, software);
  on_trap(3, software);
  trap_handler before = on_trap(13, general_protection);
  set_gate(0x80, 0, 3);
  check(run_user_default_stack(u_int80, 0, 0) == 7, "INT 0x80 did not come back");
  check(last_rip == (u64)u_int80 + 2, "INT 0x80 from %lx", last_rip);
  EXPECT("INT to a gate of ring 3", 0x80);
  u64 result = run_user_default_stack(u_int81, 0, 0);
  check(result == OP_FAULTED && idt_error(0x81), "INT 0x81: error code %lx", gp_error);
  EXPECT("INT to a gate of ring 0", 13);
  result = run_user_default_stack(u_int3, 0, 0);
  check(result == OP_FAULTED && idt_error(3), "INT3: error code %lx", gp_error);
  set_gate(3, 0, 3);
  check(run_user_default_stack(u_int3, 0, 0) == 7 && last_rip == (u64)u_int3 + 1,
        "INT3 from %lx", last_rip);
  EXPECT("INT3 without and with the right", 13, 3);
  check(run_user_default_stack(u_cli, 0, 0) == OP_FAULTED && gp_error == 0, "CLI in user mode");
  EXPECT("CLI in user mode", 13);
  __asm__ volatile("int $0x81");
  EXPECT("INT in the kernel", 0x81);
  on_trap(13, before);
}

static bool end_user(struct frame *f) {
  log[logged++] = (u8)f->vector;
  check((f->cs & 3) == 3 && f->rip == (u64)u_spin, "interrupted at %lx:%lx", f->cs, f->rip);
  eoi();
  user_return(99);
}

static void preemption(void) {
  trap_handler before = on_trap(TIMER, end_user);
  timer(TIMER, 30000, DIVIDE_BY_1);
  check(run_user_default_stack(u_spin, 0, 0) == 99, "the endless user program was not ended");
  EXPECT("timer ends a user program", TIMER);
  on_trap(TIMER, before);
}

void guest_main(void) {
  for (unsigned vector = 0x40; vector < 0x100; vector++) {
    on_trap(vector, log_interrupt);
  }
  lapic_enable();
  check((lapic_read(LAPIC_VERSION) & 0xf0) == 0x10, "local APIC version %x",
        lapic_read(LAPIC_VERSION));
  lapic_timer();
  exact_time();
  halt();
  priorities();
  interval_timer();
  legacy_pic();
  serial();
  non_maskable();
  software_interrupts();
  preemption();
}
