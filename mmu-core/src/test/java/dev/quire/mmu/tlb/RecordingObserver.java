package dev.quire.mmu.tlb;

import dev.quire.mmu.PageWalk;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.TranslationObserver;
import java.util.ArrayList;
import java.util.List;

/** Notes what an MMU tells its observer, in words, and numbers the pages. */
public final class RecordingObserver implements TranslationObserver {
  private final List<String> heard = new ArrayList<>();
  private int pages;
  private String path;

  @Override
  public int walked(
      long va, int asid, boolean global, long translation, long attributes, PageWalk walk) {
    heard.add("walked 0x%x%s = %d".formatted(va, global ? " global" : " in " + asid, pages));
    path = describe(walk);
    return pages++;
  }

  @Override
  public void dropped(int page) {
    heard.add("dropped " + page);
  }

  @Override
  public void invalidating(TlbInvalidation invalidation) {
    heard.add(invalidation.toString());
  }

  @Override
  public void addressSpace(int asid) {
    heard.add("in " + asid);
  }

  /** What {@code action} makes the MMU tell. */
  public List<String> during(Runnable action) {
    heard.clear();
    action.run();
    return List.copyOf(heard);
  }

  /** The page that the last walk made. */
  public int lastPage() {
    return pages - 1;
  }

  /**
   * The path of the last walk: of each step address/region shift (order and references of its
   * second stage), of the page its address, and the orders of the contiguous groups of both stages.
   */
  public String path() {
    return path;
  }

  private static String describe(PageWalk walk) {
    StringBuilder text = new StringBuilder();
    for (int step = 0; step < walk.steps(); step++) {
      text.append("%x/%d".formatted(walk.entryGpa(step), walk.regionShift(step)))
          .append(secondStage(walk, step))
          .append(' ');
    }
    return text.append("%x".formatted(walk.gpa()))
        .append(secondStage(walk, walk.steps()))
        .append(" groups %d %d".formatted(walk.stage1GroupOrder(), walk.stage2GroupOrder()))
        .toString();
  }

  private static String secondStage(PageWalk walk, int step) {
    return " (order %d, %d read)".formatted(walk.stage2Order(step), walk.stage2References(step));
  }
}
