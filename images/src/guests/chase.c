/* chase: dependent loads along one random cycle through all cells of the heap. */
#include "workload.h"

u64 user_chase(u64, u64);

void guest_main(void) {
  run_workload(&(struct workload){user_chase, 4, 2, "stride", 64, "loads"});
}
