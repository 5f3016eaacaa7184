/* Interrupt controllers and the interval timer of the "pc" machine. */
#pragma once
#include "cpu.h"

#define LAPIC_PA 0xfee00000ul
enum lapic_register {
  LAPIC_ID = 0x20,
  LAPIC_VERSION = 0x30,
  LAPIC_TPR = 0x80,
  LAPIC_PPR = 0xa0,
  LAPIC_EOI = 0xb0,
  LAPIC_SVR = 0xf0,
  LAPIC_ISR = 0x100,
  LAPIC_IRR = 0x200,
  LAPIC_ICR = 0x300,
  LAPIC_ICR_HIGH = 0x310,
  LAPIC_LVT_TIMER = 0x320,
  LAPIC_LVT_LINT0 = 0x350,
  LAPIC_TIMER_INITIAL = 0x380,
  LAPIC_TIMER_CURRENT = 0x390,
  LAPIC_TIMER_DIVIDE = 0x3e0,
};
#define LVT_MASKED BIT(16)
#define LVT_PERIODIC BIT(17)
#define LVT_EXTINT 0x700
#define DIVIDE_BY_1 0xb
#define DIVIDE_BY_16 0x3
#define ICR_FIXED 0x000
#define ICR_NMI 0x400
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600
#define ICR_ASSERT BIT(14)
#define ICR_SELF (1u << 18)
#define ICR_ALL_BUT_SELF (3u << 18)

static inline u32 lapic_read(enum lapic_register r) { return *(volatile u32 *)(LAPIC_PA + r); }
static inline void lapic_write(enum lapic_register r, u32 v) {
  *(volatile u32 *)(LAPIC_PA + r) = v;
}
/* One bit of the 256-bit IRR or ISR. */
static inline bool lapic_bit(enum lapic_register bank, unsigned vector) {
  return *(volatile u32 *)(LAPIC_PA + bank + 16 * (vector / 32)) >> (vector % 32) & 1;
}
static inline void eoi(void) { lapic_write(LAPIC_EOI, 0); }
void lapic_enable(void);
void send_ipi(unsigned apic_id, u32 icr);
void send_self(unsigned vector);

/* I/O APIC: an edge-triggered pin to a vector of this CPU, or masked. */
#define PIN_PIT 2
#define PIN_COM1 4
void ioapic_route(unsigned pin, unsigned vector);
void ioapic_mask(unsigned pin);

/* 8259 pair: ICW1-4, all masked, vectors from base. */
void pic_init(unsigned base);
void pic_unmask(unsigned irq);

/* Channel 0: mode 0 (one interrupt at terminal count) or 2 (rate generator). */
void pit_start(unsigned mode, u16 count);
u16 pit_read(void);
