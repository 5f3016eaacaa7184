package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every format promises to the code that builds tables through {@link PteFormat}. */
class VmsaPteFormatTest {
  static List<PteFormat> formats() {
    return List.of(
        new Stage1PteFormat(Granule.SIZE_4K, 48, true),
        new Stage1PteFormat(Granule.SIZE_4K, 39, false),
        new Stage1PteFormat(Granule.SIZE_16K, 47, true),
        new Stage1PteFormat(Granule.SIZE_16K, 36, false),
        new Stage1PteFormat(Granule.SIZE_64K, 48, true),
        new Stage1PteFormat(Granule.SIZE_64K, 42, false),
        new Stage2PteFormat(48, 0),
        new Stage2PteFormat(40, 1),
        new Stage2PteFormat(34, 2),
        new Stage2PteFormat(Granule.SIZE_16K, 47, 1),
        new Stage2PteFormat(Granule.SIZE_16K, 40, 2),
        new Stage2PteFormat(Granule.SIZE_64K, 46, 2),
        new Stage2PteFormat(Granule.SIZE_64K, 48, 1));
  }

  @ParameterizedTest
  @MethodSource("formats")
  void aLeafGivesBackItsPageAndItsRights(PteFormat format) {
    for (int level = 0; level <= format.rootLevel(); level++) {
      if (!format.leafAllowed(level)) {
        continue;
      }
      for (int protection : new int[] {1, 3, 5, 7}) {
        long pfn = 0xabcd_ef12_3456L >>> 12 & -1L << format.leafOrder(level);
        long leaf = format.leaf(pfn, level, protection);
        assertThat(format.isPresent(leaf)).isTrue();
        assertThat(format.isLeaf(leaf, level)).isTrue();
        assertThat(format.pfn(leaf, level)).isEqualTo(pfn);
        assertThat(format.protection(leaf, level)).isEqualTo(protection);
        assertThat(format.isAccessed(leaf)).isTrue();
        assertThat(format.isDirty(leaf)).isEqualTo((protection & Protection.WRITE) != 0);
      }
    }
    assertThat(format.isPresent(0)).isFalse();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void aTableEntryIsNoLeafAndGivesBackItsTable(PteFormat format) {
    for (int level = 1; level <= format.rootLevel(); level++) {
      long pfn = 0x8765_4321_0000L >>> 12;
      long entry = format.table(pfn, level);
      assertThat(format.isPresent(entry)).isTrue();
      assertThat(format.isLeaf(entry, level)).isFalse();
      assertThat(format.pfn(entry, level)).isEqualTo(pfn);
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void neighbouringEntriesAreALeafApart(PteFormat format) {
    for (int level = 0; level <= format.rootLevel(); level++) {
      long bytes = 4096L << format.leafOrder(level);
      assertThat(format.index(bytes, level)).isEqualTo(1);
      assertThat(format.index(bytes - 1, level)).isZero();
      assertThat(format.index(-1L, level)).isEqualTo(format.entries(level) - 1);
      assertThat(8L * format.entries(level)).isLessThanOrEqualTo(4096L << format.tableOrder(level));
    }
  }

  @Test
  void concatenatedRootsAreLargeTables() {
    assertThat(new Stage2PteFormat(40, 1).entries(2)).isEqualTo(1024);
    assertThat(new Stage2PteFormat(40, 1).tableOrder(2)).isEqualTo(1);
    assertThat(new Stage2PteFormat(34, 2).tableOrder(1)).isEqualTo(4);
    assertThat(new Stage2PteFormat(48, 0).rootLevel()).isEqualTo(3);
    assertThat(new Stage2PteFormat(Granule.SIZE_16K, 40, 2).entries(1)).isEqualTo(16 * 2048);
    assertThat(new Stage2PteFormat(Granule.SIZE_64K, 46, 2).tableOrder(1)).isEqualTo(8);
  }

  @Test
  void impossibleGeometriesAreRefused() {
    assertThatThrownBy(() -> new Stage2PteFormat(48, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("48 bits of IPA");
    assertThatThrownBy(() -> new Stage2PteFormat(Granule.SIZE_16K, 48, 0))
        .as("without DS a 16K walk starts at level 1")
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Stage1PteFormat(Granule.SIZE_4K, 52, true))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
