package dev.quire.kernel.stat;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Everything one modelled kernel counts: {@link Primitive}s, {@link VmEvent}s and {@link MthpStat}s
 * by order. Counting is an addition to an array: no allocation. Used on the kernel's thread.
 */
public final class KernelCounters {
  /** Orders counted: 0 to this, in base pages of the kernel. */
  public static final int MAX_ORDER = 18;

  private static final int PRIMITIVES = Primitive.values().length;
  private static final int EVENTS = VmEvent.values().length;
  private static final int STATS = MthpStat.values().length;

  private final long[] counts = new long[PRIMITIVES + EVENTS + STATS * (MAX_ORDER + 1)];

  public void count(Primitive primitive) {
    counts[primitive.ordinal()]++;
  }

  public void count(Primitive primitive, long times) {
    counts[primitive.ordinal()] += times;
  }

  public void event(VmEvent event) {
    counts[PRIMITIVES + event.ordinal()]++;
  }

  public void event(VmEvent event, long times) {
    counts[PRIMITIVES + event.ordinal()] += times;
  }

  /** Adds to a statistic of a folio size; gauges take negative numbers too. */
  public void mthp(int order, MthpStat stat, long times) {
    counts[mthpIndex(order, stat)] += times;
  }

  /** How often something was done until now. */
  public long of(Primitive primitive) {
    return counts[primitive.ordinal()];
  }

  /** How often an event came until now; of a gauge, its value. */
  public long of(VmEvent event) {
    return counts[PRIMITIVES + event.ordinal()];
  }

  public Snapshot snapshot() {
    return new Snapshot(counts.clone());
  }

  private static int mthpIndex(int order, MthpStat stat) {
    return PRIMITIVES + EVENTS + order * STATS + stat.ordinal();
  }

  /** Counts at one moment, or between two. */
  public static final class Snapshot {
    private final long[] counts;

    private Snapshot(long[] counts) {
      this.counts = counts;
    }

    public long of(Primitive primitive) {
      return counts[primitive.ordinal()];
    }

    public long of(VmEvent event) {
      return counts[PRIMITIVES + event.ordinal()];
    }

    public long of(int order, MthpStat stat) {
      return counts[mthpIndex(order, stat)];
    }

    /**
     * Events and statistics of folio sizes that are not zero, by the names of /proc/vmstat, and
     * {@code hugepages-64kB/anon_fault_alloc}.
     *
     * @param pageShift log2 of the bytes of the kernel's base page
     */
    public Map<String, Long> named(int pageShift) {
      Map<String, Long> named = new LinkedHashMap<>();
      for (VmEvent event : VmEvent.values()) {
        put(named, event.vmstatName(), of(event));
      }
      for (int order = 0; order <= MAX_ORDER; order++) {
        for (MthpStat stat : MthpStat.values()) {
          long kib = 1L << order + pageShift - 10;
          put(named, "hugepages-" + kib + "kB/" + stat.fileName(), of(order, stat));
        }
      }
      return named;
    }

    private static void put(Map<String, Long> named, String name, long count) {
      if (count != 0) {
        named.put(name, count);
      }
    }

    /** What was counted since {@code earlier}. */
    public Snapshot minus(Snapshot earlier) {
      long[] difference = counts.clone();
      for (int i = 0; i < difference.length; i++) {
        difference[i] -= earlier.counts[i];
      }
      return new Snapshot(difference);
    }
  }
}
