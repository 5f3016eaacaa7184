/*
 * Invalidations: after map, use, remap and each way to invalidate, the new translation must be
 * seen. (That the old one may be seen before is not checked: a TLB is free to forget.) Then
 * process-context identifiers and five-level paging.
 */
#include "paging-x86_64.h"

static struct leaf huge = {.granule_shift = 12, .level = 2};

static void by_invlpg(u64 va, const struct leaf *leaf) {
  (void)leaf;
  invlpg(va);
}
static void by_invlpg_elsewhere(u64 va, const struct leaf *leaf) {
  invlpg(align_down(va, leaf->bytes) + leaf->bytes - 1); /* any address of the page will do */
}
static void by_cr3(u64 va, const struct leaf *leaf) {
  (void)va, (void)leaf;
  write_cr3(read_cr3());
}
static void by_cr4(u64 va, const struct leaf *leaf) {
  (void)va, (void)leaf;
  flush_all();
}
static void by_smep(u64 va, const struct leaf *leaf) { /* setting CR4.SMEP from 0 invalidates */
  (void)va, (void)leaf;
  if (!(read_cr4() & CR4_SMEP)) {
    flush_all();
    return;
  }
  write_cr4(read_cr4() & ~CR4_SMEP);
  write_cr4(read_cr4() | CR4_SMEP);
}

static void invpcid(u64 type, u64 pcid, u64 va) {
  struct {
    u64 pcid, va;
  } descriptor = {pcid, va};
  __asm__ volatile("invpcid %0, %1" ::"m"(descriptor), "r"(type) : "memory");
}
static void by_invpcid(u64 va, const struct leaf *leaf) {
  (void)leaf;
  invpcid(0, 0, va);
}
static void by_invpcid_context(u64 va, const struct leaf *leaf) {
  (void)va, (void)leaf;
  invpcid(1, 0, 0);
}
static void by_invpcid_all(u64 va, const struct leaf *leaf) {
  (void)va, (void)leaf;
  invpcid(2, 0, 0);
}
static void by_invpcid_not_global(u64 va, const struct leaf *leaf) {
  (void)va, (void)leaf;
  invpcid(3, 0, 0);
}

static bool has_invpcid(void) { return cpuid(7, 0).ebx & BIT(10); }
static bool has_pcid(void) { return cpuid(1, 0).ecx & BIT(17); }

static const struct form {
  const char *name;
  void (*invalidate)(u64 va, const struct leaf *leaf);
  bool global; /* reaches global pages */
  bool needs_invpcid;
} forms[] = {
    {"INVLPG", by_invlpg, true, false},
    {"INVLPG of another address of the page", by_invlpg_elsewhere, true, false},
    {"CR3", by_cr3, false, false},
    {"CR4.PGE", by_cr4, true, false},
    {"CR4.SMEP", by_smep, false, false},
    {"INVPCID address", by_invpcid, false, true},
    {"INVPCID context", by_invpcid_context, false, true},
    {"INVPCID all", by_invpcid_all, true, true},
    {"INVPCID all but global", by_invpcid_not_global, false, true},
};

static u64 read_at(u64 va) { return attempt(false, k_read8, va, 0).result; }

/* map, use, change, invalidate, use: another frame, fewer rights, nothing. */
static void remap(const struct form *form, const struct leaf *leaf, unsigned global) {
  u64 root = kernel_root(), first = frame_for(leaf, 0), second = frame_for(leaf, 1);
  u64 va = window_address(leaf, first);
  u64 *entry = entry_at(root, WINDOW_VA, leaf, true);
  u64 other = leaf->level == 2 ? first : second; /* two 1G frames would not fit the guest */
  map_leaf(root, WINDOW_VA, align_down(first, leaf->bytes), leaf, MAP_WRITE | global);
  form->invalidate(va, leaf);
  check(read_at(va) == *(u64 *)first, "%s, %s leaf: the first mapping", form->name, leaf->name);
  attempt(false, k_write8, va + 8, 1);
  map_leaf(root, WINDOW_VA, align_down(other, leaf->bytes), leaf, global);
  form->invalidate(va, leaf);
  check(read_at(va) == *(u64 *)other, "%s, %s leaf: stale frame", form->name, leaf->name);
  struct outcome o = attempt(false, k_write8, va + 8, 1);
  check(o.faults == 1 && o.code == (PF_P | PF_W), "%s, %s leaf: stale right to write", form->name,
        leaf->name);
  *entry = 0;
  form->invalidate(va, leaf);
  o = attempt(false, k_read8, va, 0);
  check(o.faults == 1 && o.code == 0, "%s, %s leaf: stale after unmapping", form->name,
        leaf->name);
  map_leaf(root, WINDOW_VA, align_down(first, leaf->bytes), leaf, MAP_WRITE | global);
  check(read_at(va) == *(u64 *)first, "%s, %s leaf: an absent entry was cached", form->name,
        leaf->name);
}

/* The page table itself is replaced: paging-structure caches must follow. */
static void retable(const struct form *form) {
  static u64 tables[2];
  struct leaf above = {.granule_shift = 12, .level = 1};
  u64 va = WINDOW_VA;
  for (unsigned i = 0; i < 2; i++) {
    tables[i] = tables[i] ? tables[i] : alloc_page();
    *(u64 *)tables[i] = make_entry(frame_for(LEAF_PAGE, i), LEAF_PAGE, MAP_WRITE);
  }
  u64 *entry = entry_at(kernel_root(), va, &above, true);
  for (unsigned i = 0; i < 4; i++) {
    *entry = tables[i & 1] | PTE_P | PTE_W | PTE_U;
    form->invalidate(va, LEAF_PAGE);
    check(read_at(va) == *(u64 *)frame_for(LEAF_PAGE, i & 1), "%s: stale page table", form->name);
  }
  *entry = 0;
  form->invalidate(va, LEAF_PAGE);
}

/* A large page is split into small ones, one of which points elsewhere, and put together again. */
static void split(const struct form *form) {
  const struct leaf *large = &leaf_kinds[1];
  u64 root = kernel_root(), block = frame_for(large, 0);
  u64 *entry = entry_at(root, WINDOW_VA, large, true);
  map_leaf(root, WINDOW_VA, block, large, MAP_WRITE);
  form->invalidate(WINDOW_VA, large);
  check(read_at(WINDOW_VA + 8192) == *(u64 *)(block + 8192), "%s: before the split", form->name);
  u64 table = alloc_page();
  for (unsigned i = 0; i < 512; i++) {
    ((u64 *)table)[i] = make_entry(block + i * PAGE_BYTES, LEAF_PAGE, MAP_WRITE);
  }
  ((u64 *)table)[2] = make_entry(frame_for(LEAF_PAGE, 1), LEAF_PAGE, MAP_WRITE);
  *entry = table | PTE_P | PTE_W | PTE_U;
  form->invalidate(WINDOW_VA + 8192, LEAF_PAGE);
  check(read_at(WINDOW_VA + 8192) == *(u64 *)frame_for(LEAF_PAGE, 1), "%s: stale after a split",
        form->name);
  map_leaf(root, WINDOW_VA, block, large, MAP_WRITE);
  form->invalidate(WINDOW_VA + 8192, LEAF_PAGE); /* the old translation is a small page */
  check(read_at(WINDOW_VA + 8192) == *(u64 *)(block + 8192), "%s: stale after a collapse",
        form->name);
  *entry = 0;
  form->invalidate(WINDOW_VA, large);
  free_page(table);
}

void invalidations(void) {
  *(u64 *)(frame_for(&leaf_kinds[1], 0) + 8192) = 0x3000;
  unsigned run = 0;
  for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
    if (forms[i].needs_invpcid && !has_invpcid()) {
      printf("%s: not offered by this CPU\n", forms[i].name);
      continue;
    }
    for (unsigned l = 0; l < leaf_kind_count; l++) {
      if (leaf_unsupported(&leaf_kinds[l])) {
        continue;
      }
      *entry_at(kernel_root(), WINDOW_VA, &huge, true) = 0;
      flush_all();
      remap(&forms[i], &leaf_kinds[l], 0);
      if (forms[i].global) {
        remap(&forms[i], &leaf_kinds[l], MAP_GLOBAL);
      }
    }
    *entry_at(kernel_root(), WINDOW_VA, &huge, true) = 0;
    flush_all();
    retable(&forms[i]);
    split(&forms[i]);
    run++;
  }
  printf("invalidations: %u forms on each leaf size\n", run);
}

#define NO_FLUSH BIT(63)

/* Two address spaces that differ at WINDOW_VA, under identifiers 1 and 2. */
static void two_contexts(u64 *roots) {
  for (unsigned i = 0; i < 2; i++) {
    roots[i] = alloc_page();
    memcpy((void *)roots[i], (void *)kernel_root(), PAGE_BYTES);
    ((u64 *)roots[i])[WINDOW_VA >> 39 & 511] = 0;
    map_leaf(roots[i], WINDOW_VA, frame_for(LEAF_PAGE, i), LEAF_PAGE, MAP_WRITE);
  }
}

static void enter(const u64 *roots, unsigned which, u64 flags) {
  write_cr3(roots[which] | (which + 1) | flags);
}

static void expect_frame(const char *what, unsigned which) {
  u64 got = read_at(WINDOW_VA), want = *(u64 *)frame_for(LEAF_PAGE, which);
  check(got == want, "PCID, %s: read %lx, expected %lx", what, got, want);
}

static void change(const u64 *roots, unsigned which, unsigned frame) {
  map_leaf(roots[which], WINDOW_VA, frame_for(LEAF_PAGE, frame), LEAF_PAGE, MAP_WRITE);
}

static void invalidate_other_context(const u64 *roots) {
  for (u64 type = 0; type < 4; type++) {
    enter(roots, 0, NO_FLUSH);
    expect_frame("first context, used", 0);
    enter(roots, 1, NO_FLUSH);
    change(roots, 0, 1);
    invpcid(type, type < 2 ? 1 : 0, type == 0 ? WINDOW_VA : 0);
    enter(roots, 0, NO_FLUSH);
    expect_frame("after INVPCID from the other context", 1);
    change(roots, 0, 0);
    invlpg(WINDOW_VA);
    expect_frame("after INVLPG in its own context", 0);
  }
}

static bool skip_instruction(struct frame *f) {
  f->rip = f->rbx; /* the tests below leave the way out in RBX */
  f->rcx = 0x900d;
  return true;
}

/* MOV CR3 with a reserved bit, INVPCID of a type there is not: #GP. */
static u64 gp_of_cr3(u64 value) {
  u64 hit = 0;
  __asm__ volatile("lea 1f(%%rip), %%rbx; mov %1, %%cr3; 1:"
                   : "+c"(hit)
                   : "r"(value)
                   : "rbx", "memory");
  return hit;
}
static u64 gp_of_invpcid(u64 type, u64 pcid) {
  u64 hit = 0;
  u64 descriptor[2] = {pcid, 0};
  __asm__ volatile("lea 1f(%%rip), %%rbx; invpcid %1, %2; 1:"
                   : "+c"(hit)
                   : "m"(descriptor), "r"(type)
                   : "rbx", "memory");
  return hit;
}

static void context_errors(bool with_invpcid) {
  trap_handler before = on_trap(13, skip_instruction);
  if (with_invpcid) {
    check(gp_of_invpcid(4, 0) == 0x900d, "INVPCID type 4 did not fault");
    check(gp_of_invpcid(0, BIT(12)) == 0x900d, "INVPCID with a reserved bit did not fault");
  }
  if (strict) {
    write_cr4(read_cr4() & ~CR4_PCIDE);
    check(gp_of_cr3(kernel_root() | NO_FLUSH) == 0x900d, "CR3 bit 63 without PCIDE did not fault");
  }
  on_trap(13, before);
}

void process_contexts(void) {
  if (!has_pcid()) {
    printf("process-context identifiers: not offered by this CPU\n");
    return;
  }
  u64 roots[2];
  two_contexts(roots);
  write_cr3(kernel_root());
  write_cr4(read_cr4() | CR4_PCIDE);
  for (unsigned i = 0; i < 6; i++) {
    enter(roots, i & 1, i < 2 ? 0 : NO_FLUSH);
    expect_frame(i < 2 ? "entered" : "entered again", i & 1);
  }
  enter(roots, 1, NO_FLUSH);
  change(roots, 0, 1);
  enter(roots, 0, 0);
  expect_frame("CR3 with a flush", 1);
  change(roots, 0, 0);
  enter(roots, 0, 0);
  expect_frame("CR3 reloaded", 0);
  if (has_invpcid()) {
    invalidate_other_context(roots);
  }
  context_errors(has_invpcid());
  write_cr3(kernel_root());
  write_cr4(read_cr4() & ~CR4_PCIDE);
  printf("process-context identifiers: switches with and without a flush, INVPCID\n");
}

/* Turns CR4.LA57 on or off: paging must be off meanwhile, so by way of 32-bit mode. */
void switch_levels(u64 root, u64 cr4);

void five_levels(void) {
  if (!(cpuid(7, 0).ecx & BIT(16))) {
    printf("five levels: not offered by this CPU\n");
    return;
  }
  u64 cr4 = read_cr4(), top = alloc_page();
  *(u64 *)top = kernel_root() | PTE_P | PTE_W | PTE_U;
  switch_levels(top, cr4 | CR4_LA57);
  check(read_cr4() & CR4_LA57, "CR4.LA57 did not stick");
  u64 va = 0x00123456789ab000;
  map_leaf(top, va, frame_for(LEAF_PAGE, 0), LEAF_PAGE, MAP_WRITE);
  check(read_at(va) == *(u64 *)frame_for(LEAF_PAGE, 0), "a 57-bit address does not translate");
  struct outcome o = attempt(false, k_read8, va + PAGE_BYTES, 0);
  check(o.faults == 1 && o.addr == va + PAGE_BYTES && o.code == 0, "57-bit absent page");
  o = attempt(false, k_write8, 0xff00000000000000, 0);
  check(o.faults == 1 && o.code == PF_W, "the lowest address of the upper half");
  u64 leaf_va = 0x00e0000000000000;
  map_leaf(top, leaf_va, frame_for(&leaf_kinds[1], 0), &leaf_kinds[1], MAP_WRITE);
  check(read_at(leaf_va + 8192) == 0x3000, "a 2m leaf under five levels");
  switch_levels(kernel_root(), cr4);
  printf("five levels: 57-bit addresses, 4k and 2m leaves\n");
}
