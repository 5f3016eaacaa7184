/* What paging-arm64 and smp want beyond common/mmu.h. */
#pragma once
#include "mmu.h"

/* Gives the upper half (TTBR1) an empty table of this granule; returns the first VA there. */
u64 high_half(unsigned granule_shift);
u64 new_root(unsigned granule_shift);
unsigned pa_range_bits(void);
bool granule_supported(unsigned granule_shift);
/* The architecture's level number (3 = page) of a leaf kind. */
static inline unsigned arch_level(const struct leaf *leaf) { return 3u - leaf->level; }
#define HIGH_VA 0xffff800000000000ul
