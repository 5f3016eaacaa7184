package dev.quire.mmu.tlb;

import dev.quire.mmu.PageWalk;
import java.util.ArrayList;
import java.util.List;

/** Pages for tests, built up from a plain 4 KiB page without a second stage. */
record TestPages(
    long va,
    boolean global,
    int stage1Order,
    int stage1Group,
    int stage2Order,
    int stage2Group,
    long pfn,
    int neighbours,
    int levels,
    int stage2Levels) {

  static TestPages at(long va) {
    return new TestPages(va, false, 0, 0, PageWalk.NO_STAGE2, 0, va >>> 12, 0, 4, 0);
  }

  TestPages asGlobal() {
    return new TestPages(
        va,
        true,
        stage1Order,
        stage1Group,
        stage2Order,
        stage2Group,
        pfn,
        neighbours,
        levels,
        stage2Levels);
  }

  TestPages stage1(int order, int group) {
    return new TestPages(
        va, global, order, group, stage2Order, stage2Group, pfn, neighbours, levels, stage2Levels);
  }

  TestPages stage2(int order, int group) {
    return new TestPages(
        va, global, stage1Order, stage1Group, order, group, pfn, neighbours, levels, 4);
  }

  TestPages levels(int stage1, int stage2) {
    return new TestPages(
        va,
        global,
        stage1Order,
        stage1Group,
        stage2 == 0 ? PageWalk.NO_STAGE2 : 0,
        stage2Group,
        pfn,
        neighbours,
        stage1,
        stage2);
  }

  TestPages neighbours(long newPfn, int mask) {
    return new TestPages(
        va,
        global,
        stage1Order,
        stage1Group,
        stage2Order,
        stage2Group,
        newPfn,
        mask,
        levels,
        stage2Levels);
  }

  /** The guest physical page; tables lie far above. */
  static long gpaOf(long va) {
    return va & 0xff_ffff_f000L;
  }

  static long tableGpa(long va, int shift) {
    return 0x100_0000_0000L + ((long) shift << 32) + (va >>> shift + 9 << 12 & 0xffff_f000L);
  }

  ReferencePage page() {
    boolean nested = stage2Order != PageWalk.NO_STAGE2;
    int references = nested ? stage2Levels : 0;
    int tables = nested ? 0 : PageWalk.NO_STAGE2;
    List<ReferencePage.Step> steps = new ArrayList<>();
    for (int shift = 12 + 9 * (levels - 1); shift >= 12 + stage1Order; shift -= 9) {
      steps.add(new ReferencePage.Step(tableGpa(va, shift), shift, tables, references));
    }
    return new ReferencePage(
        va,
        global,
        stage1Order,
        stage1Group,
        stage2Order,
        stage2Group,
        gpaOf(va),
        pfn,
        neighbours,
        steps,
        references);
  }
}
