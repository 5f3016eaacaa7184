/*
 * Page tables, as far as both architectures agree. A leaf kind is a way to map: granule, level,
 * contiguous bit. All functions work on the table at `root`; kernel_root() is the one in use.
 * Nothing here invalidates a TLB but the functions whose name says so.
 */
#pragma once
#include "guest.h"

enum { /* leaf rights; a leaf is always readable by the kernel */
  MAP_WRITE = 1,
  MAP_EXEC = 2,
  MAP_USER = 4,
  MAP_GLOBAL = 8,
  MAP_DEVICE = 16,
};
#define MAP_USER_RW (MAP_USER | MAP_WRITE)

struct leaf {
  const char *name;   /* as on the command line: 4k, 2m, 64k-cont, 16k:32m */
  u8 granule_shift;   /* 12, 14, 16 */
  u8 level;           /* steps above the last table: 0 = page, 1 = first block, 2 = second */
  bool contiguous;    /* arm64: one of a group that carries the contiguous bit */
  u64 bytes;          /* what one TLB entry may cover */
  u64 step;           /* what one descriptor covers */
};

extern const struct leaf leaf_kinds[];
extern const unsigned leaf_kind_count;
#define LEAF_PAGE (&leaf_kinds[0]) /* the 4K page on both architectures */

const struct leaf *leaf_by_name(const char *name);
const char *leaf_unsupported(const struct leaf *leaf); /* NULL, or why this CPU lacks it */

/* Where guests may map what they like: lower half, user accessible, far from the kernel. */
#define WINDOW_VA 0x10000000000ul
/* Where to map leaves of this kind (arm64: granules other than 4K live under TTBR1). */
u64 leaf_window(const struct leaf *leaf);

u64 kernel_root(void);
u64 root_for(u64 va); /* the root that translates va now */
u64 *entry_at(u64 root, u64 va, const struct leaf *leaf, bool create);
void map_leaf(u64 root, u64 va, u64 pa, const struct leaf *leaf, unsigned rights);
u64 make_entry(u64 pa, const struct leaf *leaf, unsigned rights);
u64 entry_pa(u64 entry);
void flush_page(u64 va);
void flush_all(void);

/* Shorthands on the 4K page of the current tables. */
static inline u64 *pte_of(u64 va) { return entry_at(root_for(va), va, LEAF_PAGE, true); }
static inline void map_page(u64 va, u64 pa, unsigned rights) {
  map_leaf(root_for(va), va, pa, LEAF_PAGE, rights);
}

/* Kernel access to user memory under SMAP or PAN. */
void user_access_begin(void);
void user_access_end(void);
