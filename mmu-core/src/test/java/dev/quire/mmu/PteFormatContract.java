package dev.quire.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * What code that builds tables relies on, for every {@link PteFormat}: extend it in the module of
 * the format. Physical addresses stay below {@link #physicalBits()}.
 */
public abstract class PteFormatContract {
  protected abstract PteFormat format();

  /** Bits of a physical address that every entry of the format can hold. */
  protected int physicalBits() {
    return 48;
  }

  @Test
  void anEntryOfZeroIsAbsent() {
    assertThat(format().isPresent(0)).isFalse();
  }

  @Test
  void basePagesAreLeavesOfLevelZero() {
    assertThat(format().leafAllowed(0)).isTrue();
    assertThat(format().rootLevel()).isPositive();
  }

  @Test
  void aLeafOfALevelCoversAWholeTableOfTheLevelBelow() {
    PteFormat format = format();
    for (int level = 1; level <= format.rootLevel(); level++) {
      assertThat(1L << format.leafOrder(level))
          .as("pages under one entry of level %d", level)
          .isEqualTo((long) format.entries(level - 1) << format.leafOrder(level - 1));
    }
  }

  @Test
  void aTableFitsItsFrame() {
    PteFormat format = format();
    for (int level = 0; level <= format.rootLevel(); level++) {
      assertThat(format.entries(level) * 8L)
          .isLessThanOrEqualTo(Order.bytes(format.tableOrder(level)));
    }
  }

  @Test
  void theIndicesOfAllLevelsMakeUpThePageNumber() {
    PteFormat format = format();
    Random random = new Random(1);
    int top = Order.shift(format.leafOrder(format.rootLevel()));
    long rootSpan = (long) format.entries(format.rootLevel()) << top;
    for (int i = 0; i < 10_000; i++) {
      long address = random.nextLong() & rootSpan - 1;
      long rebuilt = 0;
      for (int level = 0; level <= format.rootLevel(); level++) {
        int index = format.index(address, level);
        assertThat(index).isBetween(0, format.entries(level) - 1);
        rebuilt |= (long) index << Order.shift(format.leafOrder(level));
      }
      assertThat(rebuilt).isEqualTo(address & -Order.bytes(format.leafOrder(0)));
    }
  }

  @Test
  void aLeafGivesBackItsFrameAndRights() {
    PteFormat format = format();
    Random random = new Random(2);
    for (int i = 0; i < 10_000; i++) {
      int level = random.nextInt(format.rootLevel() + 1);
      int rights = Protection.READ | random.nextInt(Protection.ALL + 1);
      if (format.leafAllowed(level)) {
        long pfn = randomPfn(random) & -(1L << format.leafOrder(level));
        long entry = format.leaf(pfn, level, rights);
        assertThat(format.isPresent(entry)).isTrue();
        assertThat(format.isLeaf(entry, level)).isTrue();
        assertThat(format.pfn(entry, level)).isEqualTo(pfn);
        assertThat(format.protection(entry, level)).isEqualTo(rights);
        assertThat(format.isDirty(entry) && (rights & Protection.WRITE) == 0).isFalse();
      }
    }
  }

  @Test
  void aTableEntryGivesBackItsTable() {
    PteFormat format = format();
    Random random = new Random(3);
    for (int i = 0; i < 10_000; i++) {
      int level = 1 + random.nextInt(format.rootLevel());
      long pfn = randomPfn(random) & -(1L << format.tableOrder(level - 1));
      long entry = format.table(pfn, level);
      assertThat(format.isPresent(entry)).isTrue();
      assertThat(format.isLeaf(entry, level)).isFalse();
      assertThat(format.pfn(entry, level)).isEqualTo(pfn);
    }
  }

  private long randomPfn(Random random) {
    return random.nextLong() >>> Long.SIZE - (physicalBits() - Order.BASE_PAGE_SHIFT);
  }
}
