package dev.quire.lab.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.preset.PresetCatalogue;
import dev.quire.lab.stream.StreamSpec;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbIsa;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The cliffs of a pointer chase, one node a page, each round the same: what fits a level misses
 * there only in the first round, and twice as much misses at every step, because the least recently
 * used entry is the next one needed. The numbers are entries that hold loads, read off the tables
 * of sources by hand.
 *
 * <p>Where walk entries share L2, a way of it is left to AMD's one kind, two to Arm's three kinds.
 */
class KnownAnswersTest {
  private static final int ROUNDS = 4;

  /** A process of the host with 4 KiB pages. */
  @ParameterizedTest
  @CsvSource({
    "skylake-sp, 64, 1536",
    "icelake, 64, 2048",
    "sapphire-rapids, 96, 2048",
    "champsim-default, 64, 1536",
    "virtuoso-default, 64, 2048",
    "drmemtrace-default, 32, 1024",
    "gem5-x86-default, 64, 0",
    "zen2, 64, 1920",
    "zen3, 64, 1920",
    "zen4, 72, 2944",
    "cortex-a53, 10, 512",
    "cortex-a55, 16, 1024",
    "cortex-a72, 32, 1024",
    "cortex-a76, 48, 768",
    "neoverse-n1, 48, 768",
    "ampere-altra, 48, 768",
    "neoverse-v1, 40, 1536",
    "neoverse-n2, 44, 768",
    "apple-m1, 160, 3072",
    "gem5-arm-default, 64, 1024",
  })
  void basePages(String name, int l1, int l2) {
    TlbGeometry geometry = PresetCatalogue.load(name).geometry();
    cliffs(geometry.withCoalescing(CoalescingPolicy.NONE), "4k", 4, l1, l2);
  }

  /** A process of the host with transparent huge pages of 2 MiB. */
  @ParameterizedTest
  @CsvSource({
    "skylake-sp, 32, 1536",
    "icelake, 32, 1024",
    "sapphire-rapids, 32, 1024",
    "zen2, 64, 1920",
    "zen4, 72, 2944",
    "virtuoso-default, 64, 2048",
    "gem5-x86-default, 64, 0",
    "cortex-a53, 10, 512",
    "cortex-a55, 16, 1024",
    "ampere-altra, 48, 768",
    "neoverse-v1, 40, 1536",
    "neoverse-n2, 44, 768",
  })
  void hugePages(String name, int l1, int l2) {
    cliffs(PresetCatalogue.load(name).geometry(), "thp", 2048, l1, l2);
  }

  /** Groups of 16 pages with the contiguous bit, which Linux sets for a process of the host. */
  @ParameterizedTest
  @CsvSource({
    "cortex-a53, 10, 512",
    "cortex-a55, 16, 1024",
    "cortex-a72, 32, 1024",
    "ampere-altra, 48, 768",
    "neoverse-v1, 40, 1536",
    "neoverse-n2, 44, 768",
  })
  void contiguousGroups(String name, int l1, int l2) {
    cliffs(PresetCatalogue.load(name).geometry(), "mthp-64k", 64, l1, l2);
  }

  /** Aggregation of four pages, which needs nothing but folios of 16 KiB. */
  @ParameterizedTest
  @CsvSource({"ampere-altra, 48, 768", "neoverse-v1, 40, 1536", "skylake-sp, 64, 1536"})
  void aggregatedPages(String name, int l1, int l2) {
    TlbGeometry geometry =
        PresetCatalogue.load(name).geometry().withCoalescing(CoalescingPolicy.aggregation(4));
    cliffs(geometry, HostArchitecture.X86_64, "mthp-16k", 16, l1, l2);
  }

  /** On the preset's own architecture. */
  private static void cliffs(TlbGeometry geometry, String policy, int kib, int l1, int l2) {
    boolean arm64 = geometry.isa() == TlbIsa.ARM64;
    HostArchitecture arch = arm64 ? HostArchitecture.ARM64 : HostArchitecture.X86_64;
    cliffs(geometry, arch, policy, kib, l1, l2);
  }

  private static void cliffs(
      TlbGeometry geometry, HostArchitecture arch, String policy, int kib, int l1, int l2) {
    assertThat(chase(geometry, arch, policy, kib, l1).l1Misses()).as("L1 holds it").isZero();
    int twice = 2 * l1;
    assertThat(chase(geometry, arch, policy, kib, twice).l1Misses())
        .as("L1 holds half of it")
        .isEqualTo((long) ROUNDS * twice);
    if (l2 == 0) {
      return;
    }
    TlbFigures fits = chase(geometry, arch, policy, kib, l2);
    assertThat(fits.walks().walks()).as("L2 holds it").isZero();
    assertThat(fits.l1Misses()).isEqualTo((long) ROUNDS * l2);
    TlbFigures thrashes = chase(geometry, arch, policy, kib, 2 * l2);
    assertThat(thrashes.walks().walks())
        .as("L2 holds half of it")
        .isEqualTo((long) ROUNDS * 2 * l2);
  }

  /** After one round of warm-up. */
  private static TlbFigures chase(
      TlbGeometry geometry, HostArchitecture arch, String policy, int kib, int nodes) {
    String stream =
        "chase:node=%dK,bytes=%dK,count=%d"
            .formatted(kib, (long) kib * nodes, (ROUNDS + 1L) * nodes);
    StreamCellRunner runner =
        new StreamCellRunner(StreamSpec.parse(stream), arch, 0, nodes, 1, done -> {});
    return runner
        .run(new TlbCell(null, HostPagePolicy.parse(policy)), List.of(geometry))
        .getFirst();
  }
}
