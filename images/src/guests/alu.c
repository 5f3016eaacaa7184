/* alu: arithmetic in registers only, in a long unrolled loop; a measure of the bare CPU core. */
#include "workload.h"

u64 user_alu(u64, u64);

void guest_main(void) {
  run_workload(&(struct workload){user_alu, 1, 50000, NULL, 0, "rounds"});
}
