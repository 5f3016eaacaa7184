/* Exception dispatch. */
#include "cpu.h"

#include "trap.h"

struct cpu cpus[MAX_CPUS];
static trap_handler handlers[64], irq_handler;
extern char vectors[], k_fixup[];

void cpu_init(unsigned id) {
  cpus[id].id = id;
  write_reg(tpidr_el1, &cpus[id]);
  write_reg(vbar_el1, vectors);
  write_reg(cpacr_el1, 3u << 20); /* FP and SIMD at EL0 and EL1 */
  isb();
}

trap_handler on_exception(unsigned ec, trap_handler handler) {
  trap_handler before = handlers[ec];
  handlers[ec] = handler;
  return before;
}
void on_irq(trap_handler handler) { irq_handler = handler; }

static bool is_abort(unsigned ec) {
  return ec == EC_IABT_LOW || ec == EC_IABT_SAME || ec == EC_DABT_LOW || ec == EC_DABT_SAME;
}

u64 fault_code(enum access access, bool user, bool absent, unsigned level) {
  u64 ec = access == ACCESS_EXEC ? EC_IABT_LOW : EC_DABT_LOW;
  return (ec + !user) << 26 | ESR_IL | (access == ACCESS_WRITE ? ESR_WNR : 0) |
         (absent ? FSC_TRANSLATION : FSC_PERMISSION) | (3 - level);
}

void sync_code(u64 pa, u64 bytes) {
  for (u64 at = pa; at < pa + bytes; at += 4) { /* whatever the line size */
    __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
  }
  __asm__ volatile("dsb ish; ic ialluis; dsb ish; isb" ::: "memory");
}

void skip_operation(struct frame *f) {
  if ((f->spsr & 15) == 0) {
    user_return(OP_FAULTED);
  }
  f->elr = (u64)k_fixup;
}

static bool memory_abort(struct frame *f) {
  unsigned ec = ESR_EC(f->esr);
  bool fetch = ec == EC_IABT_LOW || ec == EC_IABT_SAME;
  struct fault fault = {.addr = f->far,
                        .code = f->esr,
                        .pc = f->elr,
                        .access = fetch                ? ACCESS_EXEC
                                  : f->esr & ESR_WNR ? ACCESS_WRITE
                                                     : ACCESS_READ,
                        .user = ec == EC_IABT_LOW || ec == EC_DABT_LOW,
                        .absent = (f->esr & 0x3c) == FSC_TRANSLATION};
  switch (call_fault_hook(&fault)) {
    case FAULT_RETRY:
      return true;
    case FAULT_SKIP:
      skip_operation(f);
      return true;
    default:
      return false;
  }
}

static void unexpected(const struct frame *f) {
  printf("unexpected exception: vector %lu esr %lx far %lx elr %lx spsr %lx lr %lx sp_el0 %lx\n",
         f->vector, f->esr, f->far, f->elr, f->spsr, f->x[30], f->sp_el0);
  fail("unexpected exception, class %x", ESR_EC(f->esr));
}

void trap(struct frame *f);
void trap(struct frame *f) {
  unsigned ec = ESR_EC(f->esr);
  if ((f->vector & 3) == 1 && irq_handler && irq_handler(f)) {
    return;
  }
  if ((f->vector & 3) == 0) {
    if (handlers[ec] && handlers[ec](f)) {
      return;
    }
    if (ec == EC_SVC64) {
      f->x[0] = syscall_dispatch(f->x[8], f->x[0], f->x[1]);
      return;
    }
    if (is_abort(ec) && memory_abort(f)) {
      return;
    }
  }
  unexpected(f);
}
