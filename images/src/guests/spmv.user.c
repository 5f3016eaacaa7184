/* All values are small integers, exact in doubles. The sum of y = A x is also the sum over columns
 * of (column sum of A) * x, gathered while A is made. */
#include "user.h"
#include "workload.h"

u64 user_spmv(u64 unused_a, u64 unused_b) {
  (void)unused_a, (void)unused_b;
  const struct workload_args *args = &workload_args;
  u64 per_row = args->parameter, state = args->seed, wrong = 0, sum = 0;
  u64 rows = (args->bytes - 8) / (per_row * 12 + 4 + 8 + 8);
  if (rows < 1 || rows * per_row >= 1ul << 32) {
    user_write("nonzeros= does not fit the heap\n");
    return 1;
  }
  double *value = (double *)args->heap, *x = value + rows * per_row, *y = x + rows;
  u32 *column = (u32 *)(y + rows), *start = column + rows * per_row;
  for (u64 i = 0; i < rows; i++) {
    x[i] = (double)(i % 13 + 1);
  }
  s64 expected = 0;
  for (u64 i = 0; i < rows; i++) {
    start[i] = (u32)(i * per_row);
    for (u64 k = i * per_row; k < (i + 1) * per_row; k++) {
      u64 r = random64(&state);
      u64 j = (r >> 32) % rows;
      s64 v = (s64)(r % 15) - 7;
      column[k] = (u32)j;
      value[k] = (double)v;
      expected += v * (s64)(j % 13 + 1);
    }
  }
  start[rows] = (u32)(rows * per_row);
  user_mark(MARK_BEGIN);
  for (u64 k = 0; k < args->iters; k++) {
    for (u64 i = 0; i < rows; i++) {
      double s = 0;
      for (u64 e = start[i]; e < start[i + 1]; e++) {
        s += value[e] * x[column[e]];
      }
      y[i] = s;
    }
  }
  user_mark(MARK_END);
  s64 total = 0;
  for (u64 i = 0; i < rows; i++) {
    total += (s64)y[i];
    sum = sum * 31 + (u64)(s64)y[i];
  }
  wrong += total != expected;
  workload_result = (struct workload_result){(u64)(start + rows + 1) - args->heap,
                                             rows * per_row * args->iters, sum};
  return wrong;
}
