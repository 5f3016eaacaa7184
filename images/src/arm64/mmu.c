/* Stage 1 tables of VMSAv8-64 (Arm ARM D8), 4K, 16K and 64K granules, 48-bit addresses. */
#include "mmu.h"

#include "cpu.h"
#include "paging.h"
#include "platform.h"

const struct leaf leaf_kinds[] = {
    {"4k", 12, 0, false, 4 * KiB, 4 * KiB},
    {"64k-cont", 12, 0, true, 64 * KiB, 4 * KiB},
    {"2m", 12, 1, false, 2 * MiB, 2 * MiB},
    {"32m-cont", 12, 1, true, 32 * MiB, 2 * MiB},
    {"1g", 12, 2, false, 1 * GiB, 1 * GiB},
    {"16k:16k", 14, 0, false, 16 * KiB, 16 * KiB},
    {"16k:2m-cont", 14, 0, true, 2 * MiB, 16 * KiB},
    {"16k:32m", 14, 1, false, 32 * MiB, 32 * MiB},
    {"64k:64k", 16, 0, false, 64 * KiB, 64 * KiB},
    {"64k:2m-cont", 16, 0, true, 2 * MiB, 64 * KiB},
    {"64k:512m", 16, 1, false, 512 * MiB, 512 * MiB},
};
const unsigned leaf_kind_count = ARRAY_LEN(leaf_kinds);

static u64 root;
extern char image_start[], user_start[], user_text_end[], data_start[], user_bss_start[],
    user_bss_end[];

bool granule_supported(unsigned granule_shift) {
  u64 mmfr0 = read_reg(id_aa64mmfr0_el1);
  switch (granule_shift) {
    case 12: return (mmfr0 >> 28 & 15) != 15;
    case 14: return (mmfr0 >> 20 & 15) != 0;
    default: return (mmfr0 >> 24 & 15) != 15;
  }
}

const char *leaf_unsupported(const struct leaf *leaf) {
  return granule_supported(leaf->granule_shift) ? NULL : "ID_AA64MMFR0_EL1 lacks the granule";
}

unsigned pa_range_bits(void) {
  static const u8 bits[] = {32, 36, 40, 42, 44, 48, 48};
  unsigned range = read_reg(id_aa64mmfr0_el1) & 15;
  return bits[range < 6 ? range : 6];
}

u64 new_root(unsigned granule_shift) {
  if (granule_shift == 12) {
    return alloc_page();
  }
  u64 bytes = BIT(granule_shift);
  u64 pa = alloc_block(bytes, bytes);
  memset((void *)pa, 0, bytes);
  return pa;
}

u64 high_half(unsigned granule_shift) {
  static const u8 tg1[] = {[12] = 2, [14] = 1, [16] = 3};
  write_reg(ttbr1_el1, new_root(granule_shift));
  write_reg(tcr_el1, (read_reg(tcr_el1) & ~(3ul << TCR_TG1_SHIFT)) |
                         (u64)tg1[granule_shift] << TCR_TG1_SHIFT);
  flush_all();
  return HIGH_VA;
}

u64 leaf_window(const struct leaf *leaf) {
  return leaf->granule_shift == 12 ? WINDOW_VA : high_half(leaf->granule_shift);
}

u64 kernel_root(void) { return root; }

u64 root_for(u64 va) {
  return (va & BIT(55) ? read_reg(ttbr1_el1) : read_reg(ttbr0_el1)) & D_ADDR;
}

u64 *entry_at(u64 top, u64 va, const struct leaf *leaf, bool create) {
  unsigned granule = leaf->granule_shift, bits = granule - 3u;
  u64 *table = (u64 *)top;
  va &= BIT(48) - 1;
  for (unsigned level = (48 - granule + bits - 1) / bits - 1;; level--) {
    u64 *entry = &table[va >> (granule + bits * level) & (BIT(bits) - 1)];
    if (level == leaf->level) {
      return entry;
    }
    if (!(*entry & D_VALID)) {
      if (!create) {
        return NULL;
      }
      *entry = new_root(granule) | D_TABLE | D_VALID;
      dsb();
    } else if (!(*entry & D_TABLE)) {
      fail("a block stands in the way of %lx at level %u", va, 3 - level);
    }
    table = (u64 *)(*entry & D_ADDR);
  }
}

u64 make_entry(u64 pa, const struct leaf *leaf, unsigned rights) {
  u64 entry = pa | D_VALID | D_AF | D_SH_INNER;
  entry |= D_ATTR(rights & MAP_DEVICE ? ATTR_DEVICE : ATTR_NORMAL);
  entry |= leaf->level ? 0 : D_TABLE;
  entry |= leaf->contiguous ? D_CONTIGUOUS : 0;
  entry |= rights & MAP_WRITE ? 0 : D_AP_RO;
  entry |= rights & MAP_USER ? D_AP_EL0 : 0;
  entry |= rights & MAP_GLOBAL ? 0 : D_NG;
  entry |= rights & MAP_EXEC && !(rights & MAP_USER) ? 0 : D_PXN;
  entry |= rights & MAP_EXEC && rights & MAP_USER ? 0 : D_UXN;
  return entry;
}

u64 entry_pa(u64 entry) { return entry & D_ADDR; }

/* A contiguous leaf is a whole group of descriptors. */
void map_leaf(u64 top, u64 va, u64 pa, const struct leaf *leaf, unsigned rights) {
  for (u64 at = 0; at < leaf->bytes; at += leaf->step) {
    *entry_at(top, va + at, leaf, true) = make_entry(pa + at, leaf, rights);
  }
  dsb();
  isb();
}

void flush_page(u64 va) {
  u64 operand = va >> 12 & (BIT(44) - 1);
  __asm__ volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" ::"r"(operand) : "memory");
}

void flush_all(void) {
  __asm__ volatile("dsb ishst; tlbi vmalle1is; dsb ish; isb" ::: "memory");
}

static bool has_pan(void) { return read_reg(id_aa64mmfr1_el1) >> 20 & 15; }

void user_access_begin(void) {
  if (has_pan()) {
    __asm__ volatile(".inst 0xd500409f" ::: "memory"); /* msr pan, #0 */
  }
}

void user_access_end(void) {
  if (has_pan()) {
    __asm__ volatile(".inst 0xd500419f" ::: "memory"); /* msr pan, #1 */
  }
}

static unsigned low_rights(u64 pa) {
  if (pa < (u64)image_start) {
    return MAP_WRITE;
  }
  if (pa < (u64)user_start) {
    return MAP_EXEC;
  }
  if (pa < (u64)user_text_end) {
    return MAP_EXEC | MAP_USER;
  }
  if (pa < (u64)data_start) {
    return MAP_USER_RW;
  }
  return pa >= (u64)user_bss_start && pa < (u64)user_bss_end ? MAP_USER_RW : MAP_WRITE;
}

void paging_init(void) {
  const struct leaf *page = leaf_by_name("4k"), *block = leaf_by_name("2m");
  root = alloc_page();
  for (u64 pa = RAM_PA; pa < RAM_PA + 2 * MiB; pa += PAGE_BYTES) {
    map_leaf(root, pa, pa, page, low_rights(pa) | MAP_GLOBAL);
  }
  for (u64 pa = RAM_PA + 2 * MiB; pa < ram_end(); pa += 2 * MiB) {
    map_leaf(root, pa, pa, block, MAP_WRITE | MAP_GLOBAL);
  }
  map_leaf(root, GICD_PA, GICD_PA, block, MAP_WRITE | MAP_DEVICE | MAP_GLOBAL);
  map_leaf(root, UART_PA, UART_PA, block, MAP_WRITE | MAP_DEVICE | MAP_GLOBAL);
  u64 mmfr0 = read_reg(id_aa64mmfr0_el1);
  unsigned range = mmfr0 & 15;
  u64 tcr = TCR_T0SZ(16) | TCR_T1SZ(16) | TCR_WALK0 | TCR_WALK1 | TCR_TG0_4K | TCR_TG1_4K |
            TCR_IPS(range < 5 ? range : 5);
  if ((mmfr0 >> 4 & 15) == 2) {
    tcr |= TCR_AS; /* 16-bit ASIDs */
  }
  write_reg(mair_el1, 0x00ff); /* 0: normal write-back, 1: Device-nGnRnE */
  write_reg(tcr_el1, tcr);
  write_reg(ttbr0_el1, root);
  write_reg(ttbr1_el1, alloc_page());
  isb();
  flush_all();
  u64 sctlr = SCTLR_BASE | SCTLR_M | SCTLR_C | SCTLR_I;
  if (has_pan()) {
    sctlr &= ~SCTLR_SPAN; /* exceptions set PAN */
  }
  write_reg(sctlr_el1, sctlr);
  isb();
  user_access_end();
}
