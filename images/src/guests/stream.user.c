#include "user.h"
#include "workload.h"

#define SCALE 3.0
#define KINDS 8 /* initial values repeat, so that a few scalars predict every element */

static void kernels(double *a, double *b, double *c, u64 n) {
  for (u64 i = 0; i < n; i++) {
    c[i] = a[i];
  }
  for (u64 i = 0; i < n; i++) {
    b[i] = SCALE * c[i];
  }
  for (u64 i = 0; i < n; i++) {
    c[i] = a[i] + b[i];
  }
  for (u64 i = 0; i < n; i++) {
    a[i] = b[i] + SCALE * c[i];
  }
}

u64 user_stream(u64 unused_a, u64 unused_b) {
  (void)unused_a, (void)unused_b;
  const struct workload_args *args = &workload_args;
  u64 n = args->bytes / (3 * sizeof(double)), wrong = 0, sum = 0;
  double *a = (double *)args->heap, *b = a + n, *c = b + n;
  for (u64 i = 0; i < n; i++) {
    a[i] = (double)(i % KINDS + args->seed % 16);
    b[i] = 2.0;
    c[i] = 0.0;
  }
  user_mark(MARK_BEGIN);
  for (u64 k = 0; k < args->iters; k++) {
    kernels(a, b, c, n);
  }
  user_mark(MARK_END);
  double x[KINDS], y[KINDS], z[KINDS];
  for (u64 i = 0; i < KINDS; i++) {
    x[i] = (double)(i + args->seed % 16);
    for (u64 k = 0; k < args->iters; k++) {
      kernels(&x[i], &y[i], &z[i], 1);
    }
  }
  for (u64 i = 0; i < n; i++) {
    wrong += a[i] != x[i % KINDS] || b[i] != y[i % KINDS] || c[i] != z[i % KINDS];
    sum += *(u64 *)&a[i] ^ *(u64 *)&c[i];
  }
  workload_result = (struct workload_result){3 * 8 * n, 4 * n * args->iters, sum};
  return wrong;
}
