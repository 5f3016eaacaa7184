/*
 * Every combination of rights in the leaf and in the table entry above it, for read, write and
 * fetch, from user mode and from the kernel under each setting of WP, SMEP, SMAP and AC
 * (SDM volume 3, 4.6). The expectation is computed from the manual's rules.
 */
#include "paging-x86_64.h"

enum { W = 1, U = 2, NX = 4 };
struct mode {
  bool user, wp, smep, smap, ac;
};

static unsigned cases, denials;

static bool denied(unsigned rights, enum access access, const struct mode *m) {
  bool user_page = rights & U;
  if (access == ACCESS_EXEC) {
    return rights & NX || (m->user ? !user_page : user_page && m->smep);
  }
  if (m->user) {
    return !user_page || (access == ACCESS_WRITE && !(rights & W));
  }
  if (user_page && m->smap && !m->ac) {
    return true;
  }
  return access == ACCESS_WRITE && !(rights & W) && m->wp;
}

static void one(const struct leaf *leaf, unsigned rights, enum access access,
                const struct mode *m) {
  static const op operations[2][3] = {{k_read8, k_write8, k_exec}, {u_read8, u_write8, u_exec}};
  u64 va = window_address(leaf, frame_for(leaf, 0)) + (access == ACCESS_WRITE ? 24 : 16);
  bool want = denied(rights, access, m);
  if (m->ac) {
    __asm__ volatile("stac" ::: "memory");
  }
  struct outcome o = attempt(m->user, operations[m->user][access], va, 1);
  if (m->ac) {
    __asm__ volatile("clac" ::: "memory");
  }
  u64 code = fault_code(access, m->user, false, 0);
  cases++;
  denials += want;
  check(o.faults == want && (!want || (o.addr == va && o.code == code)),
        "%s leaf, rights %x, access %u, user %u WP %u SMEP %u SMAP %u AC %u: %u faults, code %lx "
        "at %lx; expected %u, code %lx",
        leaf->name, rights, access, m->user, m->wp, m->smep, m->smap, m->ac, o.faults, o.code,
        o.addr, want, code);
}

static void all_accesses(const struct leaf *leaf, unsigned rights, const struct mode *m) {
  for (enum access a = ACCESS_READ; a <= ACCESS_EXEC; a++) {
    one(leaf, rights, a, m);
  }
}

static u64 bits(unsigned rights) {
  return (rights & W ? PTE_W : 0) | (rights & U ? PTE_U : 0) | (rights & NX ? PTE_NX : 0);
}

static void all_rights(const struct leaf *leaf, const struct mode *m) {
  struct leaf above = {.granule_shift = 12, .level = (u8)(leaf->level + 1)};
  u64 *upper = entry_at(kernel_root(), WINDOW_VA, &above, false);
  u64 *entry = entry_at(kernel_root(), WINDOW_VA, leaf, false);
  for (unsigned combination = 0; combination < 64; combination++) {
    unsigned low = combination & 7, high = combination >> 3;
    *entry = (*entry & ~bits(W | U | NX)) | bits(low);
    *upper = (*upper & ~bits(W | U | NX)) | bits(high);
    invlpg(window_address(leaf, frame_for(leaf, 0)));
    all_accesses(leaf, (low & high & (W | U)) | ((low | high) & NX), m);
  }
  *upper = (*upper & ~bits(NX)) | bits(W | U);
}

static void all_modes(const struct leaf *leaf) {
  u64 cr0 = read_cr0(), cr4 = read_cr4();
  all_rights(leaf, &(struct mode){.user = true});
  for (unsigned i = 0; i < 16; i++) {
    struct mode m = {false, i & 1, i & 2, i & 4, i & 8};
    if ((m.smep && !(cr4 & CR4_SMEP)) || ((m.smap || m.ac) && !(cr4 & CR4_SMAP))) {
      continue; /* the CPU has none */
    }
    write_cr0(m.wp ? cr0 : cr0 & ~CR0_WP);
    write_cr4((cr4 & ~(CR4_SMEP | CR4_SMAP)) | (m.smep ? CR4_SMEP : 0) | (m.smap ? CR4_SMAP : 0));
    all_rights(leaf, &m);
    write_cr0(cr0);
    write_cr4(cr4);
  }
}

void rights_matrix(void) {
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf)) {
      continue;
    }
    u64 pa = frame_for(leaf, 0);
    *(u64 *)(pa + 16) = 0xc3; /* RET */
    *entry_at(kernel_root(), WINDOW_VA, &leaf_kinds[2], true) = 0;
    map_leaf(kernel_root(), WINDOW_VA, align_down(pa, leaf->bytes), leaf, MAP_WRITE);
    flush_all();
    all_modes(leaf);
  }
  printf("rights: %u cases, %u denied\n", cases, denials);
}
