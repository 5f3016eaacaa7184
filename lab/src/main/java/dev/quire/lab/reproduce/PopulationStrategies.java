package dev.quire.lab.reproduce;

import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.lab.cost.Amounts;
import java.util.List;

/**
 * guest_memfd filled from a source that is in no cache, in the ways a VMM has: {@code
 * populate/STRATEGY/SIZE} (3g, 512m) and {@code page/STRATEGY}, which is one page of many.
 *
 * <ul>
 *   <li>write, write-batched: write(2), as in {@link GuestMemfdPopulation};
 *   <li>memcpy: the process maps the file and copies, which faults page by page;
 *   <li>populate-write: the same after MADV_POPULATE_WRITE of the whole;
 *   <li>copy-alone: only the copying of memcpy, into pages that are mapped already.
 * </ul>
 *
 * <p>A copy by the process is {@code user-page-copy}. The runs are of 64 MiB: all counts are linear
 * in pages.
 */
final class PopulationStrategies implements Workload {
  private static final int PAGE_SHIFT = 12;
  private static final long PAGE = 1L << PAGE_SHIFT;
  private static final long RUN_PAGES = 64L << 20 >>> PAGE_SHIFT;
  private static final String USER_PAGE_COPY = "user-page-copy";

  /** Copies by whomever: a count that no price goes with. */
  private static final String COPIES = "copies";

  @Override
  public Amounts run(List<String> scenario) {
    boolean onePage = scenario.getFirst().equals("page");
    if (scenario.size() != (onePage ? 2 : 3)) {
      throw new IllegalArgumentException("no such scenario: " + scenario);
    }
    long pages = onePage ? 1 : bytes(scenario.get(2)) >>> PAGE_SHIFT;
    return strategy(scenario.get(1)).times((double) pages / RUN_PAGES);
  }

  private static long bytes(String size) {
    return switch (size) {
      case "3g" -> 3L << 30;
      case "512m" -> 512L << 20;
      default -> throw new IllegalArgumentException("no such size: " + size);
    };
  }

  private static Amounts strategy(String name) {
    return switch (name) {
      case "write" -> write(GrabDesign.ONE_BY_ONE);
      case "write-batched" -> write(GrabDesign.BATCHED);
      case "memcpy" -> mapped(false);
      case "populate-write" -> mapped(true);
      case "copy-alone" -> userCopies();
      default -> throw new IllegalArgumentException("no such strategy: " + name);
    };
  }

  private static Kernel kernel(GrabDesign design) {
    return ModelledMachine.kernel(
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 2 * RUN_PAGES), design);
  }

  private static Amounts userCopies() {
    return Amounts.of(USER_PAGE_COPY, RUN_PAGES).plus(Amounts.of(COPIES, RUN_PAGES));
  }

  private static Amounts write(GrabDesign design) {
    Kernel kernel = kernel(design);
    OpenFile memory = kernel.spawn().open(FileKind.GUEST_MEMFD, RUN_PAGES);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    require(memory.write(0, RUN_PAGES << PAGE_SHIFT) == RUN_PAGES << PAGE_SHIFT);
    return Amounts.of(kernel.counters().snapshot().minus(before))
        .plus(Amounts.of(COPIES, RUN_PAGES));
  }

  private static Amounts mapped(boolean populated) {
    Kernel kernel = kernel(null);
    Process process = kernel.spawn();
    OpenFile memory = process.open(FileKind.GUEST_MEMFD, RUN_PAGES);
    long bytes = RUN_PAGES << PAGE_SHIFT;
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    int access = Mman.PROT_READ | Mman.PROT_WRITE;
    long at = process.mmap(0, bytes, access, Mman.MAP_SHARED, memory, 0);
    require(at > 0);
    if (populated) {
      require(process.madvise(at, bytes, Mman.MADV_POPULATE_WRITE) == 0);
    }
    for (long page = at; page < at + bytes; page += PAGE) {
      require(process.touch(page, true) == 0);
    }
    return Amounts.of(kernel.counters().snapshot().minus(before)).plus(userCopies());
  }

  private static void require(boolean done) {
    if (!done) {
      throw new IllegalStateException("the modelled kernel refused part of a population");
    }
  }
}
