/*
 * Invalidations: after use, change and each TLBI, the new state must be seen. Changes of address
 * go by break-before-make, as the architecture wants; a right may be taken away in place. Then
 * address-space identifiers.
 */
#include "paging-arm64.h"

static u64 current_asid(void) { return read_reg(ttbr0_el1) >> 48; }
static u64 operand(u64 asid, u64 va) { return asid << 48 | (va >> 12 & (BIT(44) - 1)); }

typedef void (*tlbi)(u64 asid, u64 va, u64 bytes);

#define BY_OPERAND(name, operation)                                                       \
  static void name(u64 asid, u64 va, u64 bytes) {                                         \
    (void)bytes;                                                                          \
    __asm__ volatile("dsb ishst; tlbi " operation ", %0; dsb ish; isb" ::"r"(operand(asid, va)) \
                     : "memory");                                                         \
  }
#define BY_ASID(name, operation)                                                          \
  static void name(u64 asid, u64 va, u64 bytes) {                                         \
    (void)va, (void)bytes;                                                                \
    __asm__ volatile("dsb ishst; tlbi " operation ", %0; dsb ish; isb" ::"r"(asid << 48)   \
                     : "memory");                                                         \
  }
#define BY_NOTHING(name, operation)                                                       \
  static void name(u64 asid, u64 va, u64 bytes) {                                         \
    (void)asid, (void)va, (void)bytes;                                                    \
    __asm__ volatile("dsb ishst; tlbi " operation "; dsb ish; isb" ::: "memory");          \
  }
BY_OPERAND(vae1, "vae1")
BY_OPERAND(vae1is, "vae1is")
BY_OPERAND(vale1, "vale1")
BY_OPERAND(vale1is, "vale1is")
BY_OPERAND(vaae1, "vaae1")
BY_OPERAND(vaae1is, "vaae1is")
BY_OPERAND(vaale1, "vaale1")
BY_OPERAND(vaale1is, "vaale1is")
BY_ASID(aside1, "aside1")
BY_ASID(aside1is, "aside1is")
BY_NOTHING(vmalle1, "vmalle1")
BY_NOTHING(vmalle1is, "vmalle1is")

/* FEAT_TLBIRANGE: base and a number of 2 << scale*5 granules. */
static void rvae1is(u64 asid, u64 va, u64 bytes) {
  unsigned tg = (va & BIT(55)) ? (unsigned[]){0, 2, 1, 3}[read_reg(tcr_el1) >> 30 & 3] : 1;
  u64 shift = tg == 1 ? 12 : tg == 2 ? 14 : 16;
  u64 pairs = align_up(bytes, 2ul << shift) >> (shift + 1), scale = 0;
  for (; pairs > 32; scale++) {
    pairs = (pairs + 31) / 32;
  }
  u64 range = asid << 48 | (u64)tg << 46 | scale << 44 | (pairs - 1) << 39 |
              (va >> shift & (BIT(37) - 1));
  __asm__ volatile("dsb ishst; sys #0, c8, c2, #1, %0; dsb ish; isb" ::"r"(range) : "memory");
}
static void vae1os(u64 asid, u64 va, u64 bytes) { /* FEAT_TLBIOS */
  (void)bytes;
  __asm__ volatile("dsb ishst; sys #0, c8, c1, #1, %0; dsb ish; isb" ::"r"(operand(asid, va))
                   : "memory");
}

enum { LAST_LEVEL = 1, GLOBAL_TOO = 2, RANGE = 4, OUTER = 8, ONE_VA = 16 };
static const struct form {
  const char *name;
  tlbi invalidate;
  unsigned flags;
} forms[] = {
    {"VAE1", vae1, GLOBAL_TOO | ONE_VA},
    {"VAE1IS", vae1is, GLOBAL_TOO | ONE_VA},
    {"VALE1", vale1, GLOBAL_TOO | LAST_LEVEL | ONE_VA},
    {"VALE1IS", vale1is, GLOBAL_TOO | LAST_LEVEL | ONE_VA},
    {"VAAE1", vaae1, GLOBAL_TOO | ONE_VA},
    {"VAAE1IS", vaae1is, GLOBAL_TOO | ONE_VA},
    {"VAALE1", vaale1, GLOBAL_TOO | LAST_LEVEL | ONE_VA},
    {"VAALE1IS", vaale1is, GLOBAL_TOO | LAST_LEVEL | ONE_VA},
    {"ASIDE1", aside1, 0},
    {"ASIDE1IS", aside1is, 0},
    {"VMALLE1", vmalle1, GLOBAL_TOO},
    {"VMALLE1IS", vmalle1is, GLOBAL_TOO},
    {"VAE1OS", vae1os, GLOBAL_TOO | ONE_VA | OUTER},
    {"RVAE1IS", rvae1is, GLOBAL_TOO | RANGE},
};

static bool offered(const struct form *form) {
  unsigned level = read_reg(id_aa64isar0_el1) >> 56 & 15; /* 1: outer shareable, 2: range too */
  return form->flags & RANGE ? level >= 2 : form->flags & OUTER ? level >= 1 : true;
}

/* Invalidates a whole leaf; `where` is the address given for forms that take one. */
static void invalidate(const struct form *form, const struct leaf *leaf, u64 window, u64 where) {
  if (form->flags & ONE_VA && leaf->contiguous) { /* every entry of the group is to be named */
    for (u64 at = 0; at < leaf->bytes; at += leaf->step) {
      form->invalidate(current_asid(), window + at, leaf->step);
    }
  } else if (form->flags & RANGE) {
    form->invalidate(current_asid(), window, leaf->bytes);
  } else {
    form->invalidate(current_asid(), where, leaf->step);
  }
}

static void unmap(const struct leaf *leaf, u64 window) {
  for (u64 at = 0; at < leaf->bytes; at += leaf->step) {
    *entry_at(root_for(window), window + at, leaf, false) = 0;
  }
  dsb();
}

static void remap(const struct form *form, const struct leaf *leaf, u64 window, unsigned global,
                  bool elsewhere) {
  u64 va = window_address(leaf, window);
  u64 where = elsewhere ? window + leaf->bytes - PAGE_BYTES : va;
  unsigned other = leaf->bytes > 2 * MiB ? 0 : 1; /* larger ones hold both frames */
  map_frame(window, leaf, 0, MAP_WRITE | global);
  check(read_at(va) == *(u64 *)frame(0), "%s, %s leaf: the first mapping", form->name, leaf->name);
  attempt(false, k_write8, va + 8, 1);
  map_frame(window, leaf, 0, global);
  invalidate(form, leaf, window, where);
  struct outcome o = attempt(false, k_write8, va + 8, 1);
  check(o.faults == 1 && o.esr == fault_code(ACCESS_WRITE, false, false, leaf->level),
        "%s, %s leaf: stale right to write", form->name, leaf->name);
  unmap(leaf, window);
  invalidate(form, leaf, window, where);
  o = attempt(false, k_read8, va, 0);
  check(o.faults == 1 && o.esr == fault_code(ACCESS_READ, false, true, leaf->level),
        "%s, %s leaf: stale after unmapping", form->name, leaf->name);
  map_frame(window, leaf, other, global);
  check(read_at(va) == *(u64 *)frame(other), "%s, %s leaf: an absent entry was cached",
        form->name, leaf->name);
  unmap(leaf, window);
  invalidate(form, leaf, window, where);
  check(attempt(false, k_read8, va, 0).faults == 1, "%s, %s leaf: stale after the second mapping",
        form->name, leaf->name);
}

/* The last table itself is replaced, which a last-level invalidation need not notice. */
static void retable(const struct form *form, u64 window) {
  static u64 tables[2];
  struct leaf above = {.granule_shift = 12, .level = 1};
  for (unsigned i = 0; i < 2; i++) {
    tables[i] = tables[i] ? tables[i] : alloc_page();
    *(u64 *)tables[i] = make_entry(frame(i), LEAF_PAGE, MAP_WRITE);
  }
  u64 *entry = entry_at(root_for(window), window, &above, true);
  for (unsigned i = 0; i < 4; i++) {
    *entry = 0;
    form->invalidate(current_asid(), window, 2 * MiB);
    *entry = tables[i & 1] | D_TABLE | D_VALID;
    dsb();
    isb();
    check(read_at(window) == *(u64 *)frame(i & 1), "%s: stale table", form->name);
  }
  *entry = 0;
  form->invalidate(current_asid(), window, 2 * MiB);
}

void invalidations(void) {
  unsigned run = 0;
  *(u64 *)frame(0) = 0x1000;
  for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
    const struct form *form = &forms[i];
    if (!offered(form)) {
      printf("%s: not offered by this CPU\n", form->name);
      continue;
    }
    for (unsigned l = 0; l < leaf_kind_count; l++) {
      const struct leaf *leaf = &leaf_kinds[l];
      if (leaf_unsupported(leaf)) {
        continue;
      }
      u64 window = fresh_window(leaf);
      remap(form, leaf, window, 0, false);
      if (form->flags & GLOBAL_TOO) {
        remap(form, leaf, window, MAP_GLOBAL, false);
        remap(form, leaf, window, 0, true);
      }
    }
    if (!(form->flags & LAST_LEVEL)) {
      retable(form, fresh_window(LEAF_PAGE));
    }
    run++;
  }
  printf("invalidations: %u forms on each leaf size\n", run);
}

/* Two address spaces that differ at WINDOW_VA. The kernel's own pages are global. */
static void enter(u64 root, u64 asid) {
  write_reg(ttbr0_el1, root | asid << 48);
  isb();
}

static void expect_frame(const char *what, unsigned which) {
  u64 got = read_at(WINDOW_VA), want = *(u64 *)frame(which);
  check(got == want, "ASID, %s: read %lx, expected %lx", what, got, want);
}

static void from_the_other_space(const u64 *roots, const u64 *asids) {
  for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
    if (!offered(&forms[i])) {
      continue;
    }
    enter(roots[0], asids[0]);
    expect_frame("used", 0);
    enter(roots[1], asids[1]);
    *entry_at(roots[0], WINDOW_VA, LEAF_PAGE, false) = 0;
    dsb();
    forms[i].invalidate(asids[0], WINDOW_VA, PAGE_BYTES);
    map_leaf(roots[0], WINDOW_VA, frame(1), LEAF_PAGE, MAP_WRITE);
    expect_frame("the other space, untouched", 1);
    enter(roots[0], asids[0]);
    expect_frame("after an invalidation from the other space", 1);
    *entry_at(roots[0], WINDOW_VA, LEAF_PAGE, false) = 0;
    dsb();
    forms[i].invalidate(asids[0], WINDOW_VA, PAGE_BYTES);
    map_leaf(roots[0], WINDOW_VA, frame(0), LEAF_PAGE, MAP_WRITE);
    expect_frame("after an invalidation in its own space", 0);
  }
}

/* With TCR_EL1.A1 the identifier comes from TTBR1_EL1. */
static void asid_of_ttbr1(const u64 *roots, const u64 *asids) {
  u64 tcr = read_reg(tcr_el1), ttbr1 = read_reg(ttbr1_el1);
  enter(kernel_root(), 0);
  set_reg_tcr(tcr | TCR_A1);
  for (unsigned i = 0; i < 4; i++) {
    write_reg(ttbr1_el1, ttbr1); /* a spare identifier while the tables change */
    isb();
    enter(roots[i & 1], 0);
    write_reg(ttbr1_el1, ttbr1 | asids[i & 1] << 48);
    isb();
    expect_frame("from TTBR1", i & 1);
  }
  write_reg(ttbr1_el1, ttbr1);
  enter(kernel_root(), 0);
  set_reg_tcr(tcr);
}

void address_spaces(void) {
  bool wide = read_reg(tcr_el1) & TCR_AS;
  u64 roots[2], asids[2] = {wide ? 0x1101 : 1, wide ? 0x2201 : 2};
  fresh_window(LEAF_PAGE);
  for (unsigned i = 0; i < 2; i++) {
    roots[i] = alloc_page();
    memcpy((void *)roots[i], (void *)kernel_root(), PAGE_BYTES);
    ((u64 *)roots[i])[WINDOW_VA >> 39 & 511] = 0;
    map_leaf(roots[i], WINDOW_VA, frame(i), LEAF_PAGE, MAP_WRITE);
  }
  for (unsigned i = 0; i < 6; i++) {
    enter(roots[i & 1], asids[i & 1]);
    expect_frame("switched", i & 1);
  }
  from_the_other_space(roots, asids);
  asid_of_ttbr1(roots, asids);
  enter(kernel_root(), 0);
  printf("address-space identifiers: %u bits, switches and invalidations across\n", wide ? 16 : 8);
}
