package dev.quire.lab.reproduce;

import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.lab.cost.Amounts;
import java.util.List;

/**
 * One system call or access over 1 GiB of anonymous memory in folios of one size, mapped by PTEs:
 * {@code OPERATION/SIZE/KERNEL}, after pte-mapped-folio-benchmarks.c of D. Hildenbrand.
 *
 * <ul>
 *   <li>fork, munmap: the call itself;
 *   <li>dontneed: MADV_DONTNEED of each page by itself;
 *   <li>cow: one byte of each page written by the parent after a fork;
 *   <li>remap: folios of 2 MiB, mapped by PMDs, get PTEs: one page of each is protected.
 * </ul>
 */
final class FolioBench implements Workload {
  private static final long GIB = 1L << 30;
  private static final long BASE = 1L << 32;
  private static final long PMD_BYTES = 2L << 20;
  private static final int PAGE_SHIFT = 12;
  private static final long PAGE = 1L << PAGE_SHIFT;
  private static final int PMD_ORDER = 9;
  private static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;

  private final long measured;

  /**
   * @param measured bytes that are run, and half of them once more: what both differ in is linear
   *     in memory and is continued to 1 GiB, what they share is the fixed part of a call
   */
  FolioBench(long measured) {
    this.measured = measured;
  }

  @Override
  public Amounts run(List<String> scenario) {
    if (scenario.size() != 3) {
      throw new IllegalArgumentException("no such scenario: " + scenario);
    }
    Amounts all = run(scenario, measured);
    if (measured == GIB) {
      return all;
    }
    Amounts half = run(scenario, measured / 2);
    double halves = (GIB - measured) / (measured / 2.0);
    return all.plus(all.plus(half.times(-1)).times(halves));
  }

  private static Amounts run(List<String> scenario, long bytes) {
    String operation = scenario.getFirst();
    int order = order(scenario.get(1));
    KernelVersion version = KernelVersion.of(scenario.get(2));
    if (version == null) {
      throw new IllegalArgumentException("no such kernel: " + scenario);
    }
    Kernel kernel = version.kernel(4 * bytes >>> PAGE_SHIFT, ModelledMachine.folios(order));
    Process process = kernel.spawn();
    populate(process, bytes, order, operation.equals("remap"));
    KernelCounters counters = kernel.counters();
    if (operation.equals("cow")) {
      process.fork();
    }
    KernelCounters.Snapshot before = counters.snapshot();
    switch (operation) {
      case "fork" -> process.fork();
      case "munmap" -> require(process.munmap(BASE, bytes));
      case "dontneed" -> {
        for (long at = BASE; at < BASE + bytes; at += PAGE) {
          require(process.madvise(at, PAGE, Mman.MADV_DONTNEED));
        }
      }
      case "cow" -> {
        for (long at = BASE; at < BASE + bytes; at += PAGE) {
          require(process.touch(at, true));
        }
      }
      case "remap" -> splitPmds(process, bytes);
      default -> throw new IllegalArgumentException("no such operation: " + scenario);
    }
    return Amounts.of(counters.snapshot().minus(before));
  }

  private static int order(String size) {
    int unit = size.endsWith("m") ? 20 : 10;
    long pages = Long.parseLong(size.substring(0, size.length() - 1)) << unit >>> PAGE_SHIFT;
    return Long.numberOfTrailingZeros(pages);
  }

  private static void populate(Process process, long bytes, int order, boolean keepPmds) {
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
    if (process.mmap(BASE, bytes, READ_WRITE, flags, null, 0) != BASE) {
      throw new IllegalStateException("no memory mapped");
    }
    for (long at = BASE; at < BASE + bytes; at += PAGE << order) {
      require(process.touch(at, true));
    }
    if (order == PMD_ORDER && !keepPmds) {
      splitPmds(process, bytes);
      require(process.mprotect(BASE, bytes, READ_WRITE));
    }
  }

  /** Takes write access from the first page of each PMD. */
  private static void splitPmds(Process process, long bytes) {
    for (long at = BASE; at < BASE + bytes; at += PMD_BYTES) {
      require(process.mprotect(at, PAGE, Mman.PROT_READ));
    }
  }

  private static void require(long result) {
    if (result != 0) {
      throw new IllegalStateException("a call failed: " + result);
    }
  }
}
