package dev.quire.mmu;

/**
 * The second stage of translation: guest physical to host physical (EPT, Arm stage 2, or none).
 *
 * <p>Hot: called for every table entry of a nested walk. Implementations allocate nothing.
 */
public interface SecondStage {
  /**
   * Translates {@code gpa}.
   *
   * @param access {@link Access}; with {@link Access#TABLE_WALK} for a stage-1 table entry
   * @param fault filled on failure, its {@code va} left to the caller
   * @return a {@link Translation} whose {@code order} and {@code stage1Order} are the leaf's order
   */
  long translate(long gpa, int access, FaultRecord fault);

  /**
   * Table entries that the last successful {@link #translate} read; 0 where there is no second
   * stage.
   */
  default int references() {
    return 0;
  }

  /**
   * The memory attributes of the last leaf found, as the architecture writes them; 0 where there is
   * no second stage.
   */
  default int attributes() {
    return 0;
  }

  /**
   * The order of the aligned group that the last leaf found promises to be part of by a contiguous
   * bit, or 0 without the promise.
   */
  default int groupOrder() {
    return 0;
  }

  /** No second stage: guest physical is host physical, limited to what memory contains. */
  static SecondStage none(PhysicalMemory memory) {
    return new SecondStage() {
      private static final int LARGEST_ORDER = 27;

      @Override
      public long translate(long gpa, int access, FaultRecord fault) {
        if (!memory.contains(gpa & -Order.bytes(0), Order.bytes(0))) {
          return fault.set(FaultRecord.STAGE2, 0, gpa, access, 0, 0);
        }
        return Translation.of(
            gpa >>> Order.BASE_PAGE_SHIFT, Protection.ALL, LARGEST_ORDER, LARGEST_ORDER);
      }
    };
  }
}
