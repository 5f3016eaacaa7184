package dev.quire.lab.reproduce;

import dev.quire.kernel.contpte.ContPteDesign;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.mm.AnonFaultAlgorithm;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.rmap.RmapDesign;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.lab.cost.Amounts;
import dev.quire.lab.preset.PresetCatalogue;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A kernel build on arm64: {@code build/KERNEL/jN/METRIC} and {@code
 * build/FOLIOS/GATHER/jN/METRIC}, where METRIC is real, kernel or user, or of the time in
 * exit_group all of it or a part.
 *
 * <p>One {@link CompileUnit} stands for all: a build is many of them, and every published figure is
 * a ratio. Kernel time is what the unit makes the kernel do, and one {@code kernel-other} for all
 * the rest, which no page size changes. User time is one {@code user-work} and what translation
 * costs on top ({@link CompilerAccesses}). Units run independently of each other on N processors:
 * real time is the sum of both over N, and N cancels out of every ratio. That leaves contention out
 * (between -j8 and -j80 the model sees no difference), and the serial end of a build.
 */
final class KernelBuild implements Workload {
  private static final long MEMORY_BYTES = 1L << 30;
  private static final String PRESET = "ampere-altra";

  /** Operations on the bytes of a base page: their prices are those of 4 KiB. */
  private static final List<Primitive> BY_BYTES =
      List.of(Primitive.PAGE_CLEAR, Primitive.PAGE_CLEAR_EXTENT, Primitive.PAGE_COPY);

  private static final List<String> RMAP_PARTS =
      List.of("RMAP_CALL", "FOLIO_LOOKUP", "MAPCOUNT_ATOMIC", "NR_PAGES_MAPPED_ATOMIC");
  private static final List<String> DEFERRED_PARTS =
      List.of("DEFERRED_SPLIT_QUEUE", "DEFERRED_SPLIT_UNQUEUE");

  private final long seed;
  private final Map<String, Result> results = new HashMap<>();

  KernelBuild(long seed) {
    this.seed = seed;
  }

  private record Result(Amounts kernel, Amounts user, Amounts exit) {}

  @Override
  public Amounts run(List<String> scenario) {
    int parts = scenario.size();
    if (parts < 4) {
      throw new IllegalArgumentException("no such scenario: " + scenario);
    }
    Result result =
        results.computeIfAbsent(String.join("/", scenario.subList(1, parts - 2)), this::build);
    return switch (scenario.getLast()) {
      case "kernel" -> result.kernel();
      case "user" -> result.user();
      case "real" -> result.kernel().plus(result.user());
      case "exit" -> result.exit();
      case "exit-rmap" -> only(result.exit(), RMAP_PARTS);
      case "exit-deferred-split" -> only(result.exit(), DEFERRED_PARTS);
      default -> throw new IllegalArgumentException("no such scenario: " + scenario);
    };
  }

  private static Amounts only(Amounts all, List<String> names) {
    Amounts sum = Amounts.NONE;
    for (String name : names) {
      sum = sum.plus(Amounts.of(name, all.of(name)));
    }
    return sum;
  }

  private Result build(String name) {
    HostGranule granule =
        name.equals("v1-16k")
            ? HostGranule.BASE_16K
            : name.equals("v1-64k") ? HostGranule.BASE_64K : HostGranule.BASE_4K;
    long pages = MEMORY_BYTES >>> 12 + granule.baseOrder();
    KernelConfig plain = KernelConfig.of(HostArchitecture.ARM64, granule, pages).withContPte(null);
    Kernel kernel = ModelledMachine.kernel(configure(plain, name));
    CompileUnit unit = new CompileUnit(kernel, seed);
    // The first unit brings the programs into the page cache.
    unit.run();
    Amounts exitsBefore = unit.exits();
    Amounts teardownsBefore = unit.teardowns();
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    unit.run();
    Amounts counted = bytesAsBasePages(kernel, before);
    Amounts exits = unit.exits().plus(exitsBefore.times(-1));
    Amounts teardowns = unit.teardowns().plus(teardownsBefore.times(-1));
    // The kernel counts a copy a page touched, whatever part of it.
    Amounts all =
        counted
            .without("USER_COPY")
            .plus(Amounts.of("USER_COPY", unit.bytesCopied() / 4096.0))
            .plus(Amounts.of("file-page", unit.filePagesWritten()))
            .plus(Amounts.of("kernel-other", 1));
    unit.runUntilCompiled();
    CompilerAccesses.Cycles cycles =
        CompilerAccesses.measure(
            unit.compiler(),
            unit.compilerData(),
            unit.compilerText(),
            PresetCatalogue.load(PRESET).geometry(),
            seed);
    Amounts user =
        Amounts.of("user-work", 1)
            .plus(Amounts.of("data-walk-cycles", cycles.data()))
            .plus(Amounts.of("code-walk-cycles", cycles.code()));
    Amounts inKernel =
        Amounts.of("kernel-walk-cycles", cycles.kernel()).plus(unfoldsSpared(teardowns));
    return new Result(all.plus(inKernel), user, exits);
  }

  /**
   * Before zap knew runs, the contpte series had a call of its own that clears the entries of an
   * address space that goes as a whole without unfolding their groups (ptep_get_and_clear_full).
   */
  private static Amounts unfoldsSpared(Amounts teardowns) {
    double unfolds = teardowns.of("CONTPTE_UNFOLD");
    return Amounts.of("CONTPTE_UNFOLD", -unfolds).plus(Amounts.of("TLB_FLUSH", -unfolds));
  }

  /** Counts since {@code before}, with those of bytes in pieces of 4 KiB, tables cleared too. */
  private static Amounts bytesAsBasePages(Kernel kernel, KernelCounters.Snapshot before) {
    Amounts counted = Amounts.of(kernel.counters().snapshot().minus(before));
    int perPage = 1 << kernel.config().granule().baseOrder();
    Amounts more = Amounts.of("PAGE_CLEAR", counted.of("TABLE_ALLOC") * perPage);
    for (Primitive primitive : BY_BYTES) {
      double extra = counted.of(primitive.name()) * (perPage - 1);
      more = more.plus(Amounts.of(primitive.name(), extra));
    }
    return counted.plus(more);
  }

  /** The kernels of the publications; see docs/REPRODUCE.md. */
  private static KernelConfig configure(KernelConfig plain, String name) {
    KernelConfig old = plain.withRmap(RmapDesign.COMPOUND_FLAG).withGather(GatherDesign.PAGES);
    KernelConfig batched = plain.withRmap(RmapDesign.LEVELS_BATCHED).withGather(GatherDesign.RUNS);
    KernelConfig v1 = old.withAnonFault(AnonFaultAlgorithm.SERIES_V1);
    KernelConfig v1Full = old.withAnonFault(AnonFaultAlgorithm.SERIES_V1_FULL);
    KernelConfig v4 = old.withThp(ModelledMachine.folios(4));
    KernelConfig v5 = batched.withThp(ModelledMachine.folios(4));
    return switch (name) {
      case "v1-baseline", "v1-16k", "v1-64k", "v4-baseline", "small/pages" -> old;
      case "v1-basic" -> v1;
      case "v1-full" -> v1Full;
      case "v1-contpte" -> v1Full.withContPte(ContPteDesign.FOLD);
      case "v1-exefolio" -> v1Full.withContPte(ContPteDesign.FOLD).withExecutableFolios(true);
      case "v4-mthp" -> v4;
      case "v4-contpte" -> v4.withContPte(ContPteDesign.FOLD);
      case "v4-exefolio" -> v4.withContPte(ContPteDesign.FOLD).withExecutableFolios(true);
      case "v5-baseline" -> batched;
      case "v5-mthp" -> v5;
      case "v5-contpte" -> v5.withContPte(ContPteDesign.FOLD);
      case "v5-exefolio" -> v5.withContPte(ContPteDesign.FOLD).withExecutableFolios(true);
      case "small/ranges" -> old.withGather(GatherDesign.RANGES);
      case "order-3/pages" -> old.withThp(ModelledMachine.folios(3));
      case "order-3/ranges" ->
          old.withGather(GatherDesign.RANGES).withThp(ModelledMachine.folios(3));
      default -> throw new IllegalArgumentException("no such kernel: " + name);
    };
  }
}
