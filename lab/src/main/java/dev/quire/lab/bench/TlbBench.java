package dev.quire.lab.bench;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.lab.preset.PresetCatalogue;
import dev.quire.lab.stream.AccessStream;
import dev.quire.lab.stream.GuestPages;
import dev.quire.lab.stream.PackedAccess;
import dev.quire.lab.stream.StreamAddressSpace;
import dev.quire.lab.stream.StreamSpec;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbHierarchy;
import dev.quire.mmu.tlb.TlbLevel;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * How fast the TLB model takes accesses, by processor time, in turns within one JVM: against {@link
 * PlainLruTlb} of the same geometry; four geometries against one; full nested walks.
 */
public final class TlbBench {
  private static final String BENCH = "tlb";
  private static final int ACCESSES = 1 << 20;
  private static final int BATCH = 1 << 12;
  private static final int REPEATS = 2;
  private static final long SEED = 1;
  private static final String ONE = "skylake-sp";
  private static final List<String> FOUR = List.of(ONE, "icelake", "zen4", "ampere-altra");
  private static final double MOST_NANOS_OF_A_WALK = 200;
  private static final double MOST_OF_ONE = 4.2;

  /** JVM-wide counters are rounded to allocation buffers. */
  private static final double NO_BYTES = 0.01;

  private final int rounds;

  public TlbBench(int rounds) {
    this.rounds = rounds;
  }

  /** A stream's accesses with the pages they are in, made before the clock runs. */
  private record Prepared(long[] accesses, int[] pages, StreamAddressSpace space) {}

  public List<Ratio> run() {
    List<Ratio> results = new ArrayList<>();
    results.add(againstPlain("stride 64 B over 128 KiB", "stride:bytes=128k,stride=64", 2.5));
    results.add(againstPlain("uniform over 4 MiB", "uniform:bytes=4m", 1.3));
    results.add(fourAgainstOne("a stride", "stride:bytes=128k,stride=64", MOST_OF_ONE));
    results.add(fourAgainstOne("all L1 misses", "uniform:bytes=4m", 0));
    results.add(nestedWalks());
    results.add(allocation());
    return results;
  }

  private Ratio againstPlain(String name, String stream, double least) {
    Prepared prepared = prepare(stream, false);
    TlbGeometry geometry = geometry(ONE);
    TlbHierarchy model = hierarchy(geometry, prepared);
    PlainLruTlb plain = new PlainLruTlb(geometry);
    double[] nanos =
        TurnByTurn.medians(rounds, () -> nanos(prepared, model), () -> plainNanos(prepared, plain));
    checkAlike(model.counters().snapshot(), plain);
    return Ratio.speed(BENCH, name, "ns", nanos[0], "plain LRU scan, same TLB", nanos[1], least);
  }

  /** That both did the same work. */
  private static void checkAlike(TlbCounters.Snapshot model, PlainLruTlb plain) {
    if (model.accesses() != plain.accesses()
        || model.l1Misses() != plain.l1Misses()
        || model.level(TlbLevel.L2).misses() != plain.l2Misses()) {
      throw new IllegalStateException(
          "the plain TLB counts %d, %d and %d, the model %s"
              .formatted(plain.accesses(), plain.l1Misses(), plain.l2Misses(), model.levels()));
    }
  }

  /**
   * @param most the bound; 0 for none
   */
  private Ratio fourAgainstOne(String what, String stream, double most) {
    Prepared prepared = prepare(stream, false);
    TlbHierarchy one = hierarchy(geometry(ONE), prepared);
    TlbHierarchy[] four =
        FOUR.stream()
            .map(preset -> hierarchy(geometry(preset), prepared))
            .toArray(TlbHierarchy[]::new);
    double[] nanos =
        TurnByTurn.medians(rounds, () -> nanos(prepared, four), () -> nanos(prepared, one));
    String name = "four presets, " + what;
    return most == 0
        ? Ratio.part(BENCH, name, "ns", nanos[0], "one preset", nanos[1])
        : Ratio.cost(BENCH, name, "ns", nanos[0], "one preset", nanos[1], most);
  }

  /** Every access misses and reads 24 entries: no walk cache, no nested TLB, little L2. */
  private Ratio nestedWalks() {
    Prepared prepared = prepare("uniform:bytes=64m", true);
    TlbHierarchy model = hierarchy(withoutWalkCaches(geometry(ONE)), prepared);
    double[] nanos = TurnByTurn.medians(rounds, () -> nanos(prepared, model));
    TlbCounters.Snapshot counts = model.counters().snapshot();
    double ofAWalk = nanos[0] * counts.accesses() / counts.walks().walks();
    String name = "nested walk of %.0f references".formatted(counts.walks().referencesPerWalk());
    return Ratio.cost(BENCH, name, "ns", ofAWalk, "200 ns", MOST_NANOS_OF_A_WALK, 1);
  }

  private Ratio allocation() {
    Prepared prepared = prepare("zipf:bytes=64m", true);
    TlbHierarchy model = hierarchy(geometry(ONE), prepared);
    nanos(prepared, model);
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    nanos(prepared, model);
    double bytes =
        (threads.getCurrentThreadAllocatedBytes() - before) / (double) (REPEATS * ACCESSES);
    boolean none = bytes < NO_BYTES;
    return new Ratio(
        BENCH, "allocation of an access", "B/op", bytes, "none", 0, bytes, "0 B/op", none);
  }

  private static TlbGeometry geometry(String preset) {
    return PresetCatalogue.load(preset).geometry();
  }

  private static TlbGeometry withoutWalkCaches(TlbGeometry geometry) {
    return new TlbGeometry(
        geometry.name(),
        geometry.isa(),
        geometry.l1Instruction(),
        geometry.l1Data(),
        geometry.l2(),
        geometry.l2Inclusive(),
        List.of(),
        false,
        NestedTlb.NONE,
        geometry.walkers(),
        geometry.costs(),
        CoalescingPolicy.NONE);
  }

  private static TlbHierarchy hierarchy(TlbGeometry geometry, Prepared prepared) {
    TlbHierarchy hierarchy = new TlbHierarchy(geometry, prepared.space.pages(), SEED);
    hierarchy.addressSpace(prepared.space.asid(), 0);
    return hierarchy;
  }

  private static Prepared prepare(String stream, boolean nested) {
    HostArchitecture x86 = HostArchitecture.X86_64;
    StreamAddressSpace space =
        nested
            ? StreamAddressSpace.nested(
                GuestPages.parse("4k", x86), HostPagePolicy.BASE, x86, Fragmentation.NONE, SEED)
            : StreamAddressSpace.ofHostProcess(HostPagePolicy.BASE, x86, Fragmentation.NONE, SEED);
    long[] accesses = new long[ACCESSES];
    int[] pages = new int[ACCESSES];
    String counted = stream + ",count=" + ACCESSES;
    try (AccessStream input = StreamSpec.parse(counted).open(SEED)) {
      int count = input.read(accesses, ACCESSES);
      space.resolve(accesses, count, pages);
    }
    return new Prepared(accesses, pages, space);
  }

  /** Of one access by all of the hierarchies, which take turns as in a sweep. */
  private static double nanos(Prepared prepared, TlbHierarchy... hierarchies) {
    long start = CpuTime.thread();
    for (int repeat = 0; repeat < REPEATS; repeat++) {
      for (int first = 0; first < ACCESSES; first += BATCH) {
        for (TlbHierarchy hierarchy : hierarchies) {
          feed(hierarchy, prepared, first);
        }
      }
    }
    return (double) (CpuTime.thread() - start) / (REPEATS * ACCESSES);
  }

  private static void feed(TlbHierarchy hierarchy, Prepared prepared, int first) {
    for (int i = first; i < first + BATCH; i++) {
      long access = prepared.accesses[i];
      hierarchy.access(PackedAccess.vpn(access), PackedAccess.type(access), prepared.pages[i]);
    }
  }

  private static double plainNanos(Prepared prepared, PlainLruTlb plain) {
    long start = CpuTime.thread();
    for (int repeat = 0; repeat < REPEATS; repeat++) {
      for (int first = 0; first < ACCESSES; first += BATCH) {
        feed(plain, prepared, first);
      }
    }
    return (double) (CpuTime.thread() - start) / (REPEATS * ACCESSES);
  }

  private static void feed(PlainLruTlb plain, Prepared prepared, int first) {
    for (int i = first; i < first + BATCH; i++) {
      plain.access(PackedAccess.vpn(prepared.accesses[i]));
    }
  }
}
