package dev.quire.emulator.restore;

import java.util.Arrays;
import java.util.BitSet;

/**
 * What happened to guest memory when: populated by whom, and faulted on by a vCPU. Runs of pages
 * populated one after the other by the same are one event. Primitive arrays that double: nothing is
 * allocated for one event. Machine thread only.
 *
 * <p>Moments are the number of instructions that the guest has retired since the restore, and
 * modelled nanoseconds since the restore began.
 */
public final class RestoreTimeline {
  /** Runs are cut here, so that a long population shows as it goes. */
  private static final int LONGEST_RUN_PAGES = 512;

  /** In {@link #who}: not a population but a second-stage fault that a vCPU took. */
  public static final byte FAULT = (byte) Populator.values().length;

  private long[] gfns = new long[256];
  private int[] pages = new int[256];
  private long[] instructions = new long[256];
  private long[] nanos = new long[256];
  private byte[] who = new byte[256];
  private int size;
  private final BitSet populated = new BitSet();
  private final long[] populatedBy = new long[Populator.values().length];

  RestoreTimeline() {}

  /** Pages of 4 KiB got their contents. */
  void populated(long gfn, int count, Populator by, long instruction, long nano) {
    int first = (int) gfn;
    int fresh = count - cardinality(first, first + count);
    if (fresh == 0) {
      return;
    }
    populated.set(first, first + count);
    populatedBy[by.ordinal()] += fresh;
    int last = size - 1;
    if (last >= 0
        && who[last] == by.ordinal()
        && gfns[last] + pages[last] == gfn
        && instructions[last] == instruction
        && pages[last] + count <= LONGEST_RUN_PAGES) {
      pages[last] += count;
      nanos[last] = nano;
      return;
    }
    add(gfn, count, (byte) by.ordinal(), instruction, nano);
  }

  private int cardinality(int from, int end) {
    int set = 0;
    for (int at = populated.nextSetBit(from); at >= 0 && at < end; ) {
      int clear = Math.min(populated.nextClearBit(at), end);
      set += clear - at;
      at = populated.nextSetBit(clear);
    }
    return set;
  }

  /** A vCPU took a second-stage fault. */
  void faulted(long gfn, long instruction, long nano) {
    add(gfn, 1, FAULT, instruction, nano);
  }

  private void add(long gfn, int count, byte by, long instruction, long nano) {
    if (size == gfns.length) {
      gfns = Arrays.copyOf(gfns, 2 * size);
      pages = Arrays.copyOf(pages, 2 * size);
      instructions = Arrays.copyOf(instructions, 2 * size);
      nanos = Arrays.copyOf(nanos, 2 * size);
      who = Arrays.copyOf(who, 2 * size);
    }
    gfns[size] = gfn;
    pages[size] = count;
    instructions[size] = instruction;
    nanos[size] = nano;
    who[size++] = by;
  }

  /** Whether a page has its contents. */
  boolean isPopulated(long gfn) {
    return populated.get((int) gfn);
  }

  /** Events; the index of the methods below is less. */
  public int size() {
    return size;
  }

  public long gfn(int event) {
    return gfns[event];
  }

  public int pages(int event) {
    return pages[event];
  }

  /** Instructions that the guest had retired. */
  public long instruction(int event) {
    return instructions[event];
  }

  /** Modelled nanoseconds since the restore began, when the event was over. */
  public long nanos(int event) {
    return nanos[event];
  }

  /** The ordinal of a {@link Populator}, or {@link #FAULT}. */
  public int who(int event) {
    return who[event];
  }

  /** Pages of 4 KiB that one populated. */
  public long populatedBy(Populator by) {
    return populatedBy[by.ordinal()];
  }
}
