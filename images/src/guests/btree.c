/* btree: inserts and lookups in a B-tree of 256-byte nodes. */
#include "workload.h"

u64 user_btree(u64, u64);

void guest_main(void) {
  run_workload(&(struct workload){user_btree, 4, 2, "keys", 20000, "lookups"});
}
