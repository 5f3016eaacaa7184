package dev.quire.mmu.arm64;

import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;

/**
 * The entries around a leaf that has the contiguous bit, for both walkers. Allocates nothing but
 * reports. A group lies in one aligned run of at most 1 KiB of its table.
 */
final class ContiguousGroup {
  private static final int LOG2_DESCRIPTOR_BYTES = 3;

  /** Lower attributes without AF, and the upper ones that hardware reads; SH is apart. */
  private static final long ATTRIBUTES =
      0x3fL << 2
          | 1L << 11
          | VmsaDescriptor.DBM
          | 1L << 50
          | VmsaDescriptor.PXN
          | VmsaDescriptor.UXN;

  private static final long SH = 3L << VmsaDescriptor.SH_SHIFT;

  /** AP[2] of stage 1 and S2AP[1] of stage 2: the dirty state where DBM is in use. */
  private static final long DIRTY_STATE = 1L << 7;

  private final int stage;
  private final PhysicalMemory memory;
  private final MmuCounters counters;
  private ContiguousPolicy policy = ContiguousPolicy.OWN_ENTRY;
  private long seed;
  private ContiguousReport.Listener listener = report -> {};

  private Granule granule = Granule.SIZE_4K;
  private AddressForm form = AddressForm.BITS_48;
  private int inputBits;
  private boolean ignoresDirtyState;
  private boolean bigEndian;
  private boolean quiet;

  /** The group order that the last leaf looked at promises; 0 without a (possible) promise. */
  private int order;

  ContiguousGroup(int stage, PhysicalMemory memory, MmuCounters counters) {
    this.stage = stage;
    this.memory = memory;
    this.counters = counters;
  }

  void configure(ContiguousPolicy newPolicy, long newSeed, ContiguousReport.Listener newListener) {
    policy = newPolicy;
    seed = newSeed;
    listener = newListener;
  }

  int order() {
    return order;
  }

  /** The last leaf makes no promise. */
  void none() {
    order = 0;
  }

  /**
   * Prepares {@link #use} for one stage's walk.
   *
   * @param newInputBits the bits of input addresses that the stage translates
   * @param newIgnoresDirtyState hardware updates the dirty state of entries with DBM
   * @param newQuiet a look without any effect: nothing is reported
   */
  void begin(
      Granule newGranule,
      AddressForm newForm,
      int newInputBits,
      boolean newIgnoresDirtyState,
      boolean newBigEndian,
      boolean newQuiet) {
    granule = newGranule;
    form = newForm;
    inputBits = newInputBits;
    ignoresDirtyState = newIgnoresDirtyState;
    bigEndian = newBigEndian;
    quiet = newQuiet;
  }

  /**
   * Looks at a leaf that has the bit and, as the policy says, at its group.
   *
   * @param entryPa where the leaf is
   * @param address the input address, untagged
   * @return the descriptor to use for {@code address}: the leaf itself, or with {@link
   *     ContiguousPolicy#ANY_ENTRY} another member, with the output address moved to this entry
   */
  long use(long descriptor, long entryPa, long address, int level) {
    order = 0;
    int groupOrder = granule.contiguousOrder(level);
    if (groupOrder == granule.leafOrder(level)) {
      return descriptor;
    }
    if (Order.shift(groupOrder) > inputBits) {
      // AArch64.ContiguousBitFaults leaves a fault open; the bit has no effect here.
      if (policy == ContiguousPolicy.STRICT && !quiet) {
        report(address, groupOrder, level, 0, ContiguousReport.Flaw.BEYOND_INPUT);
      }
      return descriptor;
    }
    order = groupOrder;
    if (policy == ContiguousPolicy.ANY_ENTRY) {
      return anyMember(descriptor, entryPa, level, 1 << groupOrder - granule.leafOrder(level));
    }
    if (policy == ContiguousPolicy.STRICT && !quiet) {
      check(descriptor, entryPa, address, groupOrder, level);
    }
    return descriptor;
  }

  private long anyMember(long descriptor, long entryPa, int level, int members) {
    long firstPa = entryPa & -((long) members << LOG2_DESCRIPTOR_BYTES);
    int own = (int) (entryPa - firstPa >>> LOG2_DESCRIPTOR_BYTES);
    long other = read(firstPa, choice(firstPa, members));
    return flaw(other, other, level) == null
        ? moved(other, granule.shift(level), own, members)
        : descriptor;
  }

  private void check(long descriptor, long entryPa, long address, int groupOrder, int level) {
    int members = 1 << groupOrder - granule.leafOrder(level);
    long firstPa = entryPa & -((long) members << LOG2_DESCRIPTOR_BYTES);
    int own = (int) (entryPa - firstPa >>> LOG2_DESCRIPTOR_BYTES);
    int shift = granule.shift(level);
    long groupMask = ((long) members << shift) - 1;
    long base = form.address(descriptor, shift) - ((long) own << shift);
    if ((base & groupMask) != 0) {
      report(address, groupOrder, level, own, ContiguousReport.Flaw.ADDRESS);
    }
    for (int member = 0; member < members; member++) {
      long other = read(firstPa, member);
      ContiguousReport.Flaw flaw = flaw(other, descriptor, level);
      if (flaw == null && form.address(other, shift) != base + ((long) member << shift)) {
        flaw = ContiguousReport.Flaw.ADDRESS;
      }
      if (flaw != null) {
        report(address, groupOrder, level, member, flaw);
      }
    }
  }

  private long read(long firstPa, int member) {
    long word = memory.readLong(firstPa + ((long) member << LOG2_DESCRIPTOR_BYTES));
    return bigEndian ? Long.reverseBytes(word) : word;
  }

  private int choice(long firstPa, int members) {
    long mixed = (firstPa ^ seed) * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> 40) & members - 1;
  }

  private ContiguousReport.Flaw flaw(long other, long used, int level) {
    boolean leaf =
        (other & VmsaDescriptor.VALID) != 0
            && ((other & VmsaDescriptor.TABLE_OR_PAGE) != 0) == (level == Granule.FINAL_LEVEL);
    if (!leaf) {
      return ContiguousReport.Flaw.NO_LEAF;
    }
    if ((other & VmsaDescriptor.CONTIGUOUS) == 0) {
      return ContiguousReport.Flaw.BIT_CLEAR;
    }
    long compared = ATTRIBUTES | (form == AddressForm.LPA2 ? 0 : SH);
    if (ignoresDirtyState && (other & VmsaDescriptor.DBM) != 0) {
      compared &= ~DIRTY_STATE;
    }
    return ((other ^ used) & compared) != 0 ? ContiguousReport.Flaw.ATTRIBUTES : null;
  }

  /** The descriptor of another member as if it stood at {@code own}. */
  private static long moved(long other, int shift, int own, int members) {
    // Members lie in an aligned group: only address bits from shift up to the group's size differ,
    // and those are in bits 47:shift in every form.
    long place = (long) (members - 1) << shift;
    return other & ~place | (long) own << shift;
  }

  private void report(
      long address, int groupOrder, int level, int entry, ContiguousReport.Flaw flaw) {
    counters.increment(MmuEvent.CONTIGUOUS_MISPROGRAMMED);
    long first = address & -Order.bytes(groupOrder);
    listener.misprogrammed(new ContiguousReport(stage, first, level, entry, flaw));
  }
}
