#include "faults.h"

#include "cpu.h"
#include "mmu.h"

extern u64 k_exclusive(u64, u64), u_exclusive(u64, u64);
extern u64 k_pair(u64, u64), u_pair(u64, u64);
extern u64 k_zero(u64, u64), u_zero(u64, u64);

const u8 plain_code[] __attribute__((aligned(4))) = {
    0x80, 0x46, 0x82, 0x52, /* mov w0, #0x1234 */
    0xc0, 0x03, 0x5f, 0xd6, /* ret */
};
const u64 plain_code_bytes = sizeof(plain_code);
const u8 crossing_code[] __attribute__((aligned(4))) = {
    0x20, 0x00, 0x80, 0x52, /* mov w0, #1 */
    0x00, 0x08, 0x00, 0x11, /* add w0, w0, #2 */
    0x00, 0x10, 0x00, 0x11, /* add w0, w0, #4 */
    0xc0, 0x03, 0x5f, 0xd6, /* ret */
};
const u64 crossing_code_bytes = sizeof(crossing_code);

bool has_atomics(void) { return (read_reg(id_aa64isar0_el1) >> 20 & 15) >= 2; }
bool kernel_may_not_touch_user(void) { return read_reg(id_aa64mmfr1_el1) >> 20 & 15; }
bool kernel_may_not_run_user(void) { return true; }

void faults_arch(bool user) {
  u64 va = fresh_anon(user, 1) + 0x40;
  run(user, "exclusive load and store", user ? u_exclusive : k_exclusive, va, 3, 0, 2,
      WANT({ACCESS_READ, ABSENT, va, 0}, {ACCESS_WRITE, DENIED, va, 0}));
  u64 second = fresh_anon(user, 2) + PAGE_BYTES;
  run(user, "STP and LDP across two absent pages", user ? u_pair : k_pair, second - 8, 21, 42, 2,
      WANT({ACCESS_WRITE, ABSENT, second - 8, 0}, {ACCESS_WRITE, ABSENT, second, 0}));
  va = fresh_anon(user, 1) + 0x80;
  run(user, "DC ZVA", user ? u_zero : k_zero, va, 0, 0, 1, WANT({ACCESS_WRITE, ABSENT, va, 0}));
}
