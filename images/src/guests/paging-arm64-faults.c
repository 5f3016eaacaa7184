/*
 * Faults told apart by kind and level: translation, address size, external abort, and those that
 * come from TCR_EL1: region sizes, disabled walks, tags.
 */
#include "paging-arm64.h"

#define NOWHERE_PA 0x0b000000ul /* no device there */

static u64 read_esr(bool user, unsigned fsc) { return esr_for(ACCESS_READ, user, fsc); }

/* Puts a value in the entry `steps` above the last table and expects a fault of that level. */
static void expect_at(const char *what, u64 va, const struct leaf *page, unsigned steps, u64 value,
                      unsigned kind, unsigned level) {
  struct leaf at = *page;
  at.level = (u8)steps;
  u64 *entry = entry_at(root_for(va), va, &at, true), saved = *entry;
  *entry = value;
  flush_all();
  expect_fault(what, false, k_read8, va, read_esr(false, kind | level));
  expect_fault(what, true, u_read8, va, read_esr(true, kind | level));
  expect_fault(what, false, k_write8, va, esr_for(ACCESS_WRITE, false, kind | level));
  expect_fault(what, true, u_exec, va, esr_for(ACCESS_EXEC, true, kind | level));
  *entry = saved;
  flush_all();
}

static unsigned translation_faults(const struct leaf *page) {
  u64 va = fresh_window(page) + 16;
  unsigned top = page->granule_shift == 16 ? 2 : 3, cases = 0;
  map_frame(align_down(va, page->bytes), page, 0, MAP_USER_RW);
  struct leaf at = *page;
  for (unsigned steps = 0; steps <= top; steps++, cases += 2) {
    expect_at("invalid entry", va, page, steps, 0, FSC_TRANSLATION, 3 - steps);
    at.level = (u8)steps;
    u64 entry = *entry_at(root_for(va), va, &at, false);
    expect_at("entry without its valid bit", va, page, steps, entry & ~D_VALID, FSC_TRANSLATION,
              3 - steps);
  }
  /* A block where none can be: at the last level, and at the top one. */
  expect_at("block at level 3", va, page, 0, frame(0) | D_VALID | D_AF, FSC_TRANSLATION, 3);
  if (strict) { /* QEMU 7.2 takes it for a block */
    expect_at("block at the top level", va, page, top, D_VALID | D_AF, FSC_TRANSLATION, 3 - top);
  }
  return cases + 1 + strict;
}

static unsigned address_size_faults(const struct leaf *page) {
  u64 va = fresh_window(page) + 16, tcr = read_reg(tcr_el1);
  unsigned top = page->granule_shift == 16 ? 2 : 3;
  map_frame(align_down(va, page->bytes), page, 0, MAP_USER_RW);
  set_reg_tcr((tcr & ~TCR_IPS(7)) | TCR_IPS(1)); /* 36 bits */
  for (unsigned steps = 0; steps <= top; steps++) {
    struct leaf at = *page;
    at.level = (u8)steps;
    u64 entry = *entry_at(root_for(va), va, &at, false);
    expect_at("address beyond IPS", va, page, steps, entry | BIT(37), FSC_ADDRESS_SIZE, 3 - steps);
  }
  set_reg_tcr(tcr);
  return top + 1;
}

static unsigned external_aborts(void) {
  u64 va = WINDOW_VA + 16;
  map_frame(fresh_window(LEAF_PAGE), LEAF_PAGE, 0, MAP_USER_RW);
  for (unsigned steps = 1; steps <= 3; steps++) { /* a table that is nowhere */
    expect_at("table in nowhere", va, LEAF_PAGE, steps, NOWHERE_PA | D_TABLE | D_VALID,
              FSC_EXTERNAL_WALK, 4 - steps);
  }
  map_page(WINDOW_VA, NOWHERE_PA, MAP_USER_RW);
  flush_all();
  expect_fault("page in nowhere", true, u_read8, va, read_esr(true, FSC_EXTERNAL));
  expect_fault("page in nowhere", true, u_write8, va, esr_for(ACCESS_WRITE, true, FSC_EXTERNAL));
  map_page(WINDOW_VA, NOWHERE_PA, MAP_WRITE);
  flush_all();
  expect_fault("page in nowhere", false, k_read8, va, read_esr(false, FSC_EXTERNAL));
  *pte_of(WINDOW_VA) = 0;
  flush_all();
  return 4;
}

void faults_by_level(void) {
  unsigned cases = 0;
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf->level || leaf->contiguous || leaf_unsupported(leaf)) {
      continue;
    }
    cases += translation_faults(leaf);
    cases += address_size_faults(leaf);
  }
  cases += external_aborts();
  printf("faults by level: %u kinds\n", cases);
}

/* The top page of the address space, with the walk starting three, two and one levels above the
 * last table, and with partial first tables (Arm ARM D8.2, "initial lookup level"). */
static void region_sizes(void) {
  static const u8 sizes[] = {16, 17, 24, 25, 26, 33, 34, 39};
  u64 va = ~0ul << 21, tcr = read_reg(tcr_el1), root = new_root(12);
  map_leaf(root, va, frame(0), LEAF_PAGE, MAP_WRITE);
  for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
    unsigned bits = 64u - sizes[i], steps = (bits - 13) / 9;
    struct leaf start = {.granule_shift = 12, .level = (u8)steps};
    u64 entries = BIT(bits - 12 - 9 * steps); /* of a first table, all of them at its end */
    u64 table = align_down((u64)entry_at(root, va, &start, false), PAGE_BYTES);
    u64 base = table + PAGE_BYTES - 8 * entries;
    if (8 * entries < 64) { /* a table is aligned to its size, and to 64 bytes */
      u64 copy = alloc_page();
      memcpy((void *)copy, (void *)base, 8 * entries);
      base = copy;
    }
    write_reg(ttbr1_el1, base);
    set_reg_tcr((tcr & ~TCR_T1SZ(63)) | TCR_T1SZ(sizes[i]));
    check(read_at(va) == *(u64 *)frame(0), "T1SZ %u: wrong translation", sizes[i]);
    expect_fault("below the region", false, k_read8, (~0ul << bits) - 8,
                 read_esr(false, FSC_TRANSLATION));
  }
  set_reg_tcr(tcr);
  high_half(12);
  printf("region sizes: T1SZ 16 to 39\n");
}

static void tags(void) {
  u64 tcr = read_reg(tcr_el1), tag = 0x5aul << 56;
  map_frame(fresh_window(LEAF_PAGE), LEAF_PAGE, 0, MAP_WRITE);
  map_frame(high_half(12), LEAF_PAGE, 1, MAP_WRITE);
  u64 high = HIGH_VA ^ ~0ul << 56 ^ tag; /* the same address with another top byte */
  expect_fault("tag without TBI0", false, k_read8, WINDOW_VA | tag, read_esr(false, 4));
  expect_fault("tag without TBI1", false, k_read8, high, read_esr(false, 4));
  set_reg_tcr(tcr | TCR_TBI0 | TCR_TBI1);
  check(read_at(WINDOW_VA | tag) == *(u64 *)frame(0), "TBI0 does not ignore the tag");
  check(read_at(high) == *(u64 *)frame(1), "TBI1 does not ignore the tag");
  expect_fault("FAR keeps the tag", false, k_read8, (WINDOW_VA | tag) + PAGE_BYTES,
               read_esr(false, FSC_TRANSLATION | 3));
  *pte_of(WINDOW_VA) = 0;
  flush_page(WINDOW_VA); /* untagged: reaches the tagged use */
  expect_fault("invalidated without its tag", false, k_read8, WINDOW_VA | tag,
               read_esr(false, FSC_TRANSLATION | 3));
  set_reg_tcr(tcr);
  printf("tagged addresses: TBI0 and TBI1\n");
}

static void walk_controls(void) {
  u64 tcr = read_reg(tcr_el1), high = high_half(12);
  map_frame(high, LEAF_PAGE, 1, MAP_WRITE);
  set_reg_tcr(read_reg(tcr_el1) | TCR_EPD1);
  expect_fault("EPD1", false, k_read8, high, read_esr(false, FSC_TRANSLATION));
  if (read_reg(id_aa64mmfr1_el1) >> 12 & 15) {
    struct leaf above = {.granule_shift = 12, .level = 1};
    *entry_at(root_for(high), high, &above, false) |= BIT(62); /* APTable: read-only */
    set_reg_tcr(tcr);
    expect_fault("APTable", false, k_write8, high, fault_code(ACCESS_WRITE, false, false, 0));
    set_reg_tcr(tcr | TCR_HPD1);
    check(attempt(false, k_write8, high + 8, 1).faults == 0, "HPD1 does not ignore APTable");
  }
  set_reg_tcr(tcr);
  high_half(12);
  printf("walk controls: EPD1, HPD1\n");
}

void address_sizes(void) {
  high_half(12);
  region_sizes();
  tags();
  walk_controls();
}
