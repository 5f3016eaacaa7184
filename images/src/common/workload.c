/* The kernel's side of a workload: the heap, its demand faults, the report. */
#include "workload.h"

#include "mmu.h"

static struct {
  u64 va, bytes;
  const struct leaf *leaf;
  u64 mapped, faults;
} heap;

static void map_heap_leaf(u64 va) {
  u64 bytes = heap.leaf->bytes;
  u64 pa = bytes == PAGE_BYTES ? alloc_page() : alloc_block(bytes, bytes);
  if (bytes != PAGE_BYTES) {
    memset((void *)pa, 0, bytes);
  }
  map_leaf(root_for(va), va, pa, heap.leaf, MAP_USER_RW);
  heap.mapped++;
}

static enum fault_action on_demand(const struct fault *f) {
  if (!f->absent || f->access == ACCESS_EXEC || f->addr - heap.va >= heap.bytes) {
    return FAULT_UNHANDLED;
  }
  heap.faults++;
  map_heap_leaf(align_down(f->addr, heap.leaf->bytes));
  return FAULT_RETRY;
}

static void prepare_heap(u64 bytes, bool upfront) {
  char pages[24];
  arg_copy("pages", "4k", pages, sizeof(pages));
  heap.leaf = leaf_by_name(pages);
  if (leaf_unsupported(heap.leaf)) {
    fail("pages=%s: %s", pages, leaf_unsupported(heap.leaf));
  }
  heap.va = leaf_window(heap.leaf);
  heap.bytes = align_up(bytes, heap.leaf->bytes);
  for (u64 at = 0; upfront && at < heap.bytes; at += heap.leaf->bytes) {
    map_heap_leaf(heap.va + at);
  }
  on_fault(on_demand);
}

void run_workload(const struct workload *w) {
  u64 mib = arg_u64("mib", w->mib), iters = arg_u64("iters", w->iters);
  bool upfront = arg_is("map", "upfront", "demand");
  if (!upfront && !arg_is("map", "demand", "demand")) {
    fail("argument map= wants demand or upfront");
  }
  if (mib < 1 || mib > 64 * KiB || iters < 1) {
    fail("arguments mib= and iters= want at least 1, and mib= no more than 65536");
  }
  prepare_heap(mib * MiB, upfront);
  printf("heap %lu MiB in %s pages, mapped %s; %lu iterations\n", mib, heap.leaf->name,
         upfront ? "up front" : "on demand", iters);
  user_access_begin();
  workload_args = (struct workload_args){
      .heap = heap.va,
      .bytes = mib * MiB,
      .iters = iters,
      .seed = arg_u64("seed", 1),
      .parameter = w->parameter ? arg_u64(w->parameter, w->parameter_default) : 0,
  };
  user_access_end();
  u64 wrong = run_user_default_stack(w->program, 0, 0);
  user_access_begin();
  struct workload_result result = workload_result;
  user_access_end();
  u64 touched = (result.used + heap.leaf->bytes - 1) / heap.leaf->bytes;
  printf("touched %lu KiB, %lu pages; mapped %lu pages, %lu faults\n", result.used / KiB, touched,
         heap.mapped, heap.faults);
  check(wrong == 0, "%lu wrong results", wrong);
  check(heap.faults == (upfront ? 0 : touched), "%lu faults, expected %lu", heap.faults,
        upfront ? 0 : touched);
  printf("%lu %s, checksum %016lx\n", result.operations, w->operation, result.checksum);
}
