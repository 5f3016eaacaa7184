package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.contpte.ContPteDesign;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.rmap.RmapDesign;
import dev.quire.mmu.FakeKernelPteFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.Tuple;

/**
 * Random programs of several processes: accesses see what was written, counts balance, no frame is
 * lost or owned twice, the reverse map agrees with the page tables, and nothing is left at the end.
 */
class ProcessPropertyTest {
  private static final int MEMORY_PAGES = 1 << 14;
  private static final FileKind[] FILES = {FileKind.MEMFD, FileKind.EXT4};

  /** How often programs with userfaultfd make each of its calls. */
  private static final int UFFD_WEIGHT = 8;

  @Provide
  Arbitrary<List<RandomStep>> programs() {
    return programs(0);
  }

  @Provide
  Arbitrary<List<RandomStep>> uffdPrograms() {
    return programs(UFFD_WEIGHT);
  }

  private static Arbitrary<List<RandomStep>> programs(int uffdWeight) {
    @SuppressWarnings("unchecked")
    Tuple.Tuple2<Integer, RandomStep.Action>[] weighted =
        Arrays.stream(RandomStep.Action.values())
            .map(action -> Tuple.of(action.weight == 0 ? uffdWeight : action.weight, action))
            .toArray(Tuple.Tuple2[]::new);
    Arbitrary<Integer> pages = Arbitraries.integers().between(0, RandomProgram.WINDOW - 1);
    // Many steps fall on a few places, or they would seldom meet.
    Arbitrary<Integer> places = Arbitraries.of(0, 16, 64, 512, 515, 600, 1024, 1030, 1280, 1290);
    Arbitrary<Integer> lengths =
        Arbitraries.frequencyOf(
            Tuple.of(4, Arbitraries.integers().between(0, 40)),
            Tuple.of(1, Arbitraries.integers().between(0, 700)),
            Tuple.of(2, Arbitraries.of(15, 63, 511, 1023)));
    return Combinators.combine(
            Arbitraries.frequency(weighted),
            Arbitraries.integers().between(0, 3),
            Arbitraries.frequencyOf(Tuple.of(2, places), Tuple.of(1, pages)),
            lengths,
            Arbitraries.frequencyOf(Tuple.of(1, places), Tuple.of(2, pages)))
        .as(RandomStep::new)
        .list()
        .ofMaxSize(60)
        .withSizeDistribution(RandomDistribution.uniform());
  }

  @Property(tries = 60, seed = "20261121")
  void basePages(@ForAll("programs") List<RandomStep> steps) {
    run(x86(ThpSettings.NEVER), steps);
  }

  @Property(tries = 60, seed = "20261122")
  void foliosOfAllOrders(@ForAll("programs") List<RandomStep> steps) {
    run(x86(settings(9, 2, 3, 4, 5, 6, 7, 8)), steps);
  }

  @Property(tries = 60, seed = "20261123")
  void hugePages(@ForAll("programs") List<RandomStep> steps) {
    run(x86(settings(9)), steps);
  }

  @Property(tries = 60, seed = "20261124")
  void anyDesign(
      @ForAll RmapDesign rmap,
      @ForAll GatherDesign gather,
      @ForAll AnonFaultAlgorithm faults,
      @ForAll("programs") List<RandomStep> steps) {
    run(x86(settings(9, 4)).withRmap(rmap).withGather(gather).withAnonFault(faults), steps);
  }

  @Property(tries = 40, seed = "20261125")
  void contiguousEntries(@ForAll ContPteDesign design, @ForAll("programs") List<RandomStep> steps) {
    KernelConfig arm64 =
        KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, MEMORY_PAGES)
            .withThp(settings(3, 4, 5))
            .withContPte(design);
    run(arm64, steps);
  }

  @Property(tries = 60, seed = "20261127")
  void files(@ForAll("programs") List<RandomStep> steps) {
    run(x86(ThpSettings.NEVER), false, steps, FILES);
  }

  @Property(tries = 60, seed = "20261128")
  void filesOfLargeFolios(@ForAll("programs") List<RandomStep> steps) {
    run(x86(settings(9, 2, 4)), false, steps, FILES);
  }

  @Property(tries = 25, seed = "20261129")
  void userfaultfd(@ForAll("uffdPrograms") List<RandomStep> steps) {
    run(x86(ThpSettings.NEVER), false, steps, FileKind.MEMFD);
  }

  @Property(tries = 60, seed = "20261130")
  void userfaultfdAndHugePages(@ForAll("uffdPrograms") List<RandomStep> steps) {
    run(x86(settings(9, 4)), false, steps, FileKind.MEMFD);
  }

  @Property(tries = 40, seed = "20261131")
  void userfaultfdAndContiguousEntries(@ForAll("uffdPrograms") List<RandomStep> steps) {
    KernelConfig arm64 =
        KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, MEMORY_PAGES)
            .withThp(settings(3, 4, 5));
    run(arm64, false, steps, FileKind.MEMFD);
  }

  /** 8 MiB for all: allocations, page tables and forks fail half-way. */
  @Property(tries = 60, seed = "20261126")
  void littleMemory(@ForAll("programs") List<RandomStep> steps) {
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES / 8)
            .withThp(settings(9, 2, 4));
    run(config, true, steps, FileKind.MEMFD);
  }

  /** Large folios are to be had by chance only, and by what programs give back. */
  @Property(tries = 25, seed = "20261129")
  void fragmentedMemory(@ForAll long seed, @ForAll("programs") List<RandomStep> steps) {
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES / 2)
            .withThp(settings(9, 2, 3, 4, 5, 6, 7, 8));
    Kernel kernel = new Kernel(config, new FakeKernelPteFormat());
    fragment(kernel, new Random(seed));
    run(kernel, true, steps, FILES);
  }

  /** Takes runs of all sizes out of memory, about half of it. */
  private static void fragment(Kernel kernel, Random random) {
    PageAllocator allocator = kernel.folios().allocator();
    List<Long> free = new ArrayList<>();
    long page = allocator.allocate(0);
    while (page != FrameTable.NONE) {
      free.add(page);
      page = allocator.allocate(0);
    }
    Collections.sort(free);
    int at = 0;
    while (at < free.size()) {
      int end = Math.min(free.size(), at + 1 + random.nextInt(1 << random.nextInt(8)));
      boolean taken = random.nextBoolean();
      for (; at < end; at++) {
        if (!taken) {
          kernel.folios().put(free.get(at), 1);
        }
      }
    }
    allocator.drain();
  }

  private static KernelConfig x86(ThpSettings thp) {
    return KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES).withThp(thp);
  }

  private static ThpSettings settings(int... orders) {
    Map<Integer, ThpMode> anon = new HashMap<>();
    Map<Integer, ShmemThpMode> shmem = new HashMap<>();
    for (int order : orders) {
      anon.put(order, ThpMode.ALWAYS);
      shmem.put(order, ShmemThpMode.ALWAYS);
    }
    return new ThpSettings(ThpMode.NEVER, anon, ShmemThpMode.NEVER, shmem, true, ThpDefrag.ALWAYS);
  }

  private static void run(KernelConfig config, List<RandomStep> steps) {
    run(config, false, steps);
  }

  private static void run(
      KernelConfig config, boolean tight, List<RandomStep> steps, FileKind... files) {
    run(new Kernel(config, new FakeKernelPteFormat()), tight, steps, files);
  }

  private static void run(Kernel kernel, boolean tight, List<RandomStep> steps, FileKind... files) {
    kernel.setFileSystems(ModelledFiles.of(kernel));
    long before = KernelAudit.inUse(kernel);
    RandomProgram program = new RandomProgram(kernel, tight, files);
    for (RandomStep step : steps) {
      program.run(step);
      KernelAudit.check(kernel, program);
    }
    program.end();
    assertThat(KernelAudit.inUse(kernel)).as("pages in use after all processes").isEqualTo(before);
    KernelAudit.check(kernel, program);
  }
}
