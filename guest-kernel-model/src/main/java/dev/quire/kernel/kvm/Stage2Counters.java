package dev.quire.kernel.kvm;

import java.util.Arrays;

/** What a {@link Stage2Mmu} did; written by its thread only. */
public final class Stage2Counters {
  /** One more than the largest order counted. */
  private static final int ORDERS = 32;

  long faults;
  long mmioExits;
  long readonlyExits;
  long spuriousFaults;
  long retries;
  long failures;

  /** Faults that had to wait for user space. */
  long waits;

  /** Mappings that a pre-fault made or found, each of one leaf. */
  long preFaults;

  /** Exits to user space for memory that is not what the access needs. */
  long memoryFaults;

  long tablePages;
  long leavesRemoved;
  long invalidations;
  final long[] leavesInstalled = new long[ORDERS];

  /** Leaves there are now, by order. */
  final long[] leaves = new long[ORDERS];

  Stage2Counters() {}

  public Snapshot snapshot(long residentPages) {
    return new Snapshot(
        faults,
        mmioExits,
        readonlyExits,
        spuriousFaults,
        retries,
        failures,
        waits,
        preFaults,
        memoryFaults,
        tablePages,
        leavesRemoved,
        invalidations,
        residentPages,
        leavesInstalled.clone());
  }

  /**
   * Plain data. {@code tablePages} and {@code residentPages} are levels (4 KiB pages in use now),
   * all others are counts; {@code leavesInstalled} is indexed by order.
   */
  public record Snapshot(
      long faults,
      long mmioExits,
      long readonlyExits,
      long spuriousFaults,
      long retries,
      long failures,
      long waits,
      long preFaults,
      long memoryFaults,
      long tablePages,
      long leavesRemoved,
      long invalidations,
      long residentPages,
      long[] leavesInstalled) {

    /** Counts since {@code earlier}; levels are those of this snapshot. */
    public Snapshot minus(Snapshot earlier) {
      long[] leaves = leavesInstalled.clone();
      Arrays.setAll(leaves, order -> leaves[order] - earlier.leavesInstalled[order]);
      return new Snapshot(
          faults - earlier.faults,
          mmioExits - earlier.mmioExits,
          readonlyExits - earlier.readonlyExits,
          spuriousFaults - earlier.spuriousFaults,
          retries - earlier.retries,
          failures - earlier.failures,
          waits - earlier.waits,
          preFaults - earlier.preFaults,
          memoryFaults - earlier.memoryFaults,
          tablePages,
          leavesRemoved - earlier.leavesRemoved,
          invalidations - earlier.invalidations,
          residentPages,
          leaves);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Snapshot that && toString().equals(that.toString());
    }

    @Override
    public int hashCode() {
      return toString().hashCode();
    }

    @Override
    public String toString() {
      return ("faults=%d mmio=%d readonly=%d spurious=%d retries=%d failures=%d waits=%d"
              + " preFaults=%d memoryFaults=%d tablePages=%d leavesRemoved=%d invalidations=%d"
              + " residentPages=%d leavesInstalled=%s")
          .formatted(
              faults,
              mmioExits,
              readonlyExits,
              spuriousFaults,
              retries,
              failures,
              waits,
              preFaults,
              memoryFaults,
              tablePages,
              leavesRemoved,
              invalidations,
              residentPages,
              Arrays.toString(leavesInstalled));
    }
  }
}
