package dev.quire.lab.bench;

import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.filemap.PageCache;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.ShmemThpMode;
import dev.quire.kernel.mm.ThpDefrag;
import dev.quire.kernel.mm.ThpMode;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The paths of the modelled kernel that workloads spend their time in, on a host of 64 GiB: first
 * touch of anonymous memory, fork and munmap of 1 GiB, filling a guest_memfd of 3 GiB. {@link
 * KernelBench} calls the same methods by hand.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 4, time = 1)
@Fork(
    value = 1,
    jvmArgs = {"-Xmx768m", "-XX:+UseSerialGC"})
public class KernelPaths {
  /** Faults of one call of {@link #fault}: all but one folio of a PMD, for as many PMDs. */
  static final int FAULTS = 511 * 31;

  private static final int PMD_PAGES = 512;

  /** Base pages of 1 GiB. */
  static final int GIB_PAGES = 1 << 18;

  /** Base pages of a guest of 3 GiB. */
  static final int GUEST_PAGES = 786_432;

  static final long HOST_PAGES = 1L << 24;
  private static final long PAGE = 4096;
  private static final long ADDRESS = 0x7f00_0000_0000L;

  /** A process of a kernel that gives anonymous memory folios of one order. */
  static Process boot(int order) {
    ThpSettings thp =
        order == 0
            ? ThpSettings.NEVER
            : new ThpSettings(
                ThpMode.NEVER,
                Map.of(order, ThpMode.ALWAYS),
                ShmemThpMode.NEVER,
                Map.of(),
                true,
                ThpDefrag.MADVISE);
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, HOST_PAGES).withThp(thp);
    return new Kernel(config, new LinuxX86Pte(Ia32ePte.FOUR_LEVEL)).spawn();
  }

  private static void map(Process process, long pages) {
    long address =
        process.mmap(
            ADDRESS,
            pages * PAGE,
            Mman.PROT_READ | Mman.PROT_WRITE,
            Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED,
            null,
            0);
    if (address != ADDRESS) {
      throw new IllegalStateException("mmap: " + address);
    }
  }

  private static void touch(Process process, long first, int pages, int step) {
    for (long page = first; page < first + pages; page += step) {
      if (process.touch(ADDRESS + page * PAGE, true) != 0) {
        throw new IllegalStateException("no memory for page " + page);
      }
    }
  }

  /**
   * Anonymous memory with its page tables, in each of which one folio is left: Linux frees a table
   * that MADV_DONTNEED empties.
   */
  @State(Scope.Thread)
  public static class Faults {
    @Param({"0", "4"})
    int order;

    Process process;

    private int foliosOfPmd() {
      return (PMD_PAGES >> order) - 1;
    }

    private int pmds() {
      return FAULTS / foliosOfPmd();
    }

    /** Maps the memory and touches all of it once. */
    @Setup
    public void map() {
      process = boot(order);
      KernelPaths.map(process, (long) PMD_PAGES * pmds());
      touch(process, 0, PMD_PAGES * pmds(), 1 << order);
      discard();
    }

    /** Takes the pages away again. */
    @TearDown(Level.Invocation)
    public void discard() {
      for (int pmd = 0; pmd < pmds(); pmd++) {
        long address = ADDRESS + pmd * PMD_PAGES * PAGE;
        process.madvise(address, (PAGE * foliosOfPmd()) << order, Mman.MADV_DONTNEED);
      }
    }

    void touchAll() {
      for (int pmd = 0; pmd < pmds(); pmd++) {
        touch(process, pmd * PMD_PAGES, foliosOfPmd() << order, 1 << order);
      }
    }
  }

  /** One write fault for each folio. */
  @Benchmark
  @OperationsPerInvocation(FAULTS)
  public void fault(Faults state) {
    state.touchAll();
  }

  /** A process with 1 GiB of touched base pages. */
  @State(Scope.Thread)
  public static class Parent {
    Process process;
    Process child;

    @Setup
    public void populate() {
      process = boot(0);
      map(process, GIB_PAGES);
      touch(process, 0, GIB_PAGES, 1);
    }

    /** Ends the child. */
    @TearDown(Level.Invocation)
    public void reap() {
      child.exit();
    }
  }

  @Benchmark
  @OperationsPerInvocation(GIB_PAGES)
  public void fork(Parent state) {
    state.child = state.process.fork();
  }

  /** 1 GiB of touched base pages for each call. */
  @State(Scope.Thread)
  public static class Mapping {
    Process process = boot(0);

    @Setup(Level.Invocation)
    public void populate() {
      map(process, GIB_PAGES);
      touch(process, 0, GIB_PAGES, 1);
    }
  }

  @Benchmark
  @OperationsPerInvocation(GIB_PAGES)
  public void unmap(Mapping state) {
    state.process.munmap(ADDRESS, GIB_PAGES * PAGE);
  }

  /** An empty guest_memfd of 3 GiB for each call. */
  @State(Scope.Thread)
  public static class Guest {
    @Param({"ONE_BY_ONE", "BATCHED"})
    GrabDesign design;

    private final long[] grabbed = new long[PageCache.BATCH];
    private final Kernel kernel = boot(0).kernel();
    private PageCache cache;

    @Setup(Level.Invocation)
    public void open() {
      cache = new PageCache(kernel.folios(), kernel.counters());
    }

    /** Drops all pages. */
    @TearDown(Level.Invocation)
    public void close() {
      kernel.folios().lru().drain();
      for (long index = 0; index < GUEST_PAGES; index++) {
        cache.remove(cache.get(index));
      }
    }
  }

  /** Inserts every page, and gives the inserter's reference back. */
  @Benchmark
  @OperationsPerInvocation(GUEST_PAGES)
  public void insert(Guest state) {
    if (state.design == GrabDesign.ONE_BY_ONE) {
      for (long index = 0; index < GUEST_PAGES; index++) {
        state.kernel.folios().put(state.cache.grab(index), 1);
      }
      return;
    }
    for (long index = 0; index < GUEST_PAGES; index += PageCache.BATCH) {
      int count = state.cache.grabAll(index, PageCache.BATCH, state.grabbed, state.design);
      for (int i = 0; i < count; i++) {
        state.kernel.folios().put(state.grabbed[i], 1);
      }
    }
  }
}
