package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;

/**
 * What a walk costs: it starts below the deepest table that a walk cache knows; each entry that is
 * left is read, after its guest physical address went through the nested TLB or through the second
 * stage; then the page's own address does.
 */
final class WalkModel {
  private static final int NO_HEIGHT = 0;

  /**
   * By the bits of virtual address that an entry leaves to its table: the entry's height above the
   * leaf table, for granules of 4K (9 bits a level), 16K (11), 64K (13) and the 32-bit x86 tables
   * (10).
   */
  private static final byte[] HEIGHTS = new byte[Long.SIZE];

  static {
    int[][] levels = {{21, 9}, {25, 11}, {29, 13}};
    for (int[] granule : levels) {
      for (int height = 1; height <= WalkCache.MAX_HEIGHT; height++) {
        int shift = granule[0] + (height - 1) * granule[1];
        if (shift < Long.SIZE && HEIGHTS[shift] == NO_HEIGHT) {
          HEIGHTS[shift] = (byte) height;
        }
      }
    }
    HEIGHTS[22] = 1;
  }

  private final WalkedPages pages;
  private final long[] counts;

  /** By use and height; null where nothing is cached. */
  private final TranslationCache[][] tables;

  /** What the tables are counted as, by height. */
  private final int[] tableStructures;

  /** By use; null where there is none. */
  private final TranslationCache[] nested;

  private final int nestedStructure;
  private final int nestedMinimumOrder;
  private final boolean hostAddresses;

  WalkModel(
      WalkedPages pages,
      TlbCounters counters,
      TranslationCache[][] tables,
      int[] tableStructures,
      boolean hostAddresses,
      TranslationCache[] nested,
      int nestedStructure,
      int nestedMinimumOrder) {
    this.pages = pages;
    counts = counters.counts;
    this.tables = tables;
    this.tableStructures = tableStructures;
    this.hostAddresses = hostAddresses;
    this.nested = nested;
    this.nestedStructure = nestedStructure;
    this.nestedMinimumOrder = nestedMinimumOrder;
  }

  /**
   * One walk.
   *
   * @param owner of non-global entries
   * @param nestedOwner of second-stage translations
   */
  void walk(long vpn, int use, int page, long owner, long nestedOwner) {
    int steps = pages.steps(page);
    int first = firstStep(vpn, use, page, owner);
    boolean virtual = pages.stage2Order(page, steps) != PageWalk.NO_STAGE2;
    if (virtual) {
      counts[TlbCounters.STAGE2_REFERENCE] += stage2References(use, page, first, nestedOwner);
    }
    for (int step = first; step < steps - 1; step++) {
      fillTable(vpn, use, page, step, owner, virtual && hostAddresses);
    }
    counts[TlbCounters.WALK]++;
    counts[TlbCounters.STAGE1_REFERENCE] += steps - first;
  }

  /** For the entries from a step on, and for the page. */
  private int stage2References(int use, int page, int first, long nestedOwner) {
    int steps = pages.steps(page);
    boolean firstIsKnown = first > 0 && hostAddresses;
    int references = 0;
    for (int step = firstIsKnown ? first + 1 : first; step < steps; step++) {
      references += secondStage(use, page, step, pages.entryGpa(page, step), nestedOwner);
    }
    return references + secondStage(use, page, steps, pages.gpa(page), nestedOwner);
  }

  /** The step below the deepest table known. */
  private int firstStep(long vpn, int use, int page, long owner) {
    for (int step = pages.steps(page) - 2; step >= 0; step--) {
      int shift = pages.regionShift(page, step);
      TranslationCache cache = tables[use][HEIGHTS[shift]];
      if (cache == null) {
        continue;
      }
      int structure = tableStructures[HEIGHTS[shift]];
      counts[TlbCounters.access(structure)]++;
      if (cache.use(tableTag(shift), vpn, owner, owner) >= 0) {
        counts[TlbCounters.hit(structure)]++;
        counts[TlbCounters.WALK_CACHE_HIT]++;
        return step + 1;
      }
      counts[TlbCounters.miss(structure)]++;
    }
    return 0;
  }

  private void fillTable(long vpn, int use, int page, int step, long owner, boolean combined) {
    int shift = pages.regionShift(page, step);
    TranslationCache cache = tables[use][HEIGHTS[shift]];
    if (cache == null) {
      return;
    }
    long span =
        combined
            ? EntryInfo.span(pages.entryGpa(page, step + 1), pages.stage2Order(page, step + 1))
            : EntryInfo.NO_SPAN;
    long info = EntryInfo.of(EntryInfo.ALL_PAGES, 0, 0, span);
    cache.insert(tableTag(shift), vpn, owner, info);
    counts[TlbCounters.fill(tableStructures[HEIGHTS[shift]], shift - Order.BASE_PAGE_SHIFT)]++;
  }

  /** The second-stage entries read for a guest physical address. */
  private int secondStage(int use, int page, int step, long gpa, long nestedOwner) {
    int order = pages.stage2Order(page, step);
    TranslationCache cache = nested[use];
    if (cache == null) {
      return pages.stage2References(page, step);
    }
    counts[TlbCounters.access(nestedStructure)]++;
    long gpn = gpa >>> Order.BASE_PAGE_SHIFT;
    int tag = TranslationCache.NESTED | order;
    if (cache.use(tag, gpn, nestedOwner, nestedOwner) >= 0) {
      counts[TlbCounters.hit(nestedStructure)]++;
      return 0;
    }
    counts[TlbCounters.miss(nestedStructure)]++;
    if (order >= nestedMinimumOrder) {
      long info = EntryInfo.of(EntryInfo.ALL_PAGES, 0, order, EntryInfo.span(gpa, order));
      cache.insert(tag, gpn, nestedOwner, info);
      counts[TlbCounters.fill(nestedStructure, order)]++;
    }
    return pages.stage2References(page, step);
  }

  private static int tableTag(int regionShift) {
    return TranslationCache.TABLE | regionShift - Order.BASE_PAGE_SHIFT;
  }
}
