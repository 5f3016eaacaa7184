package dev.quire.lab.tlb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.lab.preset.PresetCatalogue;
import dev.quire.lab.stream.AccessStream;
import dev.quire.lab.stream.BadStreamException;
import dev.quire.lab.stream.GuestPages;
import dev.quire.lab.stream.PackedAccess;
import dev.quire.lab.stream.StreamAddressSpace;
import dev.quire.lab.stream.StreamSpec;
import dev.quire.mmu.Access;
import dev.quire.mmu.tlb.StructureCounts;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbHierarchy;
import dev.quire.mmu.tlb.TlbLevel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Figures of tiny streams, computed by hand. */
class StreamCellRunnerTest {
  private static TlbGeometry preset(String name) {
    return PresetCatalogue.load(name).geometry();
  }

  private static List<TlbFigures> run(
      String stream,
      HostArchitecture arch,
      String guest,
      String host,
      long warmUp,
      TlbGeometry... geometries) {
    StreamCellRunner runner =
        new StreamCellRunner(StreamSpec.parse(stream), arch, 0, warmUp, 1, done -> {});
    return runner.run(new TlbCell(guest, HostPagePolicy.parse(host)), List.of(geometries));
  }

  private static TlbFigures x86(String stream, String guest, String host, String tlb) {
    return run(stream, HostArchitecture.X86_64, guest, host, 0, preset(tlb)).getFirst();
  }

  private static TlbFigures arm64(String stream, String guest, String host, String tlb) {
    return run(stream, HostArchitecture.ARM64, guest, host, 0, preset(tlb)).getFirst();
  }

  /** gem5-x86-default: 64 entries of any size, nothing behind them, no walk caches. */
  @Test
  void sixtyFourPagesFitSixtyFourEntriesAndSixtyFiveDoNot() {
    TlbFigures fits = x86("stride:pages=64,count=128", "4k", "4k", "gem5-x86-default");
    assertThat(fits.accesses()).isEqualTo(128);
    assertThat(fits.instructions()).isEqualTo(128);
    assertThat(fits.l1Misses()).isEqualTo(64);
    assertThat(fits.lastMisses()).isEqualTo(64);
    assertThat(fits.perThousandInstructions(64)).isEqualTo(500);
    assertThat(fits.perMillionAccesses(64)).isEqualTo(500_000);
    assertThat(fits.reachBytes()).isEqualTo(64 * 4096);
    assertThat(fits.byOrder()).isEqualTo(Map.of(0, 64L));
    TlbFigures thrashes = x86("stride:pages=65,count=130", "4k", "4k", "gem5-x86-default");
    assertThat(thrashes.l1Misses()).as("LRU over one page too many").isEqualTo(130);
  }

  /** Stage-1 entries, and second-stage entries for each of them and for the page itself. */
  @ParameterizedTest
  @CsvSource({
    "x86_64, 4k, 4k, 4, 20",
    "x86_64, 4k, thp, 4, 15",
    "x86_64, 4k, hugetlb-1g, 4, 10",
    "x86_64, 2m, 4k, 3, 16",
    "x86_64, 2m, thp, 3, 12",
    "x86_64, 1g, hugetlb-1g, 2, 6",
    "arm64, 4k, 4k, 4, 15",
    "arm64, 4k, thp, 4, 10",
    "arm64, 16k:16k, 16k:16k, 4, 10",
    "arm64, 64k:64k, 64k:64k, 3, 8",
    "arm64, 64k:64k, 64k:thp, 3, 4",
    "x86_64, , 4k, 4, 0",
    "x86_64, , thp, 3, 0",
    "x86_64, , hugetlb-1g, 2, 0",
    "arm64, , 64k:64k, 3, 0",
  })
  void aWalkWithoutCachesReadsWhatTheTablesHave(
      String archName, String guest, String host, long stage1, long stage2) {
    HostArchitecture arch =
        archName.equals("arm64") ? HostArchitecture.ARM64 : HostArchitecture.X86_64;
    TlbFigures figures =
        run(
                "stride:pages=20000,stride=8M,count=9",
                arch,
                guest,
                host,
                0,
                preset("gem5-x86-default"))
            .getFirst();
    long walks = figures.walks().walks();
    assertThat(walks).isPositive();
    assertThat(figures.walks().stage1References()).isEqualTo(walks * stage1);
    assertThat(figures.walks().stage2References()).isEqualTo(walks * stage2);
    assertThat(figures.counts().walkCycles()).isEqualTo(walks * (stage1 + stage2) * 14);
  }

  /** drmemtrace-default: 32 entries, then 1024 in 4 ways. */
  @Test
  void theSecondLevelCatchesWhatTheFirstLoses() {
    TlbFigures figures = x86("stride:pages=33,count=330", "4k", "4k", "drmemtrace-default");
    assertThat(figures.l1Misses()).isEqualTo(330);
    assertThat(figures.lastMisses()).isEqualTo(33);
    assertThat(figures.perThousandInstructions(figures.l1Misses())).isEqualTo(1000);
    assertThat(figures.perThousandInstructions(figures.lastMisses())).isEqualTo(100);
    assertThat(figures.reachBytes()).isEqualTo(33 * 4096);
  }

  /** 48 entries at L1, each holding one contiguous group of 16 pages. */
  @Test
  void theContiguousBitOfAHostProcessMakesOneEntryOfSixteenPages() {
    TlbFigures fits = arm64("stride:pages=768,count=1536", null, "mthp-64k", "ampere-altra");
    assertThat(fits.l1Misses()).isEqualTo(48);
    assertThat(fits.walks().walks()).isEqualTo(48);
    assertThat(fits.byOrder()).containsEntry(4, 48L).doesNotContainKey(0);
    TlbFigures one = arm64("stride:pages=784,count=1568", null, "mthp-64k", "ampere-altra");
    assertThat(one.l1Misses()).as("49 groups, two rounds").isEqualTo(98);
    assertThat(one.walks().walks()).isEqualTo(49);
    TlbFigures small = arm64("stride:pages=768,count=1536", null, "4k", "ampere-altra");
    assertThat(small.l1Misses()).isEqualTo(1536);
  }

  /** The smaller of both stages' promises counts. */
  @ParameterizedTest
  @CsvSource({
    "4k, mthp-64k+contpte, 0, 768",
    "64k-cont, mthp-64k, 0, 768",
    "64k-cont, mthp-64k+contpte, 4, 48",
    "2m, mthp-64k+contpte, 4, 48",
    "64k-cont, thp, 4, 48",
    "2m, thp, 9, 2",
  })
  void aNestedGroupNeedsBothStages(String guest, String host, int order, long walks) {
    TlbFigures figures = arm64("stride:pages=768,count=768", guest, host, "ampere-altra");
    assertThat(figures.walks().walks()).isEqualTo(walks);
    assertThat(figures.l1ByOrder().keySet()).containsExactly(order);
  }

  @Test
  void withoutContpteAndAggregationAFolioOf64KChangesNothing() {
    for (String name : PresetCatalogue.names()) {
      TlbGeometry geometry = preset(name);
      if (geometry.coalescing().usesNeighbours()) {
        continue;
      }
      for (HostArchitecture arch : HostArchitecture.values()) {
        for (String stream :
            new String[] {
              "uniform:bytes=16M,count=20000", "zipf:bytes=16M,count=20000,write=0.3"
            }) {
          TlbFigures base = run(stream, arch, "4k", "4k", 0, geometry).getFirst();
          TlbFigures folios = run(stream, arch, "4k", "mthp-64k", 0, geometry).getFirst();
          assertThat(folios).as("%s on %s, %s", stream, name, arch).isEqualTo(base);
        }
      }
    }
  }

  @Test
  void aCoreThatCoalescesSeesTheFolios() {
    String stream = "chase:pages=1024,count=8192";
    TlbFigures base = x86(stream, "4k", "4k", "zen4");
    TlbFigures folios = x86(stream, "4k", "mthp-16k", "zen4");
    assertThat(base.l1ByOrder().keySet()).containsExactly(0);
    assertThat(folios.l1ByOrder()).as("refills from L2 are not coalesced").containsKey(2);
    assertThat(folios.l1Misses()).isLessThan(base.l1Misses());
  }

  @Test
  void theWarmUpIsNotCounted() {
    TlbFigures warm =
        run(
                "stride:pages=64,count=128",
                HostArchitecture.X86_64,
                "4k",
                "4k",
                64,
                preset("gem5-x86-default"))
            .getFirst();
    assertThat(warm.accesses()).isEqualTo(64);
    assertThat(warm.instructions()).isEqualTo(64);
    assertThat(warm.l1Misses()).isZero();
    assertThat(warm.walks().walks()).isZero();
    assertThat(warm.reachBytes()).as("what is there, not what came").isEqualTo(64 * 4096);
    assertThatThrownBy(
            () -> run("stride:count=5", HostArchitecture.X86_64, "4k", "4k", 6, preset("icelake")))
        .isInstanceOf(BadStreamException.class)
        .hasMessageContaining("has 5 accesses: a warm-up of 6 leaves none to count");
  }

  @Test
  void geometriesSideBySideCountAsAlone() {
    List<TlbGeometry> all = new ArrayList<>();
    for (String name : List.of("skylake-sp", "zen4", "ampere-altra", "champsim-default")) {
      all.add(preset(name));
    }
    String stream = "zipf:bytes=32M,count=50000,write=0.2";
    List<TlbFigures> together =
        run(
            stream,
            HostArchitecture.ARM64,
            "64k-cont",
            "mthp-all+contpte",
            1000,
            all.toArray(TlbGeometry[]::new));
    for (int i = 0; i < all.size(); i++) {
      assertThat(
              run(stream, HostArchitecture.ARM64, "64k-cont", "mthp-all+contpte", 1000, all.get(i)))
          .containsExactly(together.get(i));
    }
  }

  @Test
  void identitiesHoldOnARealTrace() throws Exception {
    var trace = StreamCellRunnerTest.class.getResource("/dev/quire/lab/stream/true.lackey.xz");
    String stream = "lackey:" + Path.of(trace.toURI());
    for (String name : PresetCatalogue.names()) {
      TlbFigures figures = x86(stream, "4k", "thp", name);
      assertThat(figures.accesses()).isEqualTo(167_679);
      assertThat(figures.instructions()).isEqualTo(127_863);
      for (TlbLevel level : TlbLevel.values()) {
        StructureCounts counts = figures.counts().level(level);
        assertThat(counts.hits() + counts.misses()).as(name).isEqualTo(counts.accesses());
      }
      assertThat(figures.walks().walks()).isEqualTo(figures.lastMisses());
      assertThat(figures.walks().walks()).as("141 pages").isGreaterThanOrEqualTo(1);
    }
  }

  @Test
  void accessesOfOneTypeToOnePageAreJoinedAndNoOthers() {
    long[] accesses = {
      PackedAccess.of(0x1000, Access.READ, true),
      PackedAccess.of(0x1ff8, Access.READ, false),
      PackedAccess.of(0x1000, Access.WRITE, true),
      PackedAccess.of(0x2000, Access.WRITE, true),
      PackedAccess.of(0x2004, Access.WRITE, true),
      PackedAccess.of(0x2008, Access.WRITE, true),
      PackedAccess.of(0x1000, Access.READ, true),
      PackedAccess.of(0, Access.READ, true),
    };
    int[] times = new int[8];
    assertThat(StreamCellRunner.compact(accesses, times, 8)).isEqualTo(5);
    assertThat(Arrays.copyOf(times, 5)).containsExactly(2, 1, 3, 1, 1);
    assertThat(Arrays.stream(accesses, 0, 5).map(PackedAccess::va))
        .containsExactly(0x1000L, 0x1000L, 0x2000L, 0x1000L, 0L);
  }

  /** The oracle takes every access by itself. */
  @Test
  void joiningChangesNoFigure() {
    String stream = "zipf:bytes=1M,unit=8,s=1.2,count=40000,write=0.4";
    for (String name : new String[] {"icelake", "zen4", "ampere-altra"}) {
      TlbFigures joined = x86(stream, "4k", "mthp-64k", name);
      StreamAddressSpace space =
          StreamAddressSpace.nested(
              GuestPages.parse("4k", HostArchitecture.X86_64),
              HostPagePolicy.parse("mthp-64k"),
              HostArchitecture.X86_64,
              Fragmentation.NONE,
              1);
      TlbHierarchy single = new TlbHierarchy(preset(name), space.pages(), 1);
      single.addressSpace(space.asid(), 1);
      long[] access = new long[1];
      int[] page = new int[1];
      try (AccessStream input = StreamSpec.parse(stream).open(1)) {
        while (input.read(access, 1) == 1) {
          space.resolve(access, 1, page);
          single.access(PackedAccess.vpn(access[0]), PackedAccess.type(access[0]), page[0]);
        }
      }
      assertThat(joined.counts()).isEqualTo(single.counters().snapshot());
    }
  }
}
