#include "gic.h"

void gic_init_distributor(void) { gicd_write(GICD_CTLR, 1); }

void gic_init_cpu(void) {
  gicc_write(GICC_PMR, 0xff);
  gicc_write(GICC_BPR, 0); /* every implemented priority bit preempts */
  gicc_write(GICC_CTLR, 1);
}

static void write_byte(unsigned bank, unsigned intid, u8 value) {
  unsigned r = bank + (intid & ~3u), shift = 8 * (intid & 3);
  gicd_write(r, (gicd_read(r) & ~(0xffu << shift)) | (u32)value << shift);
}

void gic_priority(unsigned intid, u8 priority) { write_byte(GICD_IPRIORITYR, intid, priority); }
void gic_target(unsigned intid, u8 cpus) { write_byte(GICD_ITARGETSR, intid, cpus); }

void send_sgi(unsigned intid, u8 cpus) {
  dsb();
  gicd_write(GICD_SGIR, (u32)cpus << 16 | intid);
}
