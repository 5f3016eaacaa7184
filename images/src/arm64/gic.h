/* GICv2 (Arm IHI 0048) and the generic timers. */
#pragma once
#include "cpu.h"
#include "platform.h"

enum {
  GICD_CTLR = 0x000,
  GICD_TYPER = 0x004,
  GICD_ISENABLER = 0x100,
  GICD_ICENABLER = 0x180,
  GICD_ISPENDR = 0x200,
  GICD_ICPENDR = 0x280,
  GICD_ISACTIVER = 0x300,
  GICD_IPRIORITYR = 0x400,
  GICD_ITARGETSR = 0x800,
  GICD_SGIR = 0xf00,
  GICC_CTLR = 0x00,
  GICC_PMR = 0x04,
  GICC_BPR = 0x08,
  GICC_IAR = 0x0c,
  GICC_EOIR = 0x10,
  GICC_RPR = 0x14,
  GICC_HPPIR = 0x18,
};
#define INTID_NONE 1023
#define INTID_VIRTUAL_TIMER 27
#define INTID_PHYSICAL_TIMER 30
#define INTID_UART 33

static inline u32 gicd_read(unsigned r) { return mmio_read(GICD_PA + r); }
static inline void gicd_write(unsigned r, u32 v) { mmio_write(GICD_PA + r, v); }
static inline u32 gicc_read(unsigned r) { return mmio_read(GICC_PA + r); }
static inline void gicc_write(unsigned r, u32 v) { mmio_write(GICC_PA + r, v); }

static inline bool gicd_bit(unsigned bank, unsigned intid) {
  return gicd_read(bank + 4 * (intid / 32)) >> (intid % 32) & 1;
}
static inline void gicd_set(unsigned bank, unsigned intid) {
  gicd_write(bank + 4 * (intid / 32), 1u << (intid % 32));
}
void gic_init_distributor(void);
void gic_init_cpu(void);
void gic_priority(unsigned intid, u8 priority);
void gic_target(unsigned intid, u8 cpus);
void send_sgi(unsigned intid, u8 cpus);
#define SGI_SELF (2u << 24)
#define SGI_OTHERS (1u << 24)

#define TIMER_ENABLE 1
#define TIMER_IMASK 2
#define TIMER_ISTATUS 4

#define irq_enable() __asm__ volatile("msr daifclr, #2; isb" ::: "memory")
#define irq_disable() __asm__ volatile("msr daifset, #2" ::: "memory")
#define wfi() __asm__ volatile("dsb sy; wfi" ::: "memory")
