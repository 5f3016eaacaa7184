/*
 * paging: leaf sizes of each granule, rights, access flag, faults by level, address sizes, tags,
 * invalidations, ASIDs, AT.
 */
#include "paging-arm64.h"

static struct outcome outcome;
static u64 *mend_entry; /* an entry whose access flag the hook sets */

static enum fault_action record(const struct fault *f) {
  outcome.faults++;
  outcome.far = f->addr;
  outcome.esr = f->code;
  if (mend_entry && (f->code & 0x3c) == FSC_ACCESS_FLAG) {
    *mend_entry |= D_AF;
    dsb();
    return FAULT_RETRY;
  }
  return FAULT_SKIP;
}

struct outcome attempt(bool user, op operation, u64 addr, u64 value) {
  outcome = (struct outcome){0};
  u64 result = user ? run_user_default_stack(operation, addr, value) : operation(addr, value);
  outcome.result = result;
  return outcome;
}

u64 esr_for(enum access access, bool user, unsigned fsc) {
  return (fault_code(access, user, true, 3) & ~0x3ful) | fsc;
}

void expect_fault(const char *what, bool user, op operation, u64 addr, u64 esr) {
  struct outcome o = attempt(user, operation, addr, 0);
  o.esr &= ~BIT(9); /* EA: implementation defined */
  check(o.faults == 1 && o.esr == esr && o.far == addr,
        "%s: %u faults, ESR %lx FAR %lx, expected ESR %lx FAR %lx", what, o.faults, o.esr, o.far,
        esr, addr);
}

u64 frame(unsigned which) {
  static u64 frames[2];
  if (!frames[which]) {
    frames[which] = alloc_block(2 * MiB, 2 * MiB);
    *(u64 *)frames[which] = 0x1000 + which;
  }
  return frames[which];
}

u64 fresh_window(const struct leaf *leaf) {
  u64 window = leaf_window(leaf);
  if (leaf->granule_shift == 12) {
    *entry_at(root_for(window), window, leaf_by_name("1g"), true) = 0;
  }
  flush_all();
  return window;
}

u64 window_address(const struct leaf *leaf, u64 window) {
  return window + (frame(0) & (leaf->bytes - 1));
}

void map_frame(u64 window, const struct leaf *leaf, unsigned which, unsigned rights) {
  map_leaf(root_for(window), window, align_down(frame(which), leaf->bytes), leaf, rights);
}

u64 read_at(u64 va) { return attempt(false, k_read8, va, 0).result; }

static void leaf_sizes(void) {
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf)) {
      printf("leaf %s: %s\n", leaf->name, leaf_unsupported(leaf));
      continue;
    }
    u64 window = fresh_window(leaf);
    map_frame(window, leaf, 0, MAP_WRITE);
    u64 va = window_address(leaf, window);
    u64 bytes = leaf->bytes < 2 * MiB ? leaf->bytes : 2 * MiB;
    for (u64 at = 0; at < bytes; at += PAGE_BYTES) {
      *(volatile u64 *)(va + at + 8) = va + at;
    }
    bool same = true;
    for (u64 at = 0; at < bytes; at += PAGE_BYTES) {
      same &= *(volatile u64 *)(frame(0) + at + 8) == va + at;
    }
    check(same, "writes through a %s leaf did not arrive", leaf->name);
    printf("leaf %s: %lu times 4 KiB written and read back\n", leaf->name, bytes / PAGE_BYTES);
  }
}

/* Without hardware update an entry whose access flag is clear faults, before its rights do. */
static void access_flag(void) {
  static const struct {
    bool user;
    op operation;
    enum access access;
  } cases[] = {{false, k_read8, ACCESS_READ}, {false, k_write8, ACCESS_WRITE},
               {false, k_exec, ACCESS_EXEC},  {true, u_read8, ACCESS_READ},
               {true, u_write8, ACCESS_WRITE}, {true, u_exec, ACCESS_EXEC}};
  unsigned faults = 0;
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf) || leaf->contiguous) {
      continue;
    }
    u64 window = fresh_window(leaf), va = window_address(leaf, window) + 16;
    *(u32 *)(frame(0) + 16) = 0xd65f03c0; /* RET */
    sync_code(frame(0) + 16, 4);
    for (unsigned c = 0; c < ARRAY_LEN(cases); c++) {
      unsigned rights = cases[c].access == ACCESS_EXEC ? MAP_EXEC : MAP_WRITE;
      map_frame(window, leaf, 0, rights | (cases[c].user ? MAP_USER : 0));
      u64 *entry = entry_at(root_for(window), window, leaf, false);
      *entry &= ~D_AF;
      flush_all();
      u64 esr = esr_for(cases[c].access, cases[c].user, FSC_ACCESS_FLAG | arch_level(leaf));
      expect_fault("access flag clear", cases[c].user, cases[c].operation, va, esr);
      mend_entry = entry;
      struct outcome o = attempt(cases[c].user, cases[c].operation, va, 0xd65f03c0);
      check(o.faults == 1 && o.esr == esr, "access flag set by the handler: %u faults", o.faults);
      o = attempt(cases[c].user, cases[c].operation, va, 0xd65f03c0);
      check(o.faults == 0, "access flag set: %u faults", o.faults);
      mend_entry = NULL;
      faults += 2;
    }
    map_frame(window, leaf, 0, 0);
    *entry_at(root_for(window), window, leaf, false) &= ~D_AF;
    flush_all();
    expect_fault("access flag clear, read-only", false, k_write8, va,
                 esr_for(ACCESS_WRITE, false, FSC_ACCESS_FLAG | arch_level(leaf)));
  }
  printf("access flag: %u faults\n", faults);
}

/* FEAT_HAFDBS: the hardware sets the access flag and, with DBM, makes a page writable. */
static void hardware_flags(void) {
  unsigned offered = read_reg(id_aa64mmfr1_el1) & 15;
  if (!offered) {
    printf("hardware access flag: not offered by this CPU\n");
    return;
  }
  u64 tcr = read_reg(tcr_el1);
  set_reg_tcr(tcr | TCR_HA | (offered >= 2 ? TCR_HD : 0));
  map_frame(fresh_window(LEAF_PAGE), LEAF_PAGE, 0, 0);
  u64 *entry = pte_of(WINDOW_VA);
  *entry &= ~D_AF;
  flush_all();
  check(attempt(false, k_read8, WINDOW_VA, 0).faults == 0 && *entry & D_AF,
        "the hardware did not set the access flag");
  if (offered >= 2) {
    *entry |= D_DBM;
    flush_all();
    check(attempt(false, k_read8, WINDOW_VA, 0).faults == 0 && *entry & D_AP_RO,
          "a read made a DBM page dirty");
    check(attempt(false, k_write8, WINDOW_VA, 0x1000).faults == 0 && !(*entry & D_AP_RO),
          "a write did not make a DBM page dirty");
  }
  *entry = 0;
  set_reg_tcr(tcr);
  printf("hardware access flag%s\n", offered >= 2 ? " and dirty state" : "");
}

/* LDTR and STTR: EL0's rights at EL1, whatever PAN says; the fault is of EL1. */
extern u64 k_ldtr(u64, u64), k_sttr(u64, u64);
__asm__(
    ".pushsection .text\n"
    "k_ldtr: ldtr x0, [x0]\n ret\n"
    "k_sttr: sttr x1, [x0]\n mov x0, x1\n ret\n"
    ".popsection\n");

static void unprivileged(void) {
  map_frame(fresh_window(LEAF_PAGE), LEAF_PAGE, 0, MAP_USER_RW);
  map_frame(WINDOW_VA + PAGE_BYTES, LEAF_PAGE, 0, MAP_WRITE);
  flush_all();
  check(attempt(false, k_ldtr, WINDOW_VA, 0).faults == 0, "LDTR of a user page");
  check(attempt(false, k_sttr, WINDOW_VA + 8, 5).faults == 0, "STTR to a user page");
  expect_fault("LDTR of a kernel page", false, k_ldtr, WINDOW_VA + PAGE_BYTES,
               fault_code(ACCESS_READ, false, false, 0));
  expect_fault("STTR to a kernel page", false, k_sttr, WINDOW_VA + PAGE_BYTES,
               fault_code(ACCESS_WRITE, false, false, 0));
  printf("LDTR and STTR: rights of EL0\n");
}

#define AT(operation, va)                                                         \
  ({                                                                              \
    __asm__ volatile("at " operation ", %0; isb" ::"r"((u64)(va)) : "memory");    \
    read_reg(par_el1);                                                            \
  })

static void expect_par(const char *what, u64 par, u64 pa, unsigned fst) {
  if (par & 1) {
    check(pa == 0 && (par >> 1 & 63) == fst, "AT %s: fault %lx", what, par >> 1 & 63);
  } else {
    check(pa == (par & 0x0000fffffffff000), "AT %s: PA %lx, expected %lx", what, par, pa);
  }
}

static void address_translation(void) {
  u64 user = WINDOW_VA, kernel = WINDOW_VA + PAGE_BYTES, read_only = WINDOW_VA + 2 * PAGE_BYTES;
  map_frame(user, LEAF_PAGE, 0, MAP_USER_RW);
  map_frame(kernel, LEAF_PAGE, 0, MAP_WRITE);
  map_frame(read_only, LEAF_PAGE, 1, MAP_USER);
  *pte_of(WINDOW_VA + 3 * PAGE_BYTES) = 0;
  flush_all();
  expect_par("S1E1R", AT("s1e1r", kernel + 0x123), frame(0), 0);
  expect_par("S1E1W", AT("s1e1w", kernel), frame(0), 0);
  expect_par("S1E0R", AT("s1e0r", user), frame(0), 0);
  expect_par("S1E0W", AT("s1e0w", read_only), 0, FSC_PERMISSION | 3);
  expect_par("S1E0R of a kernel page", AT("s1e0r", kernel), 0, FSC_PERMISSION | 3);
  expect_par("S1E1W, read-only", AT("s1e1w", read_only), 0, FSC_PERMISSION | 3);
  expect_par("S1E1R, absent", AT("s1e1r", WINDOW_VA + 3 * PAGE_BYTES), 0, FSC_TRANSLATION | 3);
  printf("AT: translations and faults in PAR_EL1\n");
}

void guest_main(void) {
  on_fault(record);
  leaf_sizes();
  rights_matrix();
  access_flag();
  hardware_flags();
  faults_by_level();
  address_sizes();
  unprivileged();
  address_translation();
  invalidations();
  address_spaces();
}
