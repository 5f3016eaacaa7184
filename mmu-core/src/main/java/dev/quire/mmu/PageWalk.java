package dev.quire.mmu;

/**
 * The path of the last complete walk of one MMU, as the model of walk caches needs it. Written by
 * the walkers of both stages, overwritten by each walk. Owned by the vCPU's thread; allocates
 * nothing.
 *
 * <p>Step 0 is the root of stage 1; the last step is the leaf entry. A walk without stage 1 has no
 * steps. The final guest physical address has a second stage of its own.
 */
public final class PageWalk {
  /** Stage-1 entries of the longest walk: five levels. */
  public static final int MAX_STEPS = 5;

  /** In place of an order: there is no second stage. */
  public static final int NO_STAGE2 = -1;

  private final long[] entryGpas = new long[MAX_STEPS];
  private final int[] regionShifts = new int[MAX_STEPS];
  private final int[] stage2Orders = new int[MAX_STEPS + 1];
  private final int[] stage2References = new int[MAX_STEPS + 1];
  private int steps;
  private long gpa;
  private int stage1GroupOrder;
  private int stage2GroupOrder;

  /** Forgets the last walk. */
  public void begin() {
    steps = 0;
    stage1GroupOrder = 0;
    stage2GroupOrder = 0;
  }

  /**
   * Adds the read of one stage-1 entry.
   *
   * @param entryGpa where the entry lies
   * @param regionShift bits of virtual address below those that chose the entry: what it maps, be
   *     it a page or a table, is {@code 1 << regionShift} bytes large
   * @param stage2Order order of the second-stage leaf that translated {@code entryGpa}, or {@link
   *     #NO_STAGE2}
   * @param stage2References second-stage entries read for it
   */
  public void step(long entryGpa, int regionShift, int stage2Order, int stage2References) {
    entryGpas[steps] = entryGpa;
    regionShifts[steps] = regionShift;
    stage2Orders[steps] = stage2Order;
    this.stage2References[steps] = stage2References;
    steps++;
  }

  /**
   * Ends the walk.
   *
   * @param pageGpa the guest physical address of the 4 KiB page asked for
   * @param stage2Order order of the second-stage leaf that translated it, or {@link #NO_STAGE2}
   * @param stage2References second-stage entries read for it
   */
  public void end(long pageGpa, int stage2Order, int stage2References) {
    gpa = pageGpa;
    stage2Orders[steps] = stage2Order;
    this.stage2References[steps] = stage2References;
  }

  /**
   * Records the contiguous bit: the order of the aligned group that the leaf promises to be part
   * of, or 0 without the promise.
   */
  public void contiguous(int newStage1GroupOrder, int newStage2GroupOrder) {
    stage1GroupOrder = newStage1GroupOrder;
    stage2GroupOrder = newStage2GroupOrder;
  }

  /** Number of stage-1 entries read. */
  public int steps() {
    return steps;
  }

  public long entryGpa(int step) {
    return entryGpas[step];
  }

  public int regionShift(int step) {
    return regionShifts[step];
  }

  /** For step {@link #steps()}: of the final guest physical address. */
  public int stage2Order(int step) {
    return stage2Orders[step];
  }

  /** For step {@link #steps()}: of the final guest physical address. */
  public int stage2References(int step) {
    return stage2References[step];
  }

  public long gpa() {
    return gpa;
  }

  public int stage1GroupOrder() {
    return stage1GroupOrder;
  }

  public int stage2GroupOrder() {
    return stage2GroupOrder;
  }
}
