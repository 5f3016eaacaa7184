package dev.quire.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The observer's ids stay with their entries through every move, and each is dropped once. */
class ArchitecturalTlbObserverTest {
  private static final int LIMIT = 600;

  private final Map<Integer, Long> live = new HashMap<>();
  private final ArchitecturalTlb tlb = new ArchitecturalTlb(LIMIT);
  private int nextPage;

  private final TranslationObserver observer =
      new TranslationObserver() {
        @Override
        public int walked(
            long va, int asid, boolean global, long translation, long attributes, PageWalk walk) {
          throw new AssertionError("the TLB walks nothing");
        }

        @Override
        public void dropped(int page) {
          assertThat(live.remove(page)).as("page %d, dropped", page).isNotNull();
        }

        @Override
        public void invalidating(TlbInvalidation invalidation) {
          throw new AssertionError("the MMU tells of invalidations");
        }

        @Override
        public void addressSpace(int asid) {
          throw new AssertionError("the MMU tells of address spaces");
        }
      };

  private void insert(long va, int asid, boolean global, int order) {
    long first = va & -Order.bytes(order);
    tlb.insert(va, asid, global, order, order, first >>> 12, 7);
    live.put(nextPage, first);
    tlb.setPage(tlb.insertedSlot(), nextPage++);
  }

  private void checkAgainstModel() {
    assertThat(tlb.size()).isEqualTo(live.size());
    tlb.forEach(
        (va, asid, frame, attributes) -> {
          int slot = tlb.find(va, Math.max(asid, 0));
          assertThat(live.get(tlb.page(slot))).isEqualTo(Translation.pa(tlb.frame(slot)));
        });
  }

  @Test
  void idsFollowTheirEntriesThroughMovesRehashesAndInvalidations() {
    tlb.setObserver(observer);
    Random random = new Random(21);
    for (int round = 0; round < 20_000; round++) {
      long va = (long) random.nextInt(1500) << 12;
      int asid = random.nextInt(3);
      switch (random.nextInt(40)) {
        case 0 -> tlb.invalidate(new TlbInvalidation.PageEveryAsid(va, false));
        case 1 -> tlb.invalidate(new TlbInvalidation.Page(va, asid, true, false));
        case 2 -> tlb.invalidate(new TlbInvalidation.Range(va, 0x4000, asid, false));
        case 3 -> dropRarely(random, asid);
        case 4 -> {
          int slot = tlb.find(va, asid);
          if (slot >= 0) {
            tlb.remove(slot);
          }
        }
        default -> insert(va, asid, random.nextInt(8) == 0, random.nextInt(12) == 0 ? 3 : 0);
      }
      if (round % 500 == 0) {
        checkAgainstModel();
      }
    }
    checkAgainstModel();
    tlb.setObserver(null);
    assertThat(live).as("detaching drops all").isEmpty();
    assertThat(tlb.size()).isZero();
  }

  private void dropRarely(Random random, int asid) {
    switch (random.nextInt(60)) {
      case 0 -> tlb.invalidate(new TlbInvalidation.All());
      case 1 -> tlb.invalidate(new TlbInvalidation.AllNonGlobal());
      case 2 -> tlb.invalidate(new TlbInvalidation.GuestPhysical(0, 4096));
      case 3 -> tlb.invalidate(new TlbInvalidation.Asid(asid));
      default -> {}
    }
  }

  @Test
  void theLimitDropsEveryId() {
    tlb.setObserver(observer);
    for (int i = 0; i <= LIMIT; i++) {
      insert((long) i << 12, 0, false, 0);
    }
    assertThat(live).as("only the one that came last").hasSize(1);
  }

  @Test
  void anEntryMayTakeAnotherIdInPlace() {
    tlb.setObserver(observer);
    insert(0x5000, 0, false, 0);
    int slot = tlb.find(0x5000, 0);
    tlb.releasePage(slot);
    assertThat(live).isEmpty();
    live.put(nextPage, 0x5000L);
    tlb.setPage(slot, nextPage++);
    tlb.remove(slot);
    assertThat(live).isEmpty();
  }
}
