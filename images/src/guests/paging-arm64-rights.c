/*
 * Every combination of rights in the leaf and limits in the table entry above it, for read, write
 * and fetch, from EL0 and from EL1 with and without PAN and WXN. The expectation follows
 * AArch64.S1DirectBasePermissions and S1ApplyTablePerms of the Arm ARM.
 */
#include "paging-arm64.h"

enum { /* leaf: EL0, RO, PXN, UXN; table entry: no EL0, RO, PXN, UXN */
  EL0 = 1,
  RO = 2,
  PXN = 4,
  UXN = 8,
};
#define TABLE_PXN BIT(59)
#define TABLE_UXN BIT(60)
#define TABLE_NO_EL0 BIT(61)
#define TABLE_RO BIT(62)

struct mode {
  bool user, pan, wxn;
};

static unsigned cases, denials;

static bool allowed(unsigned leaf, unsigned table, enum access access, const struct mode *m) {
  bool el0 = leaf & EL0 && !(table & EL0), writable = !((leaf | table) & RO);
  bool el0_write = el0 && writable;
  bool write = m->user ? el0_write : writable;
  if (access == ACCESS_EXEC) {
    bool never = (leaf | table) & (m->user ? UXN : PXN);
    return !never && !(!m->user && el0_write) && !(m->wxn && write);
  }
  if (m->user ? !el0 : el0 && m->pan) {
    return false;
  }
  return access == ACCESS_READ || write;
}

static void one(const struct leaf *leaf, u64 va, unsigned rights, unsigned table,
                enum access access, const struct mode *m) {
  static const op operations[2][3] = {{k_read8, k_write8, k_exec}, {u_read8, u_write8, u_exec}};
  bool want = !allowed(rights, table, access, m);
  va += access == ACCESS_WRITE ? 32 : 16;
  if (!m->pan) {
    user_access_begin();
  }
  struct outcome o = attempt(m->user, operations[m->user][access], va, 1);
  user_access_end();
  u64 esr = fault_code(access, m->user, false, leaf->level);
  cases++;
  denials += want;
  check(o.faults == want && (!want || (o.far == va && o.esr == esr)),
        "%s leaf, rights %x under %x, access %u, user %u PAN %u WXN %u: %u faults, ESR %lx FAR "
        "%lx; expected %u, ESR %lx",
        leaf->name, rights, table, access, m->user, m->pan, m->wxn, o.faults, o.esr, o.far, want,
        esr);
}

static u64 leaf_bits(unsigned rights) {
  return (rights & EL0 ? D_AP_EL0 : 0) | (rights & RO ? D_AP_RO : 0) |
         (rights & PXN ? D_PXN : 0) | (rights & UXN ? D_UXN : 0);
}

static u64 table_bits(unsigned limits) {
  return (limits & EL0 ? TABLE_NO_EL0 : 0) | (limits & RO ? TABLE_RO : 0) |
         (limits & PXN ? TABLE_PXN : 0) | (limits & UXN ? TABLE_UXN : 0);
}

static void all_rights(const struct leaf *leaf, u64 window, unsigned tables,
                       const struct mode *m) {
  struct leaf above = *leaf;
  above.level++;
  u64 root = root_for(window), va = window_address(leaf, window);
  u64 *upper = entry_at(root, window, &above, false), *entry = entry_at(root, window, leaf, false);
  for (unsigned table = 0; table < tables; table++) {
    for (unsigned rights = 0; rights < 16; rights++) {
      *entry = (*entry & ~leaf_bits(15)) | leaf_bits(rights);
      *upper = (*upper & ~table_bits(15)) | table_bits(table);
      flush_page(va);
      for (enum access a = ACCESS_READ; a <= ACCESS_EXEC; a++) {
        one(leaf, va, rights, table, a, m);
      }
    }
  }
  *upper &= ~table_bits(15);
}

static void set_wxn(bool on) {
  u64 sctlr = read_reg(sctlr_el1);
  write_reg(sctlr_el1, on ? sctlr | SCTLR_WXN : sctlr & ~SCTLR_WXN);
  isb();
  flush_all();
}

void rights_matrix(void) {
  bool has_pan = read_reg(id_aa64mmfr1_el1) >> 20 & 15;
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf) || leaf->contiguous) {
      continue;
    }
    u64 window = fresh_window(leaf);
    *(u32 *)(frame(0) + 16) = 0xd65f03c0; /* RET */
    sync_code(frame(0) + 16, 4);
    map_frame(window, leaf, 0, MAP_WRITE);
    flush_all();
    all_rights(leaf, window, 16, &(struct mode){.user = true});
    all_rights(leaf, window, 16, &(struct mode){.pan = false});
    if (has_pan) {
      all_rights(leaf, window, 16, &(struct mode){.pan = true});
    }
    set_wxn(true);
    all_rights(leaf, window, 1, &(struct mode){.user = true, .wxn = true});
    all_rights(leaf, window, 1, &(struct mode){.wxn = true});
    set_wxn(false);
    *(u64 *)frame(0) = 0x1000;
  }
  printf("rights: %u cases, %u denied\n", cases, denials);
}
