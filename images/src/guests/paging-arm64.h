/* paging on arm64, in parts; each prints one line or a few. */
#pragma once
#include "cpu.h"
#include "mmu.h"
#include "paging.h"
#include "trap.h"

void rights_matrix(void);
void faults_by_level(void);
void address_sizes(void);
void invalidations(void);
void address_spaces(void);

/* An operation and the faults it took; the last one's registers. */
struct outcome {
  u64 result;
  unsigned faults;
  u64 far, esr;
};
struct outcome attempt(bool user, op operation, u64 addr, u64 value);
void expect_fault(const char *what, bool user, op operation, u64 addr, u64 esr);
u64 esr_for(enum access access, bool user, unsigned fsc);

/* Two blocks of 2 MiB, filled so that they differ. Through a leaf the first is seen at
 * window_address(); leaves larger than the block show what stands around it too. */
u64 frame(unsigned which);
u64 fresh_window(const struct leaf *leaf); /* leaf_window() with nothing mapped there */
u64 window_address(const struct leaf *leaf, u64 window);
void map_frame(u64 window, const struct leaf *leaf, unsigned which, unsigned rights);
u64 read_at(u64 va);

static inline void set_reg_tcr(u64 tcr) {
  write_reg(tcr_el1, tcr);
  isb();
  flush_all();
}
