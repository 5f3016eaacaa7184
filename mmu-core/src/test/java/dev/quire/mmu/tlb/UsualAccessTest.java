package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.TlbInvalidation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Pages of one size, more of them than L1 holds and about as many as L2 does: nearly every access
 * is one of {@link TranslationCache#useOrRefill}. Walks tell whether the right entries gave way.
 */
class UsualAccessTest {
  private static final int STEPS = 20_000;
  private static final int ASIDS = 2;
  private static final long BASE = 0x7f00_0000_0000L;
  private static final int HUGE_PAGE_IN = 2_000;
  private static final int INVALIDATION_IN = 300;

  @ParameterizedTest
  @CsvSource({
    "8, 4, 16, 8",
    "4, 4, 32, 8",
    "36, 36, 48, 24",
    "16, 8, 64, 16",
    "34, 34, 20, 5",
    "30, 30, 64, 32",
    "24, 12, 80, 40"
  })
  void countsAsTheReferenceDoes(int l1, int l1Ways, int l2, int l2Ways) {
    List<Integer> orders = List.of(0, 9);
    TlbGeometry geometry =
        TestGeometries.of(
            List.of(TlbArray.of("l1", l1, l1Ways, orders, TestGeometries.DATA)),
            List.of(TlbArray.of("l2", l2, l2Ways, orders, TestGeometries.ALL)),
            CoalescingPolicy.NONE);
    WalkedPages pages = new WalkedPages();
    TlbHierarchy fast = new TlbHierarchy(geometry, pages, 1);
    ReferenceTlb slow = new ReferenceTlb(geometry);
    Map<Long, Integer> ids = new HashMap<>();
    Random random = new Random(l1 + 100L * l2Ways);
    List<Long> recent = new ArrayList<>(List.of(BASE));
    int asid = 0;
    for (int step = 0; step < STEPS; step++) {
      if (random.nextInt(INVALIDATION_IN) == 0) {
        asid = random.nextInt(ASIDS);
        fast.addressSpace(asid, 0);
        slow.addressSpace(asid, 0);
        TlbInvalidation one =
            new TlbInvalidation.Page(recent.get(random.nextInt(recent.size())), asid, true, true);
        fast.invalidate(one);
        slow.invalidate(one);
      }
      boolean huge = random.nextInt(HUGE_PAGE_IN) == 0;
      long va = huge ? BASE + (1L << 30) : BASE + ((long) random.nextInt(l2 * 9 / 8) << 12);
      recent.add(va);
      ReferencePage page = TestPages.at(va).stage1(huge ? 9 : 0, 0).page();
      int space = asid;
      int id = ids.computeIfAbsent(va + asid, absent -> page.addTo(pages, space));
      fast.access(page.vpn(), Access.READ, id);
      slow.access(page.vpn(), TlbUse.LOAD, page);
      long walks = fast.counters().snapshot().walks().walks();
      assertThat(walks)
          .as("walks at step %d", step)
          .isEqualTo(slow.counts.get("walks").get("walks"));
    }
    StructureCounts counts = fast.counters().snapshot().level(TlbLevel.L1D);
    assertThat(counts.hits()).isEqualTo(slow.counts.get("l1").get("hit"));
    assertThat(counts.fills()).isEqualTo(slow.counts.get("l1").get("fill"));
  }
}
