package dev.quire.emulator.exec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Finds stores to code by somebody that no core and no kernel sees: a client that shares the
 * memory. Sums up each frame when a core first translates code from it, and compares when asked.
 *
 * <p>Looks at most at {@link #MOST_FRAMES} at a time, and goes on from there the next time: a guest
 * that executed more may run code for a while that its client has replaced.
 *
 * <p>Machine thread only.
 */
public final class ForeignStores {
  /** What takes about 30 us. */
  static final int MOST_FRAMES = 128;

  private static final int PAGE_SHIFT = 12;
  private static final long PAGE_BYTES = 1L << PAGE_SHIFT;
  private static final long MIX = 0x9e37_79b9_7f4a_7c15L;
  private static final int FIRST_FRAMES = 64;

  private final CodeCoherence coherence;
  private final MemorySegment arena;
  private long[] pfns = new long[FIRST_FRAMES];
  private long[] sums = new long[FIRST_FRAMES];
  private int count;
  private int next;

  ForeignStores(CodeCoherence coherence, MemorySegment arena) {
    this.coherence = coherence;
    this.arena = arena;
  }

  /** A core is about to translate code from a frame that none had translated from. */
  void executed(long pfn) {
    if (count == pfns.length) {
      pfns = Arrays.copyOf(pfns, 2 * count);
      sums = Arrays.copyOf(sums, 2 * count);
    }
    pfns[count] = pfn;
    sums[count] = sum(pfn);
    count++;
  }

  /** How many are watched. */
  int frames() {
    return count;
  }

  /** The last core that executed a frame has dropped what it had translated from it. */
  void dropped(long pfn) {
    for (int i = 0; i < count; i++) {
      if (pfns[i] == pfn) {
        forget(i);
        return;
      }
    }
  }

  /** A core has gone, and with it all it had translated. */
  void prune() {
    for (int i = count - 1; i >= 0; i--) {
      if (!coherence.isExecuted(pfns[i])) {
        forget(i);
      }
    }
  }

  /** Has cores translate anew what is not as it was. No core of the machine runs. */
  public void look() {
    int frames = Math.min(count, MOST_FRAMES);
    for (int i = 0; i < frames; i++) {
      next = next >= count ? 0 : next;
      long pfn = pfns[next];
      if (sum(pfn) != sums[next]) {
        // Drops it, and so takes it from here.
        coherence.hostWrote(pfn);
      } else {
        next++;
      }
    }
  }

  private void forget(int index) {
    count--;
    pfns[index] = pfns[count];
    sums[index] = sums[count];
  }

  /** Four sums side by side: one would wait for each of its multiplications. */
  private long sum(long pfn) {
    long at = pfn << PAGE_SHIFT;
    long end = at + PAGE_BYTES;
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    for (long i = at; i < end; i += 4 * Long.BYTES) {
      a = a * MIX + arena.get(ValueLayout.JAVA_LONG, i);
      b = b * MIX + arena.get(ValueLayout.JAVA_LONG, i + Long.BYTES);
      c = c * MIX + arena.get(ValueLayout.JAVA_LONG, i + 2 * Long.BYTES);
      d = d * MIX + arena.get(ValueLayout.JAVA_LONG, i + 3 * Long.BYTES);
    }
    return ((a * MIX + b) * MIX + c) * MIX + d;
  }
}
