/* Four- and five-level page tables (SDM volume 3, 4.5). */
#include "mmu.h"

#include "cpu.h"
#include "platform.h"

const struct leaf leaf_kinds[] = {
    {"4k", 12, 0, false, 4 * KiB, 4 * KiB},
    {"2m", 12, 1, false, 2 * MiB, 2 * MiB},
    {"1g", 12, 2, false, 1 * GiB, 1 * GiB},
};
const unsigned leaf_kind_count = ARRAY_LEN(leaf_kinds);

static u64 root;
extern char image_start[], user_start[], user_text_end[], data_start[],
    user_bss_start[], user_bss_end[];

const char *leaf_unsupported(const struct leaf *leaf) {
  if (leaf->level == 2 && !(cpuid(0x80000001, 0).edx & BIT(26))) {
    return "CPUID does not offer 1 GiB pages";
  }
  return NULL;
}

u64 leaf_window(const struct leaf *leaf) {
  (void)leaf;
  return WINDOW_VA;
}

u64 kernel_root(void) { return root; }
u64 root_for(u64 va) {
  (void)va;
  return read_cr3() & PTE_ADDR;
}

static unsigned index_at(u64 va, unsigned level) { return va >> (12 + 9 * level) & 511; }

/* Tables carry all rights: the leaf decides. */
u64 *entry_at(u64 top, u64 va, const struct leaf *leaf, bool create) {
  u64 *table = (u64 *)top;
  for (unsigned level = read_cr4() & CR4_LA57 ? 4 : 3; level > leaf->level; level--) {
    u64 *entry = &table[index_at(va, level)];
    if (!(*entry & PTE_P)) {
      if (!create) {
        return NULL;
      }
      *entry = alloc_page() | PTE_P | PTE_W | PTE_U;
    } else if (*entry & PTE_PS) {
      fail("a large page stands in the way of %lx at level %u", va, level);
    }
    table = (u64 *)(*entry & PTE_ADDR);
  }
  return &table[index_at(va, leaf->level)];
}

u64 make_entry(u64 pa, const struct leaf *leaf, unsigned rights) {
  u64 entry = pa | PTE_P;
  entry |= rights & MAP_WRITE ? PTE_W : 0;
  entry |= rights & MAP_EXEC ? 0 : PTE_NX;
  entry |= rights & MAP_USER ? PTE_U : 0;
  entry |= rights & MAP_GLOBAL ? PTE_G : 0;
  entry |= rights & MAP_DEVICE ? PTE_PCD : 0;
  entry |= leaf->level ? PTE_PS : 0;
  return entry;
}

u64 entry_pa(u64 entry) { return entry & PTE_ADDR; }

void map_leaf(u64 top, u64 va, u64 pa, const struct leaf *leaf, unsigned rights) {
  *entry_at(top, va, leaf, true) = make_entry(pa, leaf, rights);
}

void flush_page(u64 va) { invlpg(va); }

void flush_all(void) { /* global pages too */
  u64 cr4 = read_cr4();
  write_cr4(cr4 & ~CR4_PGE);
  write_cr4(cr4);
}

void user_access_begin(void) {
  if (read_cr4() & CR4_SMAP) {
    __asm__ volatile("stac" ::: "memory");
  }
}

void user_access_end(void) {
  if (read_cr4() & CR4_SMAP) {
    __asm__ volatile("clac" ::: "memory");
  }
}

/* Rights of a page of the first 2 MiB: page 0 stays absent, so a null pointer faults. */
static unsigned low_rights(u64 pa) {
  if (pa == TRAMPOLINE) {
    return MAP_WRITE | MAP_EXEC; /* application processors turn paging on there */
  }
  if (pa >= (u64)image_start && pa < (u64)user_start) {
    return MAP_EXEC;
  }
  if (pa >= (u64)user_start && pa < (u64)user_text_end) {
    return MAP_EXEC | MAP_USER;
  }
  if ((pa >= (u64)user_text_end && pa < (u64)data_start) ||
      (pa >= (u64)user_bss_start && pa < (u64)user_bss_end)) {
    return MAP_USER_RW;
  }
  return MAP_WRITE;
}

void paging_init(void) {
  root = alloc_page();
  for (u64 pa = PAGE_BYTES; pa < 2 * MiB; pa += PAGE_BYTES) {
    map_leaf(root, pa, pa, &leaf_kinds[0], low_rights(pa) | MAP_GLOBAL);
  }
  for (u64 pa = 2 * MiB; pa < ram_end(); pa += 2 * MiB) {
    map_leaf(root, pa, pa, &leaf_kinds[1], MAP_WRITE | MAP_GLOBAL);
  }
  map_leaf(root, 0xfec00000, 0xfec00000, &leaf_kinds[1], MAP_WRITE | MAP_DEVICE | MAP_GLOBAL);
  map_leaf(root, 0xfee00000, 0xfee00000, &leaf_kinds[1], MAP_WRITE | MAP_DEVICE | MAP_GLOBAL);
  write_cr3(root);
}
