/* An iteration makes `updates` updates table[r % entries] ^= r. Made once more, all of them undo
 * themselves; and the exclusive or of the whole table follows from the random numbers alone. */
#include "user.h"
#include "workload.h"

static u64 update(u64 *table, u64 mask, u64 count, u64 seed) {
  u64 all = 0;
  for (u64 state = seed; count; count--) {
    u64 r = random64(&state);
    table[r & mask] ^= r;
    all ^= r;
  }
  return all;
}

u64 user_gups(u64 unused_a, u64 unused_b) {
  (void)unused_a, (void)unused_b;
  const struct workload_args *args = &workload_args;
  u64 entries = 1, all = 0, folded = 0, sum = 0, wrong = 0;
  while (2 * entries * 8 <= args->bytes) {
    entries *= 2;
  }
  u64 *table = (u64 *)args->heap, count = args->iters * args->parameter;
  for (u64 i = 0; i < entries; i++) {
    table[i] = i;
    all ^= i;
  }
  user_mark(MARK_BEGIN);
  all ^= update(table, entries - 1, count, args->seed);
  user_mark(MARK_END);
  for (u64 i = 0; i < entries; i++) {
    folded ^= table[i];
    sum = sum * 31 + table[i];
  }
  update(table, entries - 1, count, args->seed);
  for (u64 i = 0; i < entries; i++) {
    wrong += table[i] != i;
  }
  workload_result = (struct workload_result){8 * entries, count, sum};
  return wrong + (folded != all);
}
