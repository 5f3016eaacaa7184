package dev.quire.emulator.restore;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;
import java.util.Locale;

/** What of the modelled kernel's counts tells strategies apart. Adding allocates nothing. */
public final class RestoreTally {
  /** What is counted. */
  public enum Item {
    /** Faults that the host's mm handled, whoever took them (PGFAULT). */
    FAULTS,
    /** Of them, those that read the disk. */
    MAJOR_FAULTS,
    /** Exceptions for them, and get_user_pages on behalf of KVM. */
    FAULT_ENTRIES,
    /** Base pages cleared. */
    CLEARS,
    /** Base pages copied by system calls from user space: write(2), UFFDIO_COPY. */
    USER_COPIES,
    /** Base pages copied by the kernel: copies on write. */
    KERNEL_COPIES,
    /** Last-level entries set, and entries of the level above that map huge pages. */
    PTES,
    HUGE_PTES,
    /** Folios put into page caches. */
    CACHE_INSERTS,
    SYSCALLS;

    /** As JSON has it. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final Item[] ITEMS = Item.values();

  private final long[] counts = new long[ITEMS.length];

  private static long count(KernelCounters counters, Item item) {
    return switch (item) {
      case FAULTS -> counters.of(VmEvent.PGFAULT);
      case MAJOR_FAULTS -> counters.of(VmEvent.PGMAJFAULT);
      case FAULT_ENTRIES -> counters.of(Primitive.FAULT_ENTRY);
      case CLEARS -> counters.of(Primitive.PAGE_CLEAR) + counters.of(Primitive.PAGE_CLEAR_EXTENT);
      case USER_COPIES -> counters.of(Primitive.USER_COPY);
      case KERNEL_COPIES -> counters.of(Primitive.PAGE_COPY);
      case PTES -> counters.of(Primitive.PTE_SET);
      case HUGE_PTES -> counters.of(Primitive.PMD_SET);
      case CACHE_INSERTS -> counters.of(Primitive.XARRAY_STORE);
      case SYSCALLS -> counters.of(Primitive.SYSCALL);
    };
  }

  /** Adds what was counted until now, this many times. */
  void add(KernelCounters counters, int times) {
    for (Item item : ITEMS) {
      counts[item.ordinal()] += times * count(counters, item);
    }
  }

  /** What was counted until now. */
  static RestoreTally now(KernelCounters counters) {
    RestoreTally tally = new RestoreTally();
    tally.add(counters, 1);
    return tally;
  }

  RestoreTally minus(RestoreTally other) {
    RestoreTally difference = new RestoreTally();
    for (int i = 0; i < counts.length; i++) {
      difference.counts[i] = counts[i] - other.counts[i];
    }
    return difference;
  }

  RestoreTally copy() {
    return minus(new RestoreTally());
  }

  public long of(Item item) {
    return counts[item.ordinal()];
  }
}
