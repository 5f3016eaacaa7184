package dev.quire.mmu;

import java.util.Arrays;

/**
 * Primitive counters by {@link MmuEvent}. Written by one thread, the vCPU's; {@link #snapshot} from
 * the same thread.
 */
public final class MmuCounters {
  private static final MmuEvent[] EVENTS = MmuEvent.values();
  private final long[] counts = new long[EVENTS.length];
  private final long[] marked = new long[EVENTS.length];

  public void add(MmuEvent event, long amount) {
    counts[event.ordinal()] += amount;
  }

  public void increment(MmuEvent event) {
    counts[event.ordinal()]++;
  }

  public long get(MmuEvent event) {
    return counts[event.ordinal()];
  }

  /** Remembers the counts, for {@link #rollback}. */
  public void mark() {
    System.arraycopy(counts, 0, marked, 0, counts.length);
  }

  /** Forgets what was counted since {@link #mark}: an attempt that is about to be made anew. */
  public void rollback() {
    System.arraycopy(marked, 0, counts, 0, counts.length);
  }

  public void reset() {
    Arrays.fill(counts, 0);
  }

  public Snapshot snapshot() {
    return new Snapshot(counts.clone());
  }

  /** Counts at one moment; plain data with subtraction. */
  public record Snapshot(long[] counts) {
    public long get(MmuEvent event) {
      return counts[event.ordinal()];
    }

    public Snapshot minus(Snapshot earlier) {
      long[] difference = counts.clone();
      for (int i = 0; i < difference.length; i++) {
        difference[i] -= earlier.counts[i];
      }
      return new Snapshot(difference);
    }

    public Snapshot plus(Snapshot other) {
      long[] sum = counts.clone();
      for (int i = 0; i < sum.length; i++) {
        sum[i] += other.counts[i];
      }
      return new Snapshot(sum);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Snapshot that && Arrays.equals(counts, that.counts);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(counts);
    }

    @Override
    public String toString() {
      StringBuilder text = new StringBuilder("{");
      for (MmuEvent event : EVENTS) {
        text.append(event.ordinal() == 0 ? "" : ", ").append(event).append('=').append(get(event));
      }
      return text.append('}').toString();
    }
  }
}
