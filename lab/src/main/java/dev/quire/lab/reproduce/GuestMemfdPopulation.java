package dev.quire.lab.reproduce;

import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.filemap.PageCache;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.Userfaultfd;
import dev.quire.lab.cost.Amounts;
import java.util.List;

/**
 * guest_memfd filled by write(), in the two ways of the RFC (mails
 * 20250303130838.28812-2-kalyazin@amazon.com and 20250110154659.95464-3): {@code selftest/DESIGN}
 * writes 3 GiB out of one buffer, {@code firecracker/DESIGN} out of a mapped snapshot of 3 GiB,
 * {@code counts/DESIGN} writes 128 pages. DESIGN: one-at-a-time, batched, query-batched; or
 * uffdio-copy, which fills anonymous memory by UFFDIO_COPY in its place.
 *
 * <p>That write() never became Linux: the kernel is one that has it ({@link GrabDesign}).
 */
final class GuestMemfdPopulation implements Workload {
  private static final long GIB = 1L << 30;
  private static final int PAGE_SHIFT = 12;

  /** Where a copy comes from, in a process that is not modelled. */
  private static final long SOURCE = 1L << 40;

  private static final long POPULATED_PAGES = 3 * GIB >>> PAGE_SHIFT;

  /** What of the snapshot is read; its faults are linear in it. */
  private static final long SNAPSHOT_BYTES = 16 << 20;

  private final long scale;

  /**
   * @param scale by which the runs are smaller than published; counts are multiplied by it
   */
  GuestMemfdPopulation(long scale) {
    this.scale = scale;
  }

  @Override
  public Amounts run(List<String> scenario) {
    if (scenario.size() != 2) {
      throw new IllegalArgumentException("no such scenario: " + scenario);
    }
    if (scenario.get(1).equals("uffdio-copy")) {
      return fromSource(scenario, uffdioCopy(POPULATED_PAGES / scale).times(scale));
    }
    GrabDesign design =
        switch (scenario.get(1)) {
          case "one-at-a-time" -> GrabDesign.ONE_BY_ONE;
          case "batched" -> GrabDesign.BATCHED;
          case "query-batched" -> GrabDesign.BATCHED_QUERY;
          default -> throw new IllegalArgumentException("no such scenario: " + scenario);
        };
    if (scenario.getFirst().equals("counts")) {
      return populate(PageCache.BATCH, design);
    }
    return fromSource(scenario, populate(POPULATED_PAGES / scale, design).times(scale));
  }

  private static Amounts fromSource(List<String> scenario, Amounts copied) {
    return scenario.getFirst().equals("selftest") ? copied : copied.plus(readSnapshot());
  }

  /**
   * What reading the source costs: the snapshot is a file that is cached and mapped, so its pages
   * fault in, by fault-around, and come from memory, not from the processor's caches.
   */
  private static Amounts readSnapshot() {
    long pages = SNAPSHOT_BYTES >>> PAGE_SHIFT;
    Kernel kernel =
        ModelledMachine.kernel(
            KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 4 * pages));
    Process process = kernel.spawn();
    OpenFile snapshot = process.open(FileKind.EXT4, 0);
    long written = snapshot.write(0, SNAPSHOT_BYTES);
    long at = process.mmap(0, SNAPSHOT_BYTES, Mman.PROT_READ, Mman.MAP_PRIVATE, snapshot, 0);
    if (written != SNAPSHOT_BYTES || at <= 0) {
      throw new IllegalStateException("no snapshot to read");
    }
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    for (long page = at; page < at + SNAPSHOT_BYTES; page += 1 << PAGE_SHIFT) {
      if (process.touch(page, false) != 0) {
        throw new IllegalStateException("the snapshot cannot be read");
      }
    }
    return Amounts.of(kernel.counters().snapshot().minus(before))
        .plus(Amounts.of("cold-source-page", pages))
        .times((double) POPULATED_PAGES / pages);
  }

  private static Amounts populate(long pages, GrabDesign design) {
    Kernel kernel =
        ModelledMachine.kernel(
            KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 2 * pages + (1 << 14)),
            design);
    OpenFile memory = kernel.spawn().open(FileKind.GUEST_MEMFD, pages);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    long bytes = pages << PAGE_SHIFT;
    for (long at = 0; at < bytes; at += GIB) {
      long asked = Math.min(bytes - at, GIB);
      if (memory.write(at, asked) != asked) {
        throw new IllegalStateException("guest_memfd took less than was written");
      }
    }
    return Amounts.of(kernel.counters().snapshot().minus(before));
  }

  /** Anonymous memory of a process, filled in calls of 1 GiB; nobody faults. */
  private static Amounts uffdioCopy(long pages) {
    Kernel kernel =
        ModelledMachine.kernel(
            KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 2 * pages + (1 << 14)));
    Process process = kernel.spawn();
    long bytes = pages << PAGE_SHIFT;
    int access = Mman.PROT_READ | Mman.PROT_WRITE;
    long at = process.mmap(0, bytes, access, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, null, 0);
    Userfaultfd uffd = Userfaultfd.open(process, 0);
    long error = at < 0 ? at : uffd.api(UffdCode.API, 0);
    error = error == 0 ? uffd.register(at, bytes, UffdCode.REGISTER_MISSING) : error;
    uffd.setCaller(null);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    for (long done = 0; done < bytes && error == 0; done += GIB) {
      error = uffd.copy(at + done, SOURCE + done, Math.min(bytes - done, GIB), 0);
    }
    if (error != 0) {
      throw new IllegalStateException("UFFDIO_COPY was refused: " + error);
    }
    return Amounts.of(kernel.counters().snapshot().minus(before));
  }
}
