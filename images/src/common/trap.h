/*
 * Faults and user mode. A guest installs a hook and decides what happens to each page fault;
 * without one a fault ends the guest.
 */
#pragma once
#include "guest.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

struct fault {
  u64 addr; /* CR2 or FAR_EL1 */
  u64 code; /* #PF error code or ESR_EL1 */
  u64 pc;
  enum access access;
  bool user;    /* came from ring 3 or EL0 */
  bool absent;  /* not-present or translation fault, against a permission fault */
};

enum fault_action {
  FAULT_UNHANDLED, /* report and end the guest */
  FAULT_RETRY,     /* the mapping is mended */
  FAULT_SKIP,      /* kernel: the operation of ops.S returns OP_FAULTED; user: the program ends so */
};

typedef enum fault_action (*fault_hook)(const struct fault *fault);
void on_fault(fault_hook hook);
enum fault_action call_fault_hook(const struct fault *fault);

/* What the architecture says of such a fault: #PF error code, or ESR_EL1 with the fault `level`
 * steps above the last table. */
u64 fault_code(enum access access, bool user, bool absent, unsigned level);

#define OP_FAULTED (~0ul)

/* Memory operations in ops.S, one kernel and one user version each; only they may be skipped.
 * They return the value read (before the operation, for a read-modify-write). */
#define OPS(X)                                                                              \
  X(read8)  /* 64-bit load */                                                               \
  X(write8) /* 64-bit store of the second argument */                                       \
  X(exec)   /* jump; the target returns */                                                  \
  X(rmw)    /* x86: add to memory, no LOCK; arm64: load, add, store */                      \
  X(atomic) /* x86: LOCK XADD; arm64: LSE LDADDAL, or exclusives where there is no LSE */   \
  X(cas)    /* x86: LOCK CMPXCHG that fails; arm64: CASAL or exclusives, likewise */
#define DECLARE_OP(name)                     \
  extern u64 k_##name(u64 addr, u64 value);  \
  extern u64 u_##name(u64 addr, u64 value);
OPS(DECLARE_OP)
/* Copies COPY_BYTES: REP MOVSB on x86, a loop of loads and stores on arm64. */
extern u64 k_copy(u64 to, u64 from), u_copy(u64 to, u64 from);
#define COPY_BYTES (3 * 4096)
extern u64 u_stack(u64 pages, u64 unused); /* one store in each page below the stack pointer */

typedef u64 (*op)(u64, u64);

/* Runs entry(a, b) in user mode until it returns or exits; the result is its value, or OP_FAULTED
 * after FAULT_SKIP. Not to be nested. */
u64 run_user(op entry, u64 a, u64 b, u64 user_stack_top);
void user_return(u64 value) __attribute__((noreturn));
u64 run_user_default_stack(op entry, u64 a, u64 b);

/* System calls, the same numbers on both architectures. */
enum { SYS_EXIT, SYS_WRITE, SYS_MARK };
u64 syscall_dispatch(u64 number, u64 a, u64 b);
u64 syscalls_made(void);
