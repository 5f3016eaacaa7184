package dev.quire.kernel.contpte;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.gather.TlbFlush;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.FakeKernelPteFormat;
import dev.quire.mmu.Protection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** With the format of tests, whose groups are 8 entries. */
class ContPteTest {
  private static final int GROUP = 8;
  private static final int ENTRIES = 512;
  private static final long BASE = 0x4000_0000L;
  private static final int RW = Protection.READ | Protection.WRITE;

  private final FakeKernelPteFormat format = new FakeKernelPteFormat();
  private final FrameTable frames = new FrameTable(1 << 14);
  private final KernelCounters counters = new KernelCounters();
  private final long[] entries = new long[ENTRIES];
  private final List<Long> flushed = new ArrayList<>();
  private final PteTable table =
      new PteTable() {
        @Override
        public long[] entries() {
          return entries;
        }

        @Override
        public long address() {
          return BASE;
        }

        @Override
        public int mm() {
          return 3;
        }
      };

  private ContPte contPte(ContPteDesign design) {
    TlbFlush tlb =
        new TlbFlush() {
          @Override
          public void range(int mm, long start, long end, int level, boolean tablesFreed) {
            assertThat(mm).isEqualTo(3);
            assertThat(end - start).isEqualTo(GROUP << 12);
            int first = (int) (start - BASE >> 12);
            assertThat(first % GROUP).isZero();
            for (int i = first; i < first + GROUP; i++) {
              assertThat(entries[i]).as("broken before made").isZero();
            }
            flushed.add(start);
          }

          @Override
          public void all(int mm, boolean tablesFreed) {
            throw new AssertionError("no address space goes");
          }
        };
    return new ContPte(format, frames, counters, tlb, design);
  }

  private long leaf(long frame, int protection) {
    return format.leaf(frame, 0, protection);
  }

  private long count(Primitive primitive) {
    return counters.snapshot().of(primitive);
  }

  private boolean isGroup(int index) {
    return format.isContiguous(entries[index]);
  }

  @Test
  void aRunIsContiguousWhereAddressLengthAndFrameAreAligned() {
    ContPte ptes = contPte(ContPteDesign.BASIC);
    frames.makeFolio(64, 5);
    ptes.set(table, 4, leaf(64 + 4, RW), 28);
    for (int i = 0; i < 32; i++) {
      assertThat(isGroup(i)).as("entry %d", i).isEqualTo(i >= 8);
      assertThat(entries[i] == 0).isEqualTo(i < 4);
    }
    ptes.set(table, 40, leaf(64, RW), 7);
    ptes.set(table, 57, leaf(64, RW), 16);
    for (int i = 40; i < 80; i++) {
      assertThat(isGroup(i)).isFalse();
    }
    assertThat(flushed).isEmpty();
  }

  /** Fork of a folio of 512 pages: what v5 of the series measured as an increase by 1949 %. */
  @ParameterizedTest
  @CsvSource({"BASIC, 64, 513", "BATCHED, 0, 2", "INLINE, 0, 0", "FOLD, 0, 0"})
  void writeProtectingALargeFolioUnfoldsEveryGroupUnlessItIsARun(
      ContPteDesign design, int unfolds, int calls) {
    ContPte ptes = contPte(design);
    frames.makeFolio(512, 9);
    ptes.set(table, 0, leaf(512, RW), 512);
    ptes.writeProtect(table, 0, 512);
    assertThat(count(Primitive.CONTPTE_UNFOLD)).isEqualTo(unfolds);
    assertThat(flushed).hasSize(unfolds);
    assertThat(count(Primitive.PTE_CALL)).isEqualTo(calls);
    assertThat(format.isWritable(entries[511])).isFalse();
    assertThat(isGroup(511)).isEqualTo(unfolds == 0);
    ptes.clear(table, 0, 512);
    assertThat(count(Primitive.CONTPTE_UNFOLD)).isEqualTo(unfolds);
  }

  @ParameterizedTest
  @CsvSource({"BASIC, 64", "BATCHED, 0", "FOLD, 0"})
  void clearingALargeFolio(ContPteDesign design, int unfolds) {
    ContPte ptes = contPte(design);
    frames.makeFolio(512, 9);
    ptes.set(table, 0, leaf(512, RW), 512);
    ptes.clear(table, 0, 512);
    assertThat(count(Primitive.CONTPTE_UNFOLD)).isEqualTo(unfolds);
    assertThat(entries).containsOnly(0);
  }

  @ParameterizedTest
  @CsvSource({"0, 8, 0", "0, 16, 0", "1, 7, 1", "0, 7, 1", "3, 2, 1", "3, 10, 2", "5, 19, 1"})
  void aRunUnfoldsTheGroupsAtItsEndsOnly(int index, int nr, int unfolds) {
    ContPte ptes = contPte(ContPteDesign.FOLD);
    frames.makeFolio(512, 9);
    ptes.set(table, 0, leaf(512, RW), 512);
    ptes.writeProtect(table, index, nr);
    assertThat(count(Primitive.CONTPTE_UNFOLD)).isEqualTo(unfolds);
    for (int i = 0; i < 64; i++) {
      assertThat(format.isWritable(entries[i])).isEqualTo(i < index || i >= index + nr);
    }
  }

  @ParameterizedTest
  @EnumSource
  void settingTheLastEntryFoldsTheGroup(ContPteDesign design) {
    ContPte ptes = contPte(design);
    frames.makeFolio(64, 4);
    for (int i = 8; i < 16; i++) {
      assertThat(isGroup(8)).isFalse();
      ptes.set(table, i, leaf(64 + i, RW), 1);
    }
    assertThat(isGroup(8)).isEqualTo(design == ContPteDesign.FOLD);
    assertThat(isGroup(15)).isEqualTo(design == ContPteDesign.FOLD);
    assertThat(count(Primitive.CONTPTE_FOLD)).isEqualTo(design == ContPteDesign.FOLD ? 1 : 0);
    assertThat(flushed).hasSize(design == ContPteDesign.FOLD ? 1 : 0);
  }

  @Test
  void nothingIsFoldedAcrossFoliosRightsOrGapsOrOutOfLine() {
    ContPte ptes = contPte(ContPteDesign.FOLD);
    frames.makeFolio(64, 3);
    frames.makeFolio(72, 2);
    frames.makeFolio(76, 2);
    for (int i = 0; i < 8; i++) {
      ptes.set(table, 8 + i, leaf(72 + i, RW), 1);
      ptes.set(table, 16 + i, leaf(64 + i, i == 3 ? Protection.READ : RW), 1);
      if (i != 2) {
        ptes.set(table, 24 + i, leaf(64 + i, RW), 1);
      }
      ptes.set(table, 33 + i, leaf(64 + i, RW), 1);
      ptes.set(table, 48 + i, format.special(leaf(64 + i, RW)), 1);
    }
    assertThat(count(Primitive.CONTPTE_FOLD)).isZero();
    ptes.set(table, 19, leaf(67, RW), 1);
    assertThat(isGroup(16)).isFalse();
    ptes.set(table, 23, leaf(71, RW), 1);
    assertThat(isGroup(16)).isTrue();
  }

  @Test
  void accessedAndDirtyAreTheGroups() {
    ContPte ptes = contPte(ContPteDesign.FOLD);
    frames.makeFolio(64, 3);
    ptes.set(table, 0, format.old(leaf(64, RW)), 8);
    KernelCounters.Snapshot before = counters.snapshot();
    assertThat(format.isYoung(ptes.get(table, 2))).isFalse();
    assertThat(counters.snapshot().minus(before).of(Primitive.PTE_READ)).isEqualTo(1 + 8);
    entries[5] = format.dirty(format.young(entries[5]));
    before = counters.snapshot();
    long gathered = ptes.get(table, 2);
    assertThat(counters.snapshot().minus(before).of(Primitive.PTE_READ)).isEqualTo(1 + 6 + 1);
    assertThat(format.isYoung(gathered) && format.isDirty(gathered)).isTrue();
    assertThat(format.pfn(gathered, 0)).isEqualTo(66);
    assertThat(ptes.testAndClearYoung(table, 0, 1)).isTrue();
    assertThat(format.isYoung(ptes.get(table, 5))).isFalse();
    assertThat(isGroup(0)).isTrue();
    ptes.writeProtect(table, 3, 1);
    assertThat(isGroup(0)).isFalse();
    for (int i = 0; i < 8; i++) {
      assertThat(format.isDirty(entries[i])).as("entry %d after unfolding", i).isTrue();
      assertThat(format.isWritable(entries[i])).isEqualTo(i != 3);
    }
    ptes.clearYoungDirty(table, 1, 2);
    assertThat(format.isDirty(entries[0])).isTrue();
    assertThat(format.isDirty(entries[1]) || format.isDirty(entries[2])).isFalse();
  }

  @Test
  void aFaultMarksTheWholeGroupButWriteAccessUnfoldsIt() {
    ContPte ptes = contPte(ContPteDesign.FOLD);
    frames.makeFolio(64, 3);
    ptes.set(table, 0, format.old(leaf(64, RW)), 8);
    long wanted = format.dirty(format.young(entries[2]));
    assertThat(ptes.setAccessFlags(table, 2, wanted)).isTrue();
    assertThat(format.isDirty(entries[7])).isTrue();
    assertThat(isGroup(7)).isTrue();
    assertThat(ptes.setAccessFlags(table, 3, format.dirty(format.young(entries[3])))).isFalse();
    entries[6] = format.clean(entries[6]);
    assertThat(ptes.setAccessFlags(table, 6, format.dirty(entries[6])))
        .as("a sibling's dirty bit does not help a walker that reads this entry")
        .isTrue();
    ptes.writeProtect(table, 0, 8);
    assertThat(isGroup(0)).isTrue();
    assertThat(ptes.setAccessFlags(table, 2, format.writable(entries[2]))).isTrue();
    assertThat(isGroup(0)).isFalse();
    assertThat(format.isWritable(entries[2])).isTrue();
    assertThat(format.isWritable(entries[3])).isFalse();
    assertThat(flushed).hasSize(1);
  }

  @Test
  void aSearchSkipsTheRestOfAGroup() {
    ContPte ptes = contPte(ContPteDesign.BATCHED);
    frames.makeFolio(64, 4);
    ptes.set(table, 0, leaf(64, RW), 12);
    assertThat(ptes.batchHint(table, 0)).isEqualTo(8);
    assertThat(ptes.batchHint(table, 5)).isEqualTo(3);
    assertThat(ptes.batchHint(table, 9)).isEqualTo(1);
    assertThat(contPte(ContPteDesign.BASIC).batchHint(table, 0)).isEqualTo(1);
  }

  /** What each page maps, without groups. */
  private final long[] frameOf = new long[ENTRIES];

  private final boolean[] writable = new boolean[ENTRIES];
  private final boolean[] young = new boolean[ENTRIES];
  private final boolean[] dirty = new boolean[ENTRIES];

  @ParameterizedTest
  @EnumSource
  void randomChangesLookAsIfThereWereNoGroups(ContPteDesign design) {
    ContPte ptes = contPte(design);
    Random random = new Random(20260105);
    for (int folio = 512; folio < 4096; folio += 64) {
      frames.makeFolio(folio, 6);
    }
    for (int step = 0; step < 20_000; step++) {
      int index = random.nextInt(ENTRIES);
      int limit = Math.min(1 + random.nextInt(40), ENTRIES - index);
      if (frameOf[index] == 0) {
        setRun(ptes, random, index, limit);
      } else {
        int nr = 1;
        while (nr < limit && frameOf[index + nr] == frameOf[index] + nr) {
          nr++;
        }
        changeRun(ptes, random, index, nr);
      }
      check(ptes, index & -GROUP);
    }
    assertThat(count(Primitive.CONTPTE_UNFOLD)).isPositive();
    assertThat(count(Primitive.CONTPTE_FOLD) > 0).isEqualTo(design == ContPteDesign.FOLD);
    assertThat((long) flushed.size())
        .isEqualTo(count(Primitive.CONTPTE_UNFOLD) + count(Primitive.CONTPTE_FOLD));
  }

  private void setRun(ContPte ptes, Random random, int index, int limit) {
    // A folio's page that is congruent with the entry, most of the time.
    long frame = 512 + 64L * random.nextInt(56) + (index + random.nextInt(8) / 7 & 63);
    int nr = 1;
    while (nr < limit && frameOf[index + nr] == 0 && (frame + nr & 63) != 0) {
      nr++;
    }
    boolean write = random.nextInt(4) > 0;
    for (int i = 0; i < nr; i++) {
      frameOf[index + i] = frame + i;
      writable[index + i] = write;
      young[index + i] = true;
      dirty[index + i] = false;
    }
    long entry = leaf(frame, write ? RW : Protection.READ);
    if (random.nextBoolean()) {
      ptes.set(table, index, entry, nr);
    } else {
      for (int i = 0; i < nr; i++) {
        ptes.set(table, index + i, format.advanced(entry, 0, i), 1);
      }
    }
  }

  private void changeRun(ContPte ptes, Random random, int index, int nr) {
    switch (random.nextInt(6)) {
      case 0 -> {
        boolean wasDirty = false;
        for (int i = index; i < index + nr; i++) {
          wasDirty |= dirty[i];
          frameOf[i] = 0;
          dirty[i] = false;
        }
        long first = ptes.clear(table, index, nr);
        assertThat(format.isDirty(first) || !wasDirty).isTrue();
      }
      case 1 -> {
        ptes.writeProtect(table, index, nr);
        Arrays.fill(writable, index, index + nr, false);
      }
      case 2 -> {
        boolean wasYoung = false;
        for (int i = index; i < index + nr; i++) {
          wasYoung |= young[i];
        }
        assertThat(ptes.testAndClearYoung(table, index, nr) || !wasYoung).isTrue();
        int first = isGroup(index) ? index & -GROUP : index;
        int last = isGroup(index + nr - 1) ? (index + nr - 1 | GROUP - 1) : index + nr - 1;
        Arrays.fill(young, first, last + 1, false);
      }
      case 3 -> {
        writable[index] = true;
        young[index] = true;
        dirty[index] = true;
        long wanted = format.dirty(format.young(format.writable(entries[index])));
        ptes.setAccessFlags(table, index, wanted);
      }
      case 4 -> {
        ptes.set(table, index, leaf(frameOf[index], writable[index] ? RW : 1), 1);
        young[index] = true;
        dirty[index] = false;
      }
      default -> {
        // Hardware sets the bits in any entry of a group.
        int hit = isGroup(index) ? (index & -GROUP) + random.nextInt(GROUP) : index;
        young[index] = true;
        dirty[index] |= writable[index];
        long touched = format.young(entries[hit]);
        entries[hit] = writable[index] ? format.dirty(touched) : touched;
      }
    }
  }

  private void check(ContPte ptes, int around) {
    int first = Math.max(0, around - 8);
    for (int i = first; i < Math.min(ENTRIES, around + 56); i++) {
      assertThat(entries[i] != 0).isEqualTo(frameOf[i] != 0);
      if (frameOf[i] == 0) {
        continue;
      }
      long seen = ptes.get(table, i);
      assertThat(format.pfn(seen, 0)).isEqualTo(frameOf[i]);
      assertThat(format.isWritable(seen)).isEqualTo(writable[i]);
      assertThat(format.isYoung(seen) || !young[i]).as("young %d", i).isTrue();
      assertThat(format.isDirty(seen) || !dirty[i]).as("dirty %d", i).isTrue();
      int start = i & -GROUP;
      assertThat(isGroup(i)).isEqualTo(isGroup(start));
      if (isGroup(i)) {
        assertThat(frameOf[i]).isEqualTo(frameOf[start] + i - start);
        assertThat(frameOf[start] % GROUP).isZero();
        assertThat(writable[i]).isEqualTo(writable[start]);
      }
    }
  }
}
