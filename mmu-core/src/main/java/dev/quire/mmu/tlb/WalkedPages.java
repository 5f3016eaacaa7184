package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Translation;
import java.util.Arrays;

/**
 * The pages that one MMU (or a synthetic layout) has walked to, as parallel primitive arrays by
 * page id. Shared by all geometries that watch one vCPU. One thread.
 *
 * <p>An id stands for the page of the effective order that was walked to. It is valid until {@link
 * #remove}.
 */
public final class WalkedPages {
  private static final int STEPS = PageWalk.MAX_STEPS;
  private static final int INITIAL = 1024;

  private long[] vas = new long[INITIAL];
  private long[] translations = new long[INITIAL];
  private long[] attributes = new long[INITIAL];
  private int[] asids = new int[INITIAL];
  private long[] gpas = new long[INITIAL];
  private long[] entryGpas = new long[INITIAL * STEPS];
  private byte[] regionShifts = new byte[INITIAL * STEPS];
  private byte[] stage2Orders = new byte[INITIAL * (STEPS + 1)];
  private byte[] stage2References = new byte[INITIAL * (STEPS + 1)];
  private byte[] steps = new byte[INITIAL];
  private byte[] stage1Groups = new byte[INITIAL];
  private byte[] stage2Groups = new byte[INITIAL];
  private boolean[] globals = new boolean[INITIAL];
  private int[] neighbours = new int[INITIAL];

  private int[] free = new int[INITIAL];
  private int freeCount;
  private int used;

  /**
   * Adds a page.
   *
   * @param neighbours bit i tells whether page i of the aligned group of eight pages of this page's
   *     order around {@code va} is mapped, with equal attributes, as far from this page in physical
   *     memory as it is in virtual; this page's own bit is set. That the group is aligned in
   *     physical memory is not implied. 0 where no geometry coalesces
   */
  public int add(
      long va,
      int asid,
      boolean global,
      long translation,
      long attribute,
      PageWalk walk,
      int neighbours) {
    int id = freeCount > 0 ? free[--freeCount] : used++;
    if (id == vas.length) {
      grow();
    }
    int order = Translation.order(translation);
    long offsetPages = (va & Order.offsetMask(order)) >>> Order.BASE_PAGE_SHIFT;
    vas[id] = va & -Order.bytes(order);
    translations[id] =
        Translation.of(
            Translation.pfn(translation) - offsetPages,
            Translation.rights(translation),
            order,
            Translation.stage1Order(translation));
    attributes[id] = attribute;
    asids[id] = asid;
    globals[id] = global;
    gpas[id] = walk.gpa();
    steps[id] = (byte) walk.steps();
    stage1Groups[id] = (byte) walk.stage1GroupOrder();
    stage2Groups[id] = (byte) walk.stage2GroupOrder();
    this.neighbours[id] = neighbours;
    for (int step = 0; step < walk.steps(); step++) {
      entryGpas[id * STEPS + step] = walk.entryGpa(step);
      regionShifts[id * STEPS + step] = (byte) walk.regionShift(step);
    }
    for (int step = 0; step <= walk.steps(); step++) {
      stage2Orders[id * (STEPS + 1) + step] = (byte) walk.stage2Order(step);
      stage2References[id * (STEPS + 1) + step] = (byte) walk.stage2References(step);
    }
    return id;
  }

  /** Frees an id for use by another page. */
  public void remove(int page) {
    if (freeCount == free.length) {
      free = Arrays.copyOf(free, 2 * freeCount);
    }
    free[freeCount++] = page;
  }

  /** Number of ids in use. */
  public int size() {
    return used - freeCount;
  }

  /** First address of the page. */
  public long va(int page) {
    return vas[page];
  }

  /** The {@link Translation} of the page's first address. */
  public long translation(int page) {
    return translations[page];
  }

  /** The effective order, before any coalescing. */
  public int order(int page) {
    return Translation.order(translations[page]);
  }

  public long attributes(int page) {
    return attributes[page];
  }

  public int asid(int page) {
    return asids[page];
  }

  public boolean isGlobal(int page) {
    return globals[page];
  }

  /** The guest physical address of the 4 KiB page that was walked to. */
  public long gpa(int page) {
    return gpas[page];
  }

  public int steps(int page) {
    return steps[page];
  }

  public long entryGpa(int page, int step) {
    return entryGpas[page * STEPS + step];
  }

  public int regionShift(int page, int step) {
    return regionShifts[page * STEPS + step];
  }

  public int stage2Order(int page, int step) {
    return stage2Orders[page * (STEPS + 1) + step];
  }

  public int stage2References(int page, int step) {
    return stage2References[page * (STEPS + 1) + step];
  }

  public int stage1GroupOrder(int page) {
    return stage1Groups[page];
  }

  public int stage2GroupOrder(int page) {
    return stage2Groups[page];
  }

  /** See {@link #add}. */
  public int neighbours(int page) {
    return neighbours[page];
  }

  /** A neighbour was walked to, or is no longer what it was. */
  public void setNeighbours(int page, int newNeighbours) {
    neighbours[page] = newNeighbours;
  }

  private void grow() {
    int length = 2 * vas.length;
    vas = Arrays.copyOf(vas, length);
    translations = Arrays.copyOf(translations, length);
    attributes = Arrays.copyOf(attributes, length);
    asids = Arrays.copyOf(asids, length);
    gpas = Arrays.copyOf(gpas, length);
    entryGpas = Arrays.copyOf(entryGpas, length * STEPS);
    regionShifts = Arrays.copyOf(regionShifts, length * STEPS);
    stage2Orders = Arrays.copyOf(stage2Orders, length * (STEPS + 1));
    stage2References = Arrays.copyOf(stage2References, length * (STEPS + 1));
    steps = Arrays.copyOf(steps, length);
    stage1Groups = Arrays.copyOf(stage1Groups, length);
    stage2Groups = Arrays.copyOf(stage2Groups, length);
    globals = Arrays.copyOf(globals, length);
    neighbours = Arrays.copyOf(neighbours, length);
  }
}
