/* stream: McCalpin's four kernels over three arrays of doubles. */
#include "workload.h"

u64 user_stream(u64, u64);

void guest_main(void) {
  run_workload(&(struct workload){user_stream, 8, 2, NULL, 0, "elements written"});
}
