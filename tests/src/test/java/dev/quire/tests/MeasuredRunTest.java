package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.measure.MeasureConfig;
import dev.quire.emulator.measure.Measurement;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.StructureCounts;
import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbCosts;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbIsa;
import dev.quire.mmu.tlb.TlbLevel;
import dev.quire.mmu.tlb.TlbReplacement;
import dev.quire.mmu.tlb.TlbUse;
import dev.quire.mmu.tlb.WalkCache;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Measured runs: what they count depends on the guest and the geometry alone. */
class MeasuredRunTest {
  private static final long SEED = 20260101;
  private static final Set<TlbUse> DATA = EnumSet.of(TlbUse.LOAD, TlbUse.STORE);
  private static final Set<TlbUse> ALL = EnumSet.allOf(TlbUse.class);
  private static final int[] ORDERS = {0, 4, 9, 18};

  /** Small enough that the order of nearly every access matters. */
  private static final TlbGeometry TINY = geometry("tiny", 2, 4, 8, CoalescingPolicy.NONE);

  private static final TlbGeometry USUAL = geometry("usual", 128, 64, 1024, CoalescingPolicy.NONE);
  private static final TlbGeometry AGGREGATING =
      geometry("aggregating", 4, 8, 32, CoalescingPolicy.aggregation(4).withContiguousBit(true));
  private static final TlbGeometry COLT = geometry("colt", 4, 8, 32, CoalescingPolicy.coltSa(8));

  /** Faults drop from its walk caches, so that it depends on where each fault comes. */
  private static final TlbGeometry WALK_CACHES =
      geometry(
          "walk caches",
          2,
          4,
          8,
          CoalescingPolicy.NONE,
          List.of(WalkCache.of("tables", List.of(1, 2, 3), 8, 8)));

  private static TlbGeometry geometry(
      String name, int fetch, int data, int second, CoalescingPolicy policy) {
    return geometry(name, fetch, data, second, policy, List.of());
  }

  private static TlbGeometry geometry(
      String name,
      int fetch,
      int data,
      int second,
      CoalescingPolicy policy,
      List<WalkCache> walkCaches) {
    return new TlbGeometry(
        name,
        TlbIsa.X86_64,
        List.of(array("itlb", fetch, EnumSet.of(TlbUse.FETCH))),
        List.of(array("dtlb", data, DATA)),
        List.of(array("stlb", second, ALL)),
        false,
        walkCaches,
        !walkCaches.isEmpty(),
        NestedTlb.NONE,
        1,
        new TlbCosts("linear", 1, 7, 20, 1, 1),
        policy);
  }

  private static TlbArray array(String name, int entries, Set<TlbUse> uses) {
    List<Integer> orders = new ArrayList<>();
    for (int order : ORDERS) {
      orders.add(order);
      orders.add(order + 2);
    }
    orders.sort(null);
    return new TlbArray(name, entries, entries, orders, uses, TlbReplacement.LRU, List.of());
  }

  private record Run(RunResult result, String console, List<Long> unresolved) {
    List<Measurement.Counted> counted() {
      return result.measured().vcpus();
    }

    TlbCounters.Snapshot tlb(int geometry) {
      return counted().getFirst().tlbs().get(geometry);
    }
  }

  private static Run run(
      String guest, int cpus, String arguments, MeasureConfig measure, Pacing pacing) {
    StringBuilder console = new StringBuilder();
    MachineConfig config =
        new MachineConfig(
            HostPagePolicy.BASE,
            1,
            Guests.ENOUGH_INSTRUCTIONS,
            value -> console.append((char) (value & 0xff)),
            measure);
    BootPlan plan = Guests.plan(guest, cpus, arguments);
    try (VirtualMachine machine = VirtualMachine.create(config, plan, pacing)) {
      RunResult result = machine.run();
      List<Long> unresolved = new ArrayList<>();
      for (int cpu = 0; cpu < cpus && measure != null; cpu++) {
        unresolved.add(machine.measurement().vcpu(cpu).unresolved());
      }
      return new Run(result, console.toString(), unresolved);
    }
  }

  private static Pacing turns(int least, int most, int flushOneIn) {
    Random random = new Random(SEED);
    return new Pacing() {
      @Override
      public long nextSliceInstructions() {
        return (long) least + random.nextInt(most - least + 1);
      }

      @Override
      public void afterSlice(Vcpu vcpu) {
        if (flushOneIn > 0 && random.nextInt(flushOneIn) == 0) {
          vcpu.engine().flushAll();
        }
        if (flushOneIn > 0 && random.nextInt(10 * flushOneIn) == 0) {
          vcpu.engine().flushCode();
        }
      }
    };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hello-x86_64",
        "hello-arm64",
        "faults-x86_64",
        "faults-arm64",
        "paging-x86_64",
        "traps-x86_64",
        "traps-arm64",
        "irq-x86_64",
        "irq-arm64"
      })
  void neitherTurnsNorTheRingNorTheSoftTlbMatter(String guest) {
    List<TlbGeometry> geometries = List.of(TINY, AGGREGATING, WALK_CACHES);
    Run calm = run(guest, 1, "", new MeasureConfig(geometries, 1), Pacing.ALONE);
    Run smallRing = run(guest, 1, "", new MeasureConfig(geometries, 1, 2), Pacing.ALONE);
    Run disturbed = run(guest, 1, "", new MeasureConfig(geometries, 1, 37), turns(1, 2_000, 3));
    assertThat(calm.tlb(0).level(TlbLevel.L2).misses()).isPositive();
    assertThat(smallRing.counted()).isEqualTo(calm.counted());
    assertThat(disturbed.counted()).isEqualTo(calm.counted());
    assertThat(disturbed.console()).isEqualTo(calm.console());
    assertThat(calm.unresolved()).containsOnly(0L);
    assertThat(disturbed.unresolved()).containsOnly(0L);
  }

  /** Stops everywhere, with what the core has translated kept or dropped each time. */
  @ParameterizedTest
  @ValueSource(strings = {"traps-x86_64", "traps-arm64"})
  void stoppingAfterEveryInstructionChangesNothing(String guest) {
    MeasureConfig measure = new MeasureConfig(List.of(TINY, WALK_CACHES), 1);
    Run calm = run(guest, 1, "", measure, Pacing.ALONE);
    for (Pacing pacing : List.of(turns(1, 1, 0), turns(1, 1, 1), turns(2, 3, 0))) {
      Run stopped = run(guest, 1, "", measure, pacing);
      assertThat(stopped.counted()).isEqualTo(calm.counted());
      assertThat(guestView(stopped.result())).isEqualTo(guestView(calm.result()));
      assertThat(stopped.console()).isEqualTo(calm.console());
      assertThat(stopped.unresolved()).containsOnly(0L);
    }
  }

  /** Single steps see every instruction by itself, whatever blocks the core makes of them. */
  @ParameterizedTest
  @ValueSource(strings = {"hello-x86_64", "faults-x86_64", "traps-x86_64", "hello-arm64"})
  void blocksAgreeWithSingleSteps(String guest) {
    MeasureConfig measure = new MeasureConfig(List.of(TINY, WALK_CACHES), 1);
    Run blocks = run(guest, 1, "", measure, Pacing.ALONE);
    Run steps = run(guest, 1, "", measure, turns(1, 1, 0));
    assertThat(steps.counted()).isEqualTo(blocks.counted());
  }

  @ParameterizedTest
  @ValueSource(strings = {"faults-x86_64", "paging-arm64", "smp-x86_64", "smp-arm64"})
  void measuringChangesNothingThatTheGuestSees(String guest) {
    int cpus = guest.startsWith("smp") ? 4 : 1;
    Run functional = run(guest, cpus, "", null, Pacing.STANDARD);
    Run measured = run(guest, cpus, "", new MeasureConfig(List.of(TINY), 1), Pacing.STANDARD);
    assertThat(guestView(measured.result())).isEqualTo(guestView(functional.result()));
    assertThat(measured.console()).isEqualTo(functional.console());
    assertThat(measured.counted()).hasSize(cpus);
    assertThat(measured.unresolved()).containsOnly(0L);
  }

  private static String guestView(RunResult result) {
    StringBuilder text = new StringBuilder();
    text.append(result.status()).append(' ').append(result.stage2());
    for (RunResult.VcpuResult vcpu : result.vcpus()) {
      text.append('\n').append(Guests.withoutEngine(vcpu));
    }
    return text.toString();
  }

  @ParameterizedTest
  @CsvSource({"gups-x86_64,mib=2", "btree-arm64,''", "smp-x86_64,''"})
  void geometriesDoNotDisturbEachOtherAndIdentitiesHold(String guest, String arguments) {
    int cpus = guest.startsWith("smp") ? 4 : 1;
    List<TlbGeometry> four = List.of(TINY, USUAL, AGGREGATING, COLT);
    Run together = run(guest, cpus, arguments, new MeasureConfig(four, 1), Pacing.STANDARD);
    for (int i = 0; i < four.size(); i++) {
      Run alone =
          run(guest, cpus, arguments, new MeasureConfig(List.of(four.get(i)), 1), Pacing.STANDARD);
      for (int cpu = 0; cpu < cpus; cpu++) {
        TlbCounters.Snapshot counts = together.counted().get(cpu).tlbs().get(i);
        assertThat(counts).isEqualTo(alone.counted().get(cpu).tlbs().getFirst());
        for (StructureCounts level : counts.levels()) {
          assertThat(level.hits() + level.misses()).isEqualTo(level.accesses());
          assertThat(level.fills()).isLessThanOrEqualTo(level.misses());
          assertThat(level.fillsByOrder().values().stream().mapToLong(Long::longValue).sum())
              .isEqualTo(level.fills());
        }
        assertThat(counts.level(TlbLevel.L2).accesses()).isEqualTo(counts.l1Misses());
        assertThat(counts.walks().walks()).isEqualTo(counts.level(TlbLevel.L2).misses());
      }
    }
  }

  /**
   * Each update of gups loads and stores one word: two accesses to one page, in the region that the
   * program marks. 256 pages are drawn at random: an entry of 64 is there once in four times.
   */
  @ParameterizedTest
  @ValueSource(strings = {"gups-x86_64", "gups-arm64"})
  void updatesOfGupsAreTwoAccessesEach(String guest) {
    long updates = 1 << 16;
    Run run =
        run(
            guest,
            1,
            "iters=1 mib=1 updates=" + updates,
            new MeasureConfig(List.of(USUAL), 1),
            Pacing.ALONE);
    assertThat(run.result().measured().marked()).isTrue();
    StructureCounts data = run.tlb(0).level(TlbLevel.L1D);
    assertThat(data.accesses()).isBetween(2 * updates, 2 * updates + 500);
    assertThat((double) data.misses() / updates).isBetween(0.74, 0.77);
    assertThat(run.tlb(0).level(TlbLevel.L2).misses()).isLessThan(300);
    assertThat(run.counted().getFirst().aliases()).isZero();
  }
}
