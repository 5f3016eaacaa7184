package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Translation;
import java.util.List;

/**
 * A page as a walk finds it, for tests: what a {@link WalkedPages} row says, in the open.
 *
 * @param va of the 4 KiB page walked to
 * @param stage1Order of the guest's leaf
 * @param stage1Group promised by its contiguous bit, or 0
 * @param stage2Order of the second stage's leaf, or {@link PageWalk#NO_STAGE2}
 * @param stage2Group promised by its contiguous bit, or 0
 * @param neighbours as in {@link WalkedPages#add}
 */
record ReferencePage(
    long va,
    boolean global,
    int stage1Order,
    int stage1Group,
    int stage2Order,
    int stage2Group,
    long gpa,
    long pfn,
    int neighbours,
    List<Step> steps,
    int stage2References) {

  /** One stage-1 entry that the walk reads. */
  record Step(long entryGpa, int regionShift, int stage2Order, int stage2References) {}

  boolean nested() {
    return stage2Order != PageWalk.NO_STAGE2;
  }

  int order() {
    return nested() ? Math.min(stage1Order, stage2Order) : stage1Order;
  }

  long vpn() {
    return va >>> Order.BASE_PAGE_SHIFT;
  }

  int addTo(WalkedPages pages, int asid) {
    PageWalk walk = new PageWalk();
    walk.begin();
    for (Step step : steps) {
      walk.step(step.entryGpa, step.regionShift, step.stage2Order, step.stage2References);
    }
    walk.contiguous(stage1Group, stage2Group);
    walk.end(gpa, stage2Order, stage2References);
    long translation = Translation.of(pfn, 0, order(), stage1Order);
    return pages.add(va, asid, global, translation, 0, walk, neighbours);
  }
}
