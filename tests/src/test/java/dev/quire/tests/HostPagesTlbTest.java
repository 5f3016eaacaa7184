package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.preset.PresetCatalogue;
import dev.quire.lab.tlb.GuestCellRunner;
import dev.quire.lab.tlb.TlbCell;
import dev.quire.lab.tlb.TlbFigures;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.TlbGeometry;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * What the host does shows in a guest's TLB in the direction it must: random updates of 16 MiB
 * through guest pages of 2 MiB, so that the host's pages are what limits the reach.
 */
class HostPagesTlbTest {
  private static final int AGGREGATED_PAGES = 4;

  private static final Map<List<String>, Long> WALKS = new HashMap<>();

  /** Walks of the region that the guest marks; of one run, however often it is asked for. */
  private static long walks(String arch, String hostPages, String events) {
    return WALKS.computeIfAbsent(
        Arrays.asList(arch, hostPages, events), key -> measure(arch, hostPages, events));
  }

  private static long measure(String arch, String hostPages, String events) {
    HostPagePolicy policy = HostPagePolicy.parse(hostPages);
    boolean arm64 = arch.equals("arm64");
    TlbGeometry geometry = PresetCatalogue.load(arm64 ? "neoverse-n1" : "skylake-sp").geometry();
    if (policy.aggregation()) {
      geometry =
          geometry.withCoalescing(
              CoalescingPolicy.aggregation(AGGREGATED_PAGES)
                  .withContiguousBit(geometry.coalescing().contiguousBit()));
    }
    String name = "gups-" + arch;
    BootRequest request =
        new BootRequest(
            new GuestFile(name, Guests.bytes(name)),
            null,
            "mib=16 iters=1",
            Guests.MEMORY_BYTES,
            1,
            null);
    HostEventPlan plan = events == null ? null : HostEventPlan.parse(events);
    GuestCellRunner runner = new GuestCellRunner(request, 0, plan, 1, accesses -> {});
    List<TlbFigures> figures = runner.run(new TlbCell("2m", policy), List.of(geometry));
    return figures.getFirst().walks().walks();
  }

  @Test
  void largerHostPagesMissLess() {
    for (String arch : new String[] {"x86_64", "arm64"}) {
      long base = walks(arch, "4k", null);
      long folios = walks(arch, "mthp-64k", null);
      long aggregated = walks(arch, "mthp-64k+aggregation", null);
      long huge = walks(arch, "thp", null);
      assertThat(folios).as("KVM maps nothing between a page and a PMD").isEqualTo(base);
      assertThat(aggregated).isLessThan(base / 2);
      assertThat(walks(arch, "4k+aggregation", null))
          .as("base pages are neighbours by chance alone")
          .isGreaterThan(base - base / 10);
      assertThat(huge).isLessThan(aggregated / 2);
    }
  }

  @Test
  void largerGranulesMissLess() {
    long base = walks("arm64", "4k", null);
    long middle = walks("arm64", "16k:16k", null);
    long large = walks("arm64", "64k:64k", null);
    assertThat(middle).isLessThan(base / 2);
    assertThat(large).isLessThan(middle);
  }

  @Test
  void splitsRaiseMissesAndCollapseLowersThemAgain() {
    long invalidated = walks("x86_64", "thp", "1:40:zap");
    for (String split : new String[] {"split", "split-pmd"}) {
      long broken = walks("x86_64", "thp", "1:40:" + split);
      long mended = walks("x86_64", "thp", "1:40:" + split + "+collapse");
      assertThat(broken).as(split).isGreaterThan(10 * invalidated);
      assertThat(mended).as(split).isLessThan(broken / 2);
    }
  }

  @Test
  void migrationCostsInvalidationsAlone() {
    long calm = walks("x86_64", "thp", null);
    long moved = walks("x86_64", "thp", "1:40:migrate");
    long base = walks("x86_64", "4k", null);
    assertThat(moved).isGreaterThan(calm).isLessThan(base / 10);
  }
}
