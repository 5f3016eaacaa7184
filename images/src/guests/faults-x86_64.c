#include "faults.h"

#include "cpu.h"
#include "mmu.h"

const u8 plain_code[] = {0xb8, 0x34, 0x12, 0, 0, 0xc3}; /* mov $0x1234,%eax; ret */
const u64 plain_code_bytes = sizeof(plain_code);
const u8 crossing_code[] = {0xff, 0xc0,                      /* inc %eax */
                            0x05, 0x78, 0x56, 0x34, 0x12,    /* add $0x12345678,%eax */
                            0xc3};
const u64 crossing_code_bytes = sizeof(crossing_code);

bool has_atomics(void) { return true; }
bool kernel_may_not_touch_user(void) { return read_cr4() & CR4_SMAP; }
bool kernel_may_not_run_user(void) { return read_cr4() & CR4_SMEP; }

/* Read-modify-write across two absent pages: two writes, and no read, LOCK or not. */
static void split(bool user, const char *what, op operation) {
  u64 second = fresh_anon(user, 2) + PAGE_BYTES;
  run(user, what, operation, second - 4, 1, 0, 2,
      WANT({ACCESS_WRITE, ABSENT, second - 4, 0}, {ACCESS_WRITE, ABSENT, second, 0}));
}

void faults_arch(bool user) {
  if (strict) {
    split(user, "read-modify-write across two absent pages", user ? u_rmw : k_rmw);
    split(user, "LOCK XADD across two absent pages", user ? u_atomic : k_atomic);
  }
}
