/*
 * faults: demand paging by the guest's own handler, from the kernel and from user mode. Every
 * fault is logged and compared: address, code, instruction address, order and number.
 */
#include "faults.h"

#include "mmu.h"
#include "trap.h"

enum kind { GUARD, ANON, READ_ONLY, COW, CODE, CODE_HEAD, CODE_TAIL };

#define PAGES 128
struct window {
  bool user;
  u64 va;
  unsigned used;
  u8 kind[PAGES];
};
static struct window windows[2] = {{false, WINDOW_VA, 0, {0}}, {true, WINDOW_VA + GiB, 0, {0}}};

static struct fault log[64];
static unsigned logged;
static u64 zero_page, cow_page;
static unsigned total[2][3]; /* [user][access] */
static u64 watched_pa, watched_value; /* memory the hook samples at each fault */

static struct window *window_of(u64 va) {
  for (unsigned i = 0; i < 2; i++) {
    if (va >= windows[i].va && va < windows[i].va + PAGES * PAGE_BYTES) {
      return &windows[i];
    }
  }
  return NULL;
}

static u64 fresh(bool user, enum kind kind, unsigned pages) {
  struct window *w = &windows[user];
  u64 va = w->va + w->used * PAGE_BYTES;
  for (; pages; pages--) {
    w->kind[w->used++] = (u8)kind;
  }
  return va;
}

u64 fresh_anon(bool user, unsigned pages) { return fresh(user, ANON, pages); }

static u64 page_holding(const void *bytes, u64 count, u64 offset) {
  u64 pa = alloc_page();
  memcpy((void *)(pa + offset), bytes, count);
  sync_code(pa, PAGE_BYTES);
  return pa;
}

static u64 code_page(enum kind kind) {
  switch (kind) {
    case CODE_HEAD:
      return page_holding(crossing_code, CROSSING_HEAD, PAGE_BYTES - CROSSING_HEAD);
    case CODE_TAIL:
      return page_holding(crossing_code + CROSSING_HEAD, crossing_code_bytes - CROSSING_HEAD, 0);
    default:
      return page_holding(plain_code, plain_code_bytes, 0);
  }
}

/* The guest's memory manager: what to map for a fault on a page of this kind. */
static enum fault_action mend(const struct fault *f, enum kind kind, unsigned user_right) {
  u64 va = align_down(f->addr, PAGE_BYTES);
  if (kind == ANON && f->absent && f->access == ACCESS_READ) {
    map_page(va, zero_page, user_right);
    return FAULT_RETRY;
  }
  if ((kind == ANON || kind == COW) && f->access == ACCESS_WRITE) {
    u64 pa = alloc_page();
    if (!f->absent) {
      memcpy((void *)pa, (void *)entry_pa(*pte_of(va)), PAGE_BYTES);
    }
    map_page(va, pa, MAP_WRITE | user_right);
    flush_page(va);
    return FAULT_RETRY;
  }
  if ((kind == READ_ONLY || kind == COW) && f->absent && f->access == ACCESS_READ) {
    map_page(va, cow_page, user_right);
    return FAULT_RETRY;
  }
  if (kind >= CODE && f->absent && f->access == ACCESS_EXEC) {
    map_page(va, code_page(kind), MAP_EXEC | user_right);
    return FAULT_RETRY;
  }
  return FAULT_SKIP;
}

static enum fault_action handle(const struct fault *f) {
  if (logged < ARRAY_LEN(log)) {
    log[logged++] = *f;
  }
  total[f->user][f->access]++;
  if (watched_pa) {
    watched_value = *(u64 *)watched_pa;
  }
  struct window *w = window_of(f->addr);
  if (!w || w->user != f->user) {
    return FAULT_SKIP;
  }
  return mend(f, w->kind[(f->addr - w->va) / PAGE_BYTES], w->user ? MAP_USER : 0);
}

static const char *const access_names[] = {"read", "write", "exec"};

static void print_line(bool user, const char *what) {
  printf("%s %s:", user ? "user  " : "kernel", what);
  for (unsigned i = 0; i < logged; i++) {
    printf(" %s %s", log[i].absent ? "absent" : "denied", access_names[log[i].access]);
  }
  printf(logged ? "\n" : " no fault\n");
}

/* Runs an operation and compares the faults it took, and its result. */
void run(bool user, const char *what, op operation, u64 addr, u64 value, u64 result,
         unsigned wanted, const struct want *want) {
  logged = 0;
  u64 got = user ? run_user_default_stack(operation, addr, value) : operation(addr, value);
  print_line(user, what);
  check(got == result, "%s: result %lx, expected %lx", what, got, result);
  check(logged == wanted, "%s: %u faults, expected %u", what, logged, wanted);
  for (unsigned i = 0; i < wanted && i < logged; i++) {
    u64 code = fault_code(want[i].access, user, want[i].absent, 0);
    check(log[i].addr == want[i].addr, "%s: fault %u at %lx, expected %lx", what, i, log[i].addr,
          want[i].addr);
    check(log[i].code == code, "%s: fault %u code %lx, expected %lx", what, i, log[i].code, code);
    check(!want[i].pc || log[i].pc == want[i].pc, "%s: fault %u from %lx, expected %lx", what, i,
          log[i].pc, want[i].pc);
    check(log[i].user == user, "%s: fault %u from the wrong mode", what, i);
  }
}

#define OP(name) (user ? u_##name : k_##name)

static void reads_and_writes(bool user) {
  u64 va = fresh(user, ANON, 2);
  op rd = OP(read8), wr = OP(write8);
  run(user, "first read", rd, va + 0x120, 0, 0, 1,
      WANT({ACCESS_READ, ABSENT, va + 0x120, (u64)rd}));
  run(user, "second read", rd, va + 0xff8, 0, 0, 0, NULL);
  run(user, "write to the zero page", wr, va + 0x128, 77, 77, 1,
      WANT({ACCESS_WRITE, DENIED, va + 0x128, (u64)wr}));
  run(user, "read back", rd, va + 0x128, 0, 77, 0, NULL);
  run(user, "first write", wr, va + 0x1008, 78, 78, 1,
      WANT({ACCESS_WRITE, ABSENT, va + 0x1008, (u64)wr}));
  run(user, "read back", rd, va + 0x1008, 0, 78, 0, NULL);
  check(*(u64 *)zero_page == 0 && !memcmp((void *)zero_page, (void *)(zero_page + 8), 4088),
        "the zero page was written");
}

/* One instruction that reads and writes an absent page. */
static void read_modify_write(bool user, const char *what, op operation, u64 result) {
  u64 va = fresh(user, ANON, 1) + 0x40;
  if (RMW_IS_ONE_WRITE(operation) && strict) {
    run(user, what, operation, va, 5, result, 1, WANT({ACCESS_WRITE, ABSENT, va, 0}));
    return;
  }
  /* A read (zero page), then the write it was. Or one write: see RMW_IS_ONE_WRITE. */
  logged = 0;
  u64 got = user ? run_user_default_stack(operation, va, 5) : operation(va, 5);
  print_line(user, what);
  const struct fault *last = &log[logged - 1];
  check(got == result, "%s: result %lx, expected %lx", what, got, result);
  check(logged == 1 || (logged == 2 && log[0].access == ACCESS_READ && log[0].absent),
        "%s: %u faults, the first not a read of an absent page", what, logged);
  check(logged && last->access == ACCESS_WRITE && last->absent == (logged == 1),
        "%s: the last fault is no write", what);
}

static void code(bool user) {
  op ex = OP(exec);
  u64 va = fresh(user, CODE, 1);
  run(user, "first fetch", ex, va, 0, PLAIN_RESULT, 1, WANT({ACCESS_EXEC, ABSENT, va, va}));
  run(user, "second fetch", ex, va, 0, PLAIN_RESULT, 0, NULL);
  u64 data = fresh(user, ANON, 1);
  run(user, "write data", OP(write8), data, 1, 1, 1, WANT({ACCESS_WRITE, ABSENT, data, 0}));
  run(user, "fetch from data", ex, data, 0, OP_FAULTED, 1, WANT({ACCESS_EXEC, DENIED, data, data}));
  run(user, "write to code", OP(write8), va, 1, OP_FAULTED, 1, WANT({ACCESS_WRITE, DENIED, va, 0}));

  u64 head = fresh(user, CODE_HEAD, 1), tail = fresh(user, CODE_TAIL, 1);
  u64 entry = head + PAGE_BYTES - CROSSING_HEAD;
  run(user, "fetch across two absent pages", ex, entry, 0, CROSSING_RESULT, 2,
      WANT({ACCESS_EXEC, ABSENT, entry, entry},
           {ACCESS_EXEC, ABSENT, tail, tail - CROSSING_BACK}));
  run(user, "fetch across, both present", ex, entry, 0, CROSSING_RESULT, 0, NULL);
  *pte_of(tail) = 0;
  flush_page(tail);
  run(user, "fetch across, second absent", ex, entry, 0, CROSSING_RESULT, 1,
      WANT({ACCESS_EXEC, ABSENT, tail, tail - CROSSING_BACK}));
}

static void crossing(bool user) {
  op rd = OP(read8), wr = OP(write8);
  u64 va = fresh(user, ANON, 2), second = va + PAGE_BYTES;
  run(user, "read across two absent pages", rd, second - 4, 0, 0, 2,
      WANT({ACCESS_READ, ABSENT, second - 4, (u64)rd}, {ACCESS_READ, ABSENT, second, (u64)rd}));
  va = fresh(user, ANON, 2), second = va + PAGE_BYTES;
  run(user, "write across two absent pages", wr, second - 3, 0x1122334455667788, 0x1122334455667788,
      2,
      WANT({ACCESS_WRITE, ABSENT, second - 3, (u64)wr}, {ACCESS_WRITE, ABSENT, second, (u64)wr}));
  run(user, "read it back", rd, second - 3, 0, 0x1122334455667788, 0, NULL);

  va = fresh(user, ANON, 1), second = fresh(user, GUARD, 1);
  run(user, "write the first page", wr, second - 8, 9, 9, 1,
      WANT({ACCESS_WRITE, ABSENT, second - 8, 0}));
  watched_pa = entry_pa(*pte_of(va)) + PAGE_BYTES - 8;
  run(user, "write across into a guard page", wr, second - 4, ~0ul, OP_FAULTED, 1,
      WANT({ACCESS_WRITE, ABSENT, second, (u64)wr}));
  check(watched_value == 9, "a store that faulted on its second page wrote the first: %lx",
        watched_value);
  watched_pa = 0;
  run(user, "read across into a guard page", rd, second - 1, 0, OP_FAULTED, 1,
      WANT({ACCESS_READ, ABSENT, second, (u64)rd}));
}

static void guards(bool user) {
  op rd = OP(read8), wr = OP(write8), ex = OP(exec);
  u64 va = fresh(user, GUARD, 1);
  run(user, "read a guard page", rd, va + 0xab8, 0, OP_FAULTED, 1,
      WANT({ACCESS_READ, ABSENT, va + 0xab8, (u64)rd}));
  run(user, "write a guard page", wr, va + 8, 0, OP_FAULTED, 1,
      WANT({ACCESS_WRITE, ABSENT, va + 8, (u64)wr}));
  run(user, "fetch from a guard page", ex, va + 4, 0, OP_FAULTED, 1,
      WANT({ACCESS_EXEC, ABSENT, va + 4, va + 4}));
  va = fresh(user, READ_ONLY, 1);
  run(user, "read a read-only page", rd, va + 16, 0, 0x5a5a5a5a5a5a5a5a, 1,
      WANT({ACCESS_READ, ABSENT, va + 16, (u64)rd}));
  run(user, "write a read-only page", wr, va + 16, 1, OP_FAULTED, 1,
      WANT({ACCESS_WRITE, DENIED, va + 16, (u64)wr}));
}

static void copy_on_write(bool user) {
  u64 va = fresh(user, COW, 4);
  for (u64 page = va; page < va + 4 * PAGE_BYTES; page += PAGE_BYTES) {
    run(user, "read a shared page", OP(read8), page, 0, 0x5a5a5a5a5a5a5a5a, 1,
        WANT({ACCESS_READ, ABSENT, page, 0}));
  }
  for (u64 page = va; page < va + 4 * PAGE_BYTES; page += PAGE_BYTES) {
    run(user, "write a shared page", OP(write8), page + 8, page, page, 1,
        WANT({ACCESS_WRITE, DENIED, page + 8, 0}));
    run(user, "the copy keeps the rest", OP(read8), page + 16, 0, 0x5a5a5a5a5a5a5a5a, 0, NULL);
  }
  check(*(u64 *)(cow_page + 8) == 0x5a5a5a5a5a5a5a5a, "the shared page was written");
}

/* A copy loop over absent pages: source and destination fault in turn, one each a page. */
static void copies(bool user) {
  u64 from = fresh(user, COW, 3), to = fresh(user, ANON, 3);
  run(user, "copy 3 pages", OP(copy), to, from, 0, 6,
      WANT({ACCESS_READ, ABSENT, from, 0}, {ACCESS_WRITE, ABSENT, to, 0},
           {ACCESS_READ, ABSENT, from + 0x1000, 0}, {ACCESS_WRITE, ABSENT, to + 0x1000, 0},
           {ACCESS_READ, ABSENT, from + 0x2000, 0}, {ACCESS_WRITE, ABSENT, to + 0x2000, 0}));
  for (u64 page = to; page < to + COPY_BYTES; page += PAGE_BYTES) {
    check(!memcmp((void *)entry_pa(*pte_of(page)), (void *)cow_page, PAGE_BYTES),
          "the copy differs at %lx", page);
  }
}

static void user_against_kernel(void) {
  u64 secret = (u64)&zero_page;
  run(true, "read of kernel memory", u_read8, secret, 0, OP_FAULTED, 1,
      WANT({ACCESS_READ, DENIED, secret, (u64)u_read8}));
  run(true, "write of kernel memory", u_write8, secret, 0, OP_FAULTED, 1,
      WANT({ACCESS_WRITE, DENIED, secret, (u64)u_write8}));
  run(true, "fetch of kernel memory", u_exec, (u64)k_read8, 0, OP_FAULTED, 1,
      WANT({ACCESS_EXEC, DENIED, (u64)k_read8, (u64)k_read8}));
}

static void kernel_against_user(void) {
  u64 va = windows[true].va; /* written by reads_and_writes() */
  if (kernel_may_not_touch_user()) {
    run(false, "read of user memory", k_read8, va + 0x128, 0, OP_FAULTED, 1,
        WANT({ACCESS_READ, DENIED, va + 0x128, (u64)k_read8}));
    run(false, "write of user memory", k_write8, va + 0x128, 0, OP_FAULTED, 1,
        WANT({ACCESS_WRITE, DENIED, va + 0x128, (u64)k_write8}));
  }
  if (kernel_may_not_run_user()) {
    run(false, "fetch of user memory", k_exec, (u64)u_read8, 0, OP_FAULTED, 1,
        WANT({ACCESS_EXEC, DENIED, (u64)u_read8, (u64)u_read8}));
  }
  user_access_begin();
  run(false, "read of user memory, allowed", k_read8, va + 0x128, 0, 77, 0, NULL);
  user_access_end();
}

/* A user stack of eight pages grows down until it meets its guard page. */
static void stack(void) {
  u64 guard = fresh(true, GUARD, 1), bottom = fresh(true, ANON, 8);
  u64 top = bottom + 8 * PAGE_BYTES;
  logged = 0;
  u64 result = run_user(u_stack, 7, 0, top - 64);
  unsigned grown = logged;
  check(result != OP_FAULTED, "the stack within its bounds ended the program");
  result = run_user(u_stack, 8, 0, top - 64);
  print_line(true, "stack growth");
  check(grown == STACK_FAULTS, "%u faults growing the stack, expected %u", grown, STACK_FAULTS);
  check(logged == grown + 1, "%u faults after the overflow, expected %u", logged, grown + 1);
  check(result == OP_FAULTED && log[logged - 1].access == ACCESS_WRITE &&
            align_down(log[logged - 1].addr, PAGE_BYTES) == guard,
        "the overflow faulted at %lx, the guard page is %lx", log[logged - 1].addr, guard);
}

void guest_main(void) {
  zero_page = alloc_page();
  cow_page = alloc_page();
  memset((void *)cow_page, 0x5a, PAGE_BYTES);
  for (unsigned i = 0; i < 2; i++) {
    pte_of(windows[i].va); /* the tables above: so every absent page is absent at the last level */
  }
  on_fault(handle);
  for (unsigned user = 0; user < 2; user++) {
    reads_and_writes(user);
    read_modify_write(user, "read-modify-write", OP(rmw), 0);
    if (has_atomics()) {
      read_modify_write(user, "atomic add", OP(atomic), 0);
      read_modify_write(user, "failing compare and swap", OP(cas), 0);
    }
    guards(user);
    code(user);
    crossing(user);
    copy_on_write(user);
    copies(user);
    faults_arch(user);
  }
  stack();
  user_against_kernel();
  kernel_against_user();
  on_fault(NULL);
  for (unsigned user = 0; user < 2; user++) {
    printf("%s faults: %u read, %u write, %u exec\n", user ? "user" : "kernel",
           total[user][ACCESS_READ], total[user][ACCESS_WRITE], total[user][ACCESS_EXEC]);
  }
}
