/* paging on x86-64, in parts; each prints one line or a few. */
#pragma once
#include "cpu.h"
#include "mmu.h"
#include "trap.h"

void rights_matrix(void);
void invalidations(void);
void process_contexts(void);
void five_levels(void);

/* An operation and the one fault it may take. */
struct outcome {
  u64 result;
  unsigned faults;
  u64 addr, code;
  unsigned vector; /* of a fault that is no page fault */
  u64 error;
};
struct outcome attempt(bool user, op operation, u64 addr, u64 value);

/* Memory to look at through windows: two pages of each leaf size, filled so that they differ. */
u64 frame_for(const struct leaf *leaf, unsigned which);
u64 window_address(const struct leaf *leaf, u64 pa); /* of pa, when leaf maps it at WINDOW_VA */
