/*
 * paging: leaf sizes, rights, accessed and dirty bits, reserved bits, canonical addresses,
 * invalidations, process-context identifiers, five levels.
 */
#include "paging-x86_64.h"

static struct outcome outcome;

static enum fault_action record(const struct fault *f) {
  outcome.faults++;
  outcome.addr = f->addr;
  outcome.code = f->code;
  return FAULT_SKIP;
}

static bool record_trap(struct frame *f) {
  outcome.vector = (unsigned)f->vector;
  outcome.error = f->error;
  skip_operation(f);
  return true;
}

struct outcome attempt(bool user, op operation, u64 addr, u64 value) {
  outcome = (struct outcome){0};
  outcome.result =
      user ? run_user_default_stack(operation, addr, value) : operation(addr, value);
  return outcome;
}

u64 frame_for(const struct leaf *leaf, unsigned which) {
  static u64 frames[3][2];
  u64 *frame = &frames[leaf->level][which];
  if (!*frame) {
    *frame = leaf->level == 1 ? alloc_block(2 * MiB, 2 * MiB) : alloc_page();
    *(u64 *)*frame = 0x1000 + leaf->level * 16u + which;
  }
  return *frame;
}

u64 window_address(const struct leaf *leaf, u64 pa) {
  return WINDOW_VA + (pa & (leaf->bytes - 1));
}

static void map_frame(const struct leaf *leaf, u64 pa, unsigned rights) {
  map_leaf(kernel_root(), WINDOW_VA, align_down(pa, leaf->bytes), leaf, rights);
}

/* Takes away what a larger or smaller leaf left under the window. */
static void clear_window(void) {
  *entry_at(kernel_root(), WINDOW_VA, &leaf_kinds[2], true) = 0;
  flush_all();
}

static void leaf_sizes(void) {
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf)) {
      printf("leaf %s: %s\n", leaf->name, leaf_unsupported(leaf));
      continue;
    }
    u64 pa = frame_for(leaf, 0), va = window_address(leaf, pa);
    u64 bytes = leaf->level == 1 ? leaf->bytes : PAGE_BYTES;
    clear_window();
    map_frame(leaf, pa, MAP_WRITE);
    for (u64 at = 0; at < bytes; at += PAGE_BYTES) {
      *(volatile u64 *)(va + at + 8) = va + at;
    }
    bool same = true;
    for (u64 at = 0; at < bytes; at += PAGE_BYTES) {
      same &= *(volatile u64 *)(pa + at + 8) == va + at;
    }
    check(same, "writes through a %s leaf did not arrive", leaf->name);
    printf("leaf %s: %lu pages written and read back\n", leaf->name, bytes / PAGE_BYTES);
  }
}

/* Entries from the leaf up to the top. */
static unsigned path(u64 va, const struct leaf *leaf, u64 **entries) {
  unsigned n = 0;
  for (unsigned level = leaf->level; level < 4; level++) {
    struct leaf at = {.granule_shift = 12, .level = (u8)level};
    entries[n++] = entry_at(kernel_root(), va, &at, false);
  }
  return n;
}

static void expect_bits(const struct leaf *leaf, const char *what, op operation, bool dirty,
                        bool allowed) {
  u64 va = window_address(leaf, frame_for(leaf, 0)) + 16;
  u64 *entries[4];
  unsigned n = path(va, leaf, entries);
  for (unsigned i = 0; i < n; i++) {
    *entries[i] &= ~(PTE_A | PTE_D);
  }
  flush_all();
  struct outcome o = attempt(false, operation, va, 0xc3);
  check(o.faults == !allowed, "%s of a %s leaf: %u faults", what, leaf->name, o.faults);
  check(!!(*entries[0] & PTE_D) == dirty, "%s of a %s leaf: D is %u", what, leaf->name, !dirty);
  for (unsigned i = 0; i < n && allowed; i++) {
    check(*entries[i] & PTE_A, "%s of a %s leaf: A clear %u levels up", what, leaf->name, i);
    check(i == 0 || !(*entries[i] & PTE_D), "%s of a %s leaf: D set in a table entry", what,
          leaf->name);
  }
}

static void accessed_and_dirty(void) {
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf)) {
      continue;
    }
    clear_window();
    map_frame(leaf, frame_for(leaf, 0), MAP_WRITE);
    expect_bits(leaf, "write", k_write8, true, true); /* also puts RET there */
    expect_bits(leaf, "read", k_read8, false, true);
    map_frame(leaf, frame_for(leaf, 0), MAP_EXEC);
    expect_bits(leaf, "fetch", k_exec, false, true);
    expect_bits(leaf, "denied write", k_write8, false, false);
    map_frame(leaf, frame_for(leaf, 0), MAP_WRITE);
    expect_bits(leaf, "read before a write", k_read8, false, true);
    attempt(false, k_write8, window_address(leaf, frame_for(leaf, 0)) + 16, 0xc3);
    u64 *entries[4];
    path(WINDOW_VA, leaf, entries);
    check(*entries[0] & PTE_D, "a write after a read left D clear in a %s leaf", leaf->name);
  }
  printf("accessed and dirty bits: read, write, fetch and denied write of each leaf size\n");
}

static void expect_reserved(const struct leaf *leaf, unsigned level, u64 bit) {
  clear_window();
  map_frame(leaf, frame_for(leaf, 0), MAP_WRITE | MAP_EXEC | MAP_USER);
  u64 va = window_address(leaf, frame_for(leaf, 0)) + 16;
  struct leaf at = {.granule_shift = 12, .level = (u8)level};
  u64 *entry = entry_at(kernel_root(), va, &at, false);
  *entry |= bit;
  flush_all();
  static const struct {
    bool user;
    op operation;
    u64 code;
  } cases[] = {{false, k_read8, 0},   {false, k_write8, PF_W},        {false, k_exec, PF_I},
               {true, u_read8, PF_U}, {true, u_write8, PF_U | PF_W}, {true, u_exec, PF_U | PF_I}};
  for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
    struct outcome o = attempt(cases[i].user, cases[i].operation, va, 0);
    u64 code = cases[i].code | PF_P | PF_RSVD;
    o.code |= strict ? 0 : PF_P; /* QEMU 7.2 forgets it; SDM: RSVD comes with P */
    check(o.faults == 1 && o.code == code && o.addr == va,
          "reserved bit %lx at level %u of a %s leaf: %u faults, code %lx at %lx, expected %lx",
          bit, level, leaf->name, o.faults, o.code, o.addr, code);
  }
  *entry &= ~bit;
  flush_all();
}

static void reserved_bits(void) {
  unsigned address_bits = cpuid(0x80000008, 0).eax & 255, cases = 0;
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    const struct leaf *leaf = &leaf_kinds[i];
    if (leaf_unsupported(leaf)) {
      continue;
    }
    for (unsigned level = leaf->level; level < 4 && address_bits < 52; level++, cases += 2) {
      expect_reserved(leaf, level, BIT(51));
      expect_reserved(leaf, level, BIT(address_bits));
    }
    if (leaf->level) {
      expect_reserved(leaf, leaf->level, BIT(13));
      expect_reserved(leaf, leaf->level, leaf->bytes / 2);
      cases += 2;
    }
  }
  expect_reserved(LEAF_PAGE, 3, PTE_PS);
  check(address_bits >= 32 && address_bits <= 52, "%u physical address bits", address_bits);
  printf("reserved bits: %u places, 6 accesses each\n", cases + 1);
}

static void expect_gp(const char *what, bool user, op operation, u64 addr, unsigned vector) {
  struct outcome o = attempt(user, operation, addr, 0);
  check(o.result == OP_FAULTED && o.vector == vector && o.error == 0 && !o.faults,
        "%s %lx: vector %u error %lx, %u page faults, expected vector %u", what, addr, o.vector,
        o.error, o.faults, vector);
}

extern u64 u_push(u64 stack, u64 value);
__asm__(
    ".pushsection .user.text, \"ax\"\n"
    "u_push: mov %rsp, %rdx; mov %rdi, %rsp; push %rsi; mov %rdx, %rsp; xor %eax, %eax; ret\n"
    ".popsection\n");

static void canonical(void) {
  static const u64 addresses[] = {BIT(47), ~0ul << 47 ^ BIT(47), 0x0123456789abcde8,
                                  0xfedcba9876543210, BIT(63)};
  for (unsigned i = 0; i < ARRAY_LEN(addresses); i++) {
    expect_gp("read", false, k_read8, addresses[i], 13);
    expect_gp("write", false, k_write8, addresses[i], 13);
    expect_gp("user read", true, u_read8, addresses[i], 13);
    expect_gp("user read-modify-write", true, u_atomic, addresses[i], 13);
  }
  struct outcome o = attempt(false, k_read8, ~0ul << 47, 0);
  check(o.faults == 1 && o.addr == ~0ul << 47 && o.code == 0,
        "the lowest address of the upper half: %u faults", o.faults);
  u64 top = BIT(47) - PAGE_BYTES;
  map_page(top, frame_for(LEAF_PAGE, 0), MAP_WRITE);
  o = attempt(false, k_read8, BIT(47) - 8, 0);
  check(!o.faults && !o.vector, "the highest address of the lower half faults");
  if (strict) {
    expect_gp("read across the end of the lower half at", false, k_read8, BIT(47) - 4, 13);
    expect_gp("user push to", true, u_push, BIT(47) + 64, 12);
  }
  *pte_of(top) = 0;
  flush_page(top);
  printf("canonical addresses: general protection beyond bit 47, page faults within\n");
}

void guest_main(void) {
  on_fault(record);
  on_trap(13, record_trap);
  on_trap(12, record_trap);
  leaf_sizes();
  accessed_and_dirty();
  reserved_bits();
  canonical();
  rights_matrix();
  invalidations();
  process_contexts();
  five_levels();
}
