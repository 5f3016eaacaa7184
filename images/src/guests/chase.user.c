/* Sattolo's algorithm makes a permutation of one cycle, so after as many steps as there are cells
 * the walk is back where it began and has seen each cell once. */
#include "user.h"
#include "workload.h"

struct cell {
  u64 next; /* index */
};

static u64 stride;

static struct cell *cell(u64 i) { return (struct cell *)(workload_args.heap + i * stride); }

static u64 walk(u64 from, u64 steps, u64 *sum) {
  for (; steps; steps--) {
    *sum += from;
    from = cell(from)->next;
  }
  return from;
}

u64 user_chase(u64 unused_a, u64 unused_b) {
  (void)unused_a, (void)unused_b;
  const struct workload_args *args = &workload_args;
  stride = args->parameter;
  if (stride < sizeof(struct cell) || stride > args->bytes / 2 || stride % 8) {
    user_write("stride= wants a multiple of 8 that fits the heap twice\n");
    return 1;
  }
  u64 cells = args->bytes / stride, state = args->seed, sum = 0, at = 0;
  for (u64 i = 0; i < cells; i++) {
    cell(i)->next = i;
  }
  for (u64 i = cells - 1; i > 0; i--) {
    u64 j = random64(&state) % i, t = cell(i)->next;
    cell(i)->next = cell(j)->next;
    cell(j)->next = t;
  }
  user_mark(MARK_BEGIN);
  at = walk(at, cells * args->iters, &sum);
  user_mark(MARK_END);
  u64 trace = 0, path = 0;
  for (u64 i = 0; i < cells && i < 4096; i++, path = cell(path)->next) {
    trace = trace * 31 + path;
  }
  u64 used = (cells - 1) * stride + sizeof(struct cell);
  workload_result = (struct workload_result){used, cells * args->iters, trace};
  return (at != 0) + (sum != args->iters * (cells * (cells - 1) / 2));
}
