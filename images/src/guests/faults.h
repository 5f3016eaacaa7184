/* What faults.c wants from faults-x86_64.c and faults-arm64.c. */
#pragma once
#include "trap.h"

/* A function that returns PLAIN_RESULT, and one to be laid across a page boundary after
 * CROSSING_HEAD bytes. Its first instruction touching the second page starts CROSSING_BACK bytes
 * before the boundary: a fetch fault there reports that instruction. */
extern const u8 plain_code[], crossing_code[];
extern const u64 plain_code_bytes, crossing_code_bytes;
#define PLAIN_RESULT 0x1234
#ifdef __x86_64__
#define CROSSING_HEAD 5
#define CROSSING_BACK 3
#define CROSSING_RESULT 0x12345679
#define STACK_FAULTS 8u /* the call into the program pushes on the topmost page */
#define RMW_IS_ONE_WRITE(operation) true
#else
#define CROSSING_HEAD 8
#define CROSSING_BACK 0
#define CROSSING_RESULT 7
#define STACK_FAULTS 7u
/* LDR and STR are two instructions; and for an atomic that faults, the Arm ARM wants ESR_EL1.WnR
 * = 0 where a read would have faulted too. Machines that decode it as a write give one fault. */
#define RMW_IS_ONE_WRITE(operation) false
#endif

bool has_atomics(void);
bool kernel_may_not_touch_user(void); /* SMAP, PAN */
bool kernel_may_not_run_user(void);   /* SMEP, PXN */
void faults_arch(bool user);

/* For faults_arch(). */
struct want {
  enum access access;
  bool absent;
  u64 addr;
  u64 pc; /* 0: not checked */
};
#define WANT(...) (const struct want[]){__VA_ARGS__}
#define ABSENT true
#define DENIED false
u64 fresh_anon(bool user, unsigned pages);
void run(bool user, const char *what, op operation, u64 addr, u64 value, u64 result,
         unsigned wanted, const struct want *want);
