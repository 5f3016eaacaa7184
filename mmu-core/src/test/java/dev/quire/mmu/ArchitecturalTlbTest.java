package dev.quire.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ArchitecturalTlbTest {
  private static final long VA = 0xffff_8000_0040_3000L;
  private static final int ASID = 7;
  private final ArchitecturalTlb tlb = new ArchitecturalTlb();

  @Test
  void anEmptyTlbFindsNothing() {
    assertThat(tlb.find(0, 0)).isEqualTo(-1);
    assertThat(tlb.size()).isZero();
  }

  @Test
  void anEntryAtAddressZeroIsFound() {
    tlb.insert(0, 0, false, 0, 0, 0, 0);
    assertThat(tlb.find(0xfff, 0)).isNotNegative();
    assertThat(tlb.find(0x1000, 0)).isEqualTo(-1);
  }

  @Test
  void thePfnIsThatOfThe4KPageAskedFor() {
    tlb.insert(VA, ASID, false, Order.SIZE_1G, Order.SIZE_2M, 0x1200, 0xabcdL << 48);
    int slot = tlb.find(0xffff_8000_005f_f123L, ASID);
    assertThat(tlb.pfn(slot, 0xffff_8000_005f_f123L)).isEqualTo(0x13ff);
    assertThat(Translation.pfn(tlb.frame(slot))).isEqualTo(0x1200);
    assertThat(tlb.order(slot)).isEqualTo(Order.SIZE_2M);
    assertThat(tlb.stage1Order(slot)).isEqualTo(Order.SIZE_1G);
    assertThat(tlb.attributes(slot)).isEqualTo(0xabcdL << 48);
    assertThat(tlb.translation(slot, VA, Protection.READ))
        .isEqualTo(Translation.of(0x1203, Protection.READ, Order.SIZE_2M, Order.SIZE_1G));
  }

  @Test
  void anEntryBelongsToItsAsidUnlessGlobal() {
    tlb.insert(VA, ASID, false, 0, 0, 1, 0);
    tlb.insert(VA + 0x1000, ASID, true, 0, 0, 2, 0);
    assertThat(tlb.find(VA, ASID + 1)).isEqualTo(-1);
    assertThat(tlb.isGlobal(tlb.find(VA + 0x1000, ASID + 1))).isTrue();
  }

  @Test
  void replacingOneBasePageLeavesOtherFillsValid() {
    tlb.insert(VA, ASID, false, 0, 0, 1, 0);
    assertThat(tlb.insert(VA, ASID, false, 0, 0, 2, 0)).isFalse();
    assertThat(tlb.pfn(tlb.find(VA, ASID), VA)).isEqualTo(2);
    assertThat(tlb.size()).isEqualTo(1);
  }

  @Test
  void replacingALargePageByAnotherTranslationObligesToFlush() {
    tlb.insert(VA, ASID, false, 9, 9, 0x200, 1);
    assertThat(tlb.insert(VA, ASID, false, 9, 9, 0x200, 1)).isFalse();
    assertThat(tlb.insert(VA, ASID, false, 9, 9, 0x400, 1)).isTrue();
    assertThat(tlb.insert(VA, ASID, false, 9, 9, 0x400, 2)).isTrue();
    assertThat(tlb.insert(VA, ASID, false, 0, 0, 0x403, 2)).isTrue();
    assertThat(tlb.size()).isEqualTo(1);
  }

  @Test
  void attributesCanBeReplacedInPlace() {
    tlb.insert(VA, ASID, false, 0, 0, 1, 0);
    tlb.setAttributes(tlb.find(VA, ASID), -1L);
    assertThat(tlb.attributes(tlb.find(VA, ASID))).isEqualTo(-1L);
  }

  @Test
  void theEntryLimitDropsEverythingButTheNewEntryAndSaysSo() {
    ArchitecturalTlb small = new ArchitecturalTlb(1000);
    for (int page = 0; page < 1000; page++) {
      assertThat(small.insert((long) page << 12, 0, false, 0, 0, page, 0)).isFalse();
    }
    assertThat(small.insert(1000L << 12, 0, false, 0, 0, 1000, 0)).isTrue();
    assertThat(small.size()).isEqualTo(1);
    assertThat(small.find(0, 0)).isEqualTo(-1);
    assertThat(small.find(1000L << 12, 0)).isNotNegative();
  }

  @Test
  void moreThan64PageSizesAtOnceDropEverything() {
    int flushes = 0;
    for (int stage1 = 0; stage1 < 9; stage1++) {
      for (int order = 0; order < 8; order++) {
        long va = (long) (stage1 * 8 + order + 1) << 40;
        flushes += tlb.insert(va, 0, false, stage1, order, 0, 0) ? 1 : 0;
        assertThat(tlb.find(va, 0)).isNotNegative();
      }
    }
    assertThat(flushes).isEqualTo(1);
    assertThat(tlb.size()).isEqualTo(8);
  }

  @Test
  void ordersAndAsidsOutOfRangeAreRefused() {
    assertThatThrownBy(() -> tlb.insert(0, 0, false, 52, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> tlb.insert(0, 0, false, 0, -1, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> tlb.insert(0, -1, false, 0, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ArchitecturalTlb(0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aFracturedPageFallsWithAnyAddressOfTheGuestPage() {
    for (int page = 0; page < 512; page++) {
      tlb.insert(0x4000_0000L + page * 4096L, ASID, false, 9, 0, page, 0);
    }
    tlb.insert(0x4020_0000L, ASID, false, 9, 0, 1, 0);
    tlb.invalidate(new TlbInvalidation.Page(0x401f_f000L, ASID, false, false));
    assertThat(tlb.size()).isEqualTo(1);
  }

  @Test
  void aFractured1GPageFallsEvenWhenItHasMorePiecesThanTheTableHasSlots() {
    tlb.insert(0x4000_0000L, ASID, false, 18, 0, 5, 0);
    tlb.insert(0x4000_0000L, ASID + 1, false, 18, 0, 5, 0);
    tlb.invalidate(new TlbInvalidation.Page(0x7fff_f000L, ASID, false, false));
    assertThat(tlb.find(0x4000_0000L, ASID)).isEqualTo(-1);
    assertThat(tlb.find(0x4000_0000L, ASID + 1)).isNotNegative();
  }

  @Test
  void aPageFallsInEveryAddressSpaceHoweverManyThereAre() {
    for (int asids : new int[] {1, 16, 17, 100}) {
      for (int asid = 0; asid < asids; asid++) {
        tlb.insert(VA, asid, false, 0, 0, asid, 0);
        tlb.insert(VA + 4096, asid, false, 0, 0, asid, 0);
      }
      tlb.invalidate(new TlbInvalidation.PageEveryAsid(VA, false));
      assertThat(tlb.size()).isEqualTo(asids);
      assertThat(tlb.find(VA, asids - 1)).isEqualTo(-1);
      tlb.invalidate(new TlbInvalidation.All());
    }
  }

  @Test
  void aFracturedGlobalPageAloneFallsInEveryAddressSpace() {
    tlb.insert(0x4000_0000L, 0, true, 18, 0, 5, 0);
    tlb.insert(0x8000_0000L, 0, true, 18, 0, 5, 0);
    tlb.insert(0x4000_0000L, 3, false, 27, 0, 5, 0);
    tlb.invalidate(new TlbInvalidation.PageEveryAsid(0x7fff_f000L, false));
    assertThat(tlb.find(0x8000_0000L, 0)).isNotNegative();
    assertThat(tlb.size()).isEqualTo(1);
  }

  /** Each invalidation, and what is left of: VA of ASID, VA of ASID+1, VA+2M global. */
  static Stream<Arguments> invalidations() {
    long global = VA + (2 << 20);
    return Stream.of(
        Arguments.of(new TlbInvalidation.All(), false, false, false),
        Arguments.of(new TlbInvalidation.AllNonGlobal(), false, false, true),
        Arguments.of(new TlbInvalidation.Asid(ASID), false, true, true),
        Arguments.of(new TlbInvalidation.Page(VA + 5, ASID, true, false), false, true, true),
        Arguments.of(new TlbInvalidation.Page(VA, ASID, false, true), false, true, true),
        Arguments.of(new TlbInvalidation.Page(global, ASID, true, false), true, true, false),
        Arguments.of(new TlbInvalidation.Page(global, ASID, false, false), true, true, true),
        Arguments.of(new TlbInvalidation.PageEveryAsid(VA, false), false, false, true),
        Arguments.of(new TlbInvalidation.PageEveryAsid(global, false), true, true, false),
        Arguments.of(new TlbInvalidation.Range(VA, 4096, -1, false), false, false, true),
        Arguments.of(new TlbInvalidation.Range(VA, 4 << 20, ASID, false), false, true, false),
        Arguments.of(new TlbInvalidation.Range(VA, 0, -1, false), true, true, true),
        Arguments.of(new TlbInvalidation.Range(VA, -1, -1, false), false, false, false),
        Arguments.of(new TlbInvalidation.GuestPhysical(0, 4096), false, false, false));
  }

  @ParameterizedTest
  @MethodSource("invalidations")
  void anInvalidationDropsExactlyWhatItNames(
      TlbInvalidation invalidation, boolean own, boolean other, boolean global) {
    tlb.insert(VA, ASID, false, 0, 0, 1, 0);
    tlb.insert(VA, ASID + 1, false, 0, 0, 2, 0);
    tlb.insert(VA + (2 << 20), ASID, true, 0, 0, 3, 0);
    tlb.invalidate(invalidation);
    assertThat(tlb.find(VA, ASID) >= 0).isEqualTo(own);
    assertThat(tlb.find(VA, ASID + 1) >= 0).isEqualTo(other);
    assertThat(tlb.find(VA + (2 << 20), ASID) >= 0).isEqualTo(global);
  }

  @Test
  void findAndInvalidatePagesWithoutAllocating() {
    for (int page = 0; page < 4096; page++) {
      tlb.insert((long) page << 12, page & 3, (page & 4) != 0, 0, 0, page, 0);
      tlb.insert(1L << 40 | (long) page << 21, 0, false, 9, 9, (long) page << 9, 0);
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long sum = 0;
    for (int warmUp = 0; warmUp < 3; warmUp++) {
      sum += findAll();
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    sum += findAll();
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(sum).isNotZero();
    // The measurement itself may cost a few objects; 100,000 finds may not cost one each.
    assertThat(allocated).isLessThan(2000);
  }

  private long findAll() {
    long sum = 0;
    for (int i = 0; i < 100_000; i++) {
      int slot = tlb.find((long) (i & 8191) << 12, i & 3);
      sum += slot < 0 ? 1 : tlb.pfn(slot, (long) i << 12);
    }
    return sum;
  }

  @Test
  void aLargeEntryNeverHidesTheSmallerOneOfAnotherPage() {
    ArchitecturalTlb tlb = new ArchitecturalTlb();
    tlb.insert(0x4000_0000L, 1, false, 9, 9, 0x800, 1);
    tlb.invalidate(new TlbInvalidation.Asid(1));
    tlb.insert(0x4000_1000L, 1, false, 0, 0, 0x111, 2);
    tlb.insert(0x4000_2000L, 1, false, 9, 9, 0x200, 3);
    assertThat(tlb.pfn(tlb.find(0x4000_1000L, 1), 0x4000_1000L)).isEqualTo(0x111);
    assertThat(tlb.pfn(tlb.find(0x4000_2000L, 1), 0x4000_2000L)).isEqualTo(0x202);
  }
}
