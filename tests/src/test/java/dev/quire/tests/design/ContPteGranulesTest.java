package dev.quire.tests.design;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.contpte.ContPteDesign;
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
import dev.quire.kernel.stat.KernelCounters.Snapshot;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.LinuxArm64Pte;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Contiguous groups of 16, 128 and 32 entries: 64 KiB, 2 MiB and 2 MiB. */
class ContPteGranulesTest {
  private static final int PAGES = 1024;
  private static final long BASE = 1L << 34;

  @ParameterizedTest
  @CsvSource({"BASE_4K, 4", "BASE_16K, 7", "BASE_64K, 5"})
  void forkUnfoldsWholeGroupsOrNone(HostGranule base, int groupOrder) {
    Snapshot basic = fork(base, groupOrder, ContPteDesign.BASIC);
    assertThat(basic.of(Primitive.CONTPTE_UNFOLD)).isEqualTo(PAGES >> groupOrder);
    assertThat(basic.of(Primitive.TLB_FLUSH_PAGE)).isEqualTo(PAGES);
    Snapshot folded = fork(base, groupOrder, ContPteDesign.FOLD);
    assertThat(folded.of(Primitive.CONTPTE_UNFOLD)).isZero();
    assertThat(folded.of(Primitive.PTE_READ)).isLessThan(basic.of(Primitive.PTE_READ));
    Snapshot smaller = fork(base, groupOrder - 1, ContPteDesign.BASIC);
    assertThat(smaller.of(Primitive.CONTPTE_UNFOLD)).isZero();
  }

  private static Snapshot fork(HostGranule base, int order, ContPteDesign design) {
    ThpSettings thp =
        new ThpSettings(
            ThpMode.NEVER,
            Map.of(order, ThpMode.ALWAYS),
            ShmemThpMode.NEVER,
            Map.of(),
            true,
            ThpDefrag.MADVISE);
    KernelConfig config = KernelConfig.of(HostArchitecture.ARM64, base, 1 << 15);
    Kernel kernel =
        new Kernel(config.withThp(thp).withContPte(design), new LinuxArm64Pte(granule(base), 48));
    Process parent = kernel.spawn();
    long bytes = PAGES * kernel.pageBytes();
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
    int rights = Mman.PROT_READ | Mman.PROT_WRITE;
    assertThat(parent.mmap(BASE, bytes, rights, flags, null, 0)).isEqualTo(BASE);
    for (int i = 0; i < PAGES; i++) {
      assertThat(parent.touch(BASE + i * kernel.pageBytes(), true)).isZero();
    }
    assertThat(parent.minorFaults()).isEqualTo(PAGES >> order);
    Snapshot before = kernel.counters().snapshot();
    Process child = parent.fork();
    Snapshot counted = kernel.counters().snapshot().minus(before);
    child.exit();
    parent.exit();
    return counted;
  }

  private static Granule granule(HostGranule base) {
    return switch (base) {
      case BASE_4K -> Granule.SIZE_4K;
      case BASE_16K -> Granule.SIZE_16K;
      case BASE_64K -> Granule.SIZE_64K;
    };
  }
}
