/*
 * smp: every CPU takes part in spinlocks, atomic counters, barriers, a ring, interrupts to and
 * fro, TLB shootdowns and user programs at once. CPU 0 prints.
 */
#include "smp.h"

#include "mmu.h"
#include "trap.h"

#define LOCKED_ADDS 200
#define ATOMIC_ADDS 1000
#define LAPS 10
#define IPIS 10
#define SHOOTDOWNS 10
#define MAX 16

static unsigned cpus;

/* A barrier whose every passing is a new generation. */
static volatile u64 arrived, generation;
static void barrier(void) {
  u64 mine = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) == cpus) {
    arrived = 0;
    __atomic_store_n(&generation, mine + 1, __ATOMIC_RELEASE);
    return;
  }
  while (__atomic_load_n(&generation, __ATOMIC_ACQUIRE) == mine) {
    relax();
  }
}

/* Two kinds of lock, each around two plain counters that must never be seen apart. */
static volatile u64 next_ticket, now_serving, plain_lock;
static volatile u64 by_ticket[2], by_exchange[2], torn;

static void ticket_lock(void) {
  u64 mine = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_RELAXED);
  while (__atomic_load_n(&now_serving, __ATOMIC_ACQUIRE) != mine) {
    relax();
  }
}
static void ticket_unlock(void) {
  __atomic_store_n(&now_serving, now_serving + 1, __ATOMIC_RELEASE);
}
static void exchange_lock(void) {
  while (__atomic_exchange_n(&plain_lock, 1, __ATOMIC_ACQUIRE)) {
    relax();
  }
}
static void exchange_unlock(void) { __atomic_store_n(&plain_lock, 0, __ATOMIC_RELEASE); }

static void locks(void (*lock)(void), void (*unlock)(void), volatile u64 guarded[2]) {
  for (unsigned i = 0; i < LOCKED_ADDS; i++) {
    lock();
    torn += guarded[0] != guarded[1];
    guarded[0]++;
    guarded[1]++;
    unlock();
  }
}

static volatile u64 counters[4][2] __attribute__((aligned(16)));

static void atomics(void) {
  const struct adder *list;
  unsigned n = adders(&list);
  for (unsigned a = 0; a < n; a++) {
    for (unsigned i = 0; i < ATOMIC_ADDS; i++) {
      list[a].add_one(counters[a]);
    }
  }
}

/* A token goes round; who holds it writes plain memory for the next one to find. */
static volatile u64 token, carried;
static volatile u64 wrong_carried;

static void ring(unsigned id) {
  for (u64 lap = 0; lap < LAPS; lap++) {
    u64 turn = lap * cpus + id;
    while (__atomic_load_n(&token, __ATOMIC_ACQUIRE) != turn) {
      relax();
    }
    wrong_carried += carried != turn * 3;
    carried = (turn + 1) * 3;
    __atomic_store_n(&token, turn + 1, __ATOMIC_RELEASE);
  }
}

/* Interrupts: counted per CPU; who waits for one halts. */
static volatile u64 received[MAX];
static void on_ipi(unsigned cpu) { __atomic_fetch_add(&received[cpu], 1, __ATOMIC_SEQ_CST); }

static void ipis_from_first(unsigned id) {
  for (u64 i = 0; i < IPIS; i++) {
    if (id) {
      idle_while(&received[id], i);
    } else {
      for (unsigned cpu = 1; cpu < cpus; cpu++) {
        ipi_send(cpu);
        while (received[cpu] == i) {
          relax();
        }
      }
    }
  }
}

static void ipis_to_all(unsigned id) {
  for (u64 i = 0; i < IPIS; i++) {
    barrier();
    if (id) {
      idle_while(&received[id], IPIS + i);
    } else {
      ipi_send_others();
    }
  }
}

static volatile u64 acknowledged;
static void ipis_to_first(unsigned id) { /* one at a time: a second one might merge with it */
  for (u64 i = 0; i < IPIS; i++) {
    for (unsigned from = 1; from < cpus; from++) {
      u64 n = i * (cpus - 1) + from - 1;
      if (id == from) {
        while (__atomic_load_n(&acknowledged, __ATOMIC_ACQUIRE) != n) {
          relax();
        }
        ipi_send(0);
      } else if (id == 0) {
        idle_while(&received[0], n);
        __atomic_store_n(&acknowledged, n + 1, __ATOMIC_RELEASE);
      }
    }
  }
}

/* All CPUs use a page; CPU 0 moves it, takes the right to write, takes it away. */
static u64 frames[2];
static volatile u64 stale, faults;

static enum fault_action count_fault(const struct fault *f) {
  (void)f;
  __atomic_fetch_add(&faults, 1, __ATOMIC_SEQ_CST);
  return FAULT_SKIP;
}

static void change(unsigned id, u64 entry_frame, unsigned rights) {
  barrier();
  if (id == 0) {
    *pte_of(WINDOW_VA) = 0; /* break before make, on x86 too */
    shoot_down(WINDOW_VA, cpus);
    if (entry_frame) {
      map_page(WINDOW_VA, entry_frame, rights);
      shoot_down(WINDOW_VA, cpus);
    }
  }
  barrier();
}

static void note_stale(bool is_stale) {
  if (is_stale) {
    __atomic_fetch_add(&stale, 1, __ATOMIC_SEQ_CST);
  }
}

static void shootdowns(unsigned id) {
  interrupts_on();
  for (u64 i = 0; i < SHOOTDOWNS; i++) {
    u64 frame = frames[i & 1];
    change(id, frame, MAP_WRITE);
    note_stale(k_read8(WINDOW_VA, 0) != *(u64 *)frame);
    note_stale(k_write8(WINDOW_VA + 8 + 8 * id, i) == OP_FAULTED);
    change(id, frame, 0);
    note_stale(k_write8(WINDOW_VA + 8 + 8 * id, i) != OP_FAULTED);
    change(id, 0, 0);
    note_stale(k_read8(WINDOW_VA, 0) != OP_FAULTED);
  }
  barrier();
  interrupts_off();
}

static u64 user_counter_va = WINDOW_VA + 64 * PAGE_BYTES;
static void user_programs(unsigned id) {
  u64 stack = user_counter_va + (2 + 2 * id) * PAGE_BYTES;
  for (unsigned i = 0; i < LOCKED_ADDS / 10; i++) {
    run_user(u_atomic, user_counter_va, 1, stack + PAGE_BYTES);
  }
}

static void everyone(unsigned id) {
  ipi_init_cpu();
  barrier();
  locks(ticket_lock, ticket_unlock, by_ticket);
  locks(exchange_lock, exchange_unlock, by_exchange);
  atomics();
  barrier();
  ring(id);
  barrier();
  ipis_from_first(id);
  barrier();
  ipis_to_all(id);
  barrier();
  ipis_to_first(id);
  barrier();
  shootdowns(id);
  barrier();
  if (has_user_atomics()) {
    user_programs(id);
  }
  barrier();
}

static void prepare(void) {
  for (unsigned i = 0; i < 2; i++) {
    frames[i] = alloc_page();
    *(u64 *)frames[i] = 0x5000 + i;
  }
  pte_of(WINDOW_VA);
  map_page(user_counter_va, alloc_page(), MAP_USER_RW);
  for (unsigned id = 0; id < cpus; id++) {
    map_page(user_counter_va + (2 + 2 * id) * PAGE_BYTES, alloc_page(), MAP_USER_RW);
  }
  on_fault(count_fault);
  ipi_init(on_ipi);
}

static void expect(const char *what, u64 got, u64 want) {
  check(got == want, "%s: %lu, expected %lu", what, got, want);
  printf("%s: %lu\n", what, got);
}

void guest_main(void) {
  cpus = cpus_wanted();
  prepare();
  start_cpus(cpus, everyone);
  start_errors(cpus);
  printf("%u CPUs\n", cpus);
  everyone(0);

  expect("additions under a ticket lock", by_ticket[0], LOCKED_ADDS * cpus);
  expect("additions under an exchange lock", by_exchange[0], LOCKED_ADDS * cpus);
  bool apart = by_ticket[0] != by_ticket[1] || by_exchange[0] != by_exchange[1];
  check(!torn && !apart, "the locks let %lu in at once", torn);
  const struct adder *list;
  unsigned n = adders(&list);
  for (unsigned a = 0; a < n; a++) {
    expect(list[a].name, counters[a][0], ATOMIC_ADDS * cpus);
    check(counters[a][1] == 0 || counters[a][1] == counters[a][0], "%s: halves apart",
          list[a].name);
  }
  expect("turns of the ring", token, LAPS * cpus);
  check(!wrong_carried, "%lu turns found old data", wrong_carried);
  expect("interrupts of CPU 0", received[0], IPIS * (cpus - 1));
  for (unsigned cpu = 1; cpu < cpus; cpu++) {
    expect("interrupts of another", received[cpu], 2 * IPIS);
  }
  expect("faults after shootdowns", faults, 2 * SHOOTDOWNS * cpus);
  check(!stale, "%lu stale translations", stale);
  expect("additions by user programs",
         *(u64 *)entry_pa(*pte_of(user_counter_va)), has_user_atomics() ? LOCKED_ADDS / 10 * cpus : 0);
}
