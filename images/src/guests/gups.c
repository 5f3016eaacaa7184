/* gups: random updates of a table of 64-bit words (HPC Challenge RandomAccess). */
#include "workload.h"

u64 user_gups(u64, u64);

void guest_main(void) {
  run_workload(&(struct workload){user_gups, 8, 2, "updates", 65536, "updates"});
}
