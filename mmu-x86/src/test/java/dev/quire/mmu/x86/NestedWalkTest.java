package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.OracleEpt;
import dev.quire.mmu.x86.oracle.RandomX86Tables;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Guest walks through EPT.
 *
 * <pre>
 * host page   0     1     2     3     4     5..
 *            PML5  PML4  PDPT   PD    PT    guest memory: guest page n is host page hostOf(n)
 * </pre>
 */
class NestedWalkTest {
  private static final int PAGES = 40;
  private static final int GUEST_PAGES = 30;
  private static final int PHYSICAL_BITS = 40;
  private static final long EPT_PAGE = EptEntry.RIGHTS | EptEntry.WRITE_BACK << 3;
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int WALKS = 200_000 * SCALE;

  private final WalkComparison walks = new WalkComparison(PAGES, PHYSICAL_BITS);
  private final OracleEpt oracleEpt = new OracleEpt(walks.oracle.memory(), PHYSICAL_BITS);
  private EptWalker ept;

  private static int hostOf(long guestPage) {
    // A stride prime to the number of pages: neighbours in the guest are none in the host.
    return 5 + (int) (guestPage * 7 % GUEST_PAGES);
  }

  private static long host(long gpa) {
    return gpa >>> 12 < GUEST_PAGES ? hostOf(gpa >>> 12) * 0x1000L | gpa & 0xfff : gpa;
  }

  private void use(int levels, boolean accessedDirty) {
    use(levels, accessedDirty, false);
  }

  private void use(int levels, boolean accessedDirty, boolean modeBasedExecute) {
    long root = levels == 5 ? 0 : 0x1000;
    ept =
        new EptWalker(
            walks.memory, walks.counters, PHYSICAL_BITS, Eptp.of(root, levels, accessedDirty));
    ept.setModeBasedExecute(modeBasedExecute);
    oracleEpt.configure(root, levels, accessedDirty, modeBasedExecute);
    walks.secondStage(ept, oracleEpt);
  }

  /** The first 2 MiB by 4 KiB pages, the rest of 1 GiB by 2 MiB, then 511 pages of 1 GiB. */
  private void linkEpt() {
    for (int level = 5; level >= 2; level--) {
      walks.write64(
          (5 - level) * 0x1000L, (6 - level) * 0x1000L | EptEntry.RIGHTS | EptEntry.USER_EXECUTE);
    }
    for (int i = 0; i < 512; i++) {
      long page = i < GUEST_PAGES ? hostOf(i) : i;
      walks.write64(0x4000 + 8 * i, page << 12 | EPT_PAGE);
      if (i > 0) {
        walks.write64(0x3000 + 8 * i, (long) i << 21 | EPT_PAGE | EptEntry.PS);
        walks.write64(0x2000 + 8 * i, (long) i << 30 | EPT_PAGE | EptEntry.PS);
      }
    }
  }

  /** Guest tables in pages 1 to 5 (PML5 to PT) that map {@code va} with a leaf at a level. */
  private void linkGuest(PagingMode mode, long va, int leafLevel) {
    long la57 = mode == PagingMode.FIVE_LEVEL ? Cr4.LA57 : 0;
    long root = (6 - mode.rootLevel()) * 0x1000L;
    walks.registers(Cr0.PE | Cr0.PG | Cr0.WP, root, Cr4.PAE | la57, Efer.LME | Efer.LMA | Efer.NXE);
    for (int level = mode.rootLevel(); level >= leafLevel; level--) {
      long at = (6 - level) * 0x1000L + (va >>> 12 + 9 * (level - 1) & 511) * 8;
      long link = (7 - level) * 0x1000L | Ia32ePte.P | Ia32ePte.RW | Ia32ePte.US;
      long large = leafLevel > 1 ? Ia32ePte.PS : 0;
      long leaf = (leafLevel == 1 ? 0x9000L : 0) | large | Ia32ePte.P | Ia32ePte.RW | Ia32ePte.US;
      walks.write64(host(at), level == leafLevel ? leaf : link);
    }
  }

  private long references() {
    MmuCounters counters = walks.counters;
    return counters.get(MmuEvent.STAGE1_REFERENCE) + counters.get(MmuEvent.STAGE2_REFERENCE);
  }

  @ParameterizedTest(name = "{0}, leaf at level {1}, EPT of {2} levels: {3}")
  @CsvSource({
    "FOUR_LEVEL, 1, 4, 24",
    "FOUR_LEVEL, 2, 4, 19",
    "FOUR_LEVEL, 3, 4, 14",
    "FOUR_LEVEL, 1, 5, 29",
    "FIVE_LEVEL, 1, 4, 29",
    "FIVE_LEVEL, 1, 5, 35"
  })
  void aNestedWalkReadsEveryEntryOfBothStages(
      PagingMode mode, int leafLevel, int eptLevels, int expected) {
    use(eptLevels, false);
    linkEpt();
    // Offset 0x7000 in a large page: still in the first 2 MiB that EPT maps by 4 KiB pages.
    long va = 0x7f_8000_7123L;
    linkGuest(mode, va, leafLevel);
    long translation = walks.walker.walk(walks.registers, va, Access.WRITE | Access.USER);
    assertThat(Translation.failed(translation)).as("%s", walks.fault).isFalse();
    assertThat(references()).isEqualTo(expected);
    assertThat(Translation.order(translation)).isEqualTo(Order.SIZE_4K);
    assertThat(Translation.stage1Order(translation)).isEqualTo(9 * (leafLevel - 1));
    long gpa = leafLevel == 1 ? 0x9000 : 0x7000;
    assertThat(Translation.pa(translation)).isEqualTo(host(gpa));
    assertThat(walks.counters.get(MmuEvent.WALK)).isEqualTo(1);
    assertThat(walks.counters.get(MmuEvent.ACCESSED_SET))
        .isEqualTo(mode.rootLevel() - leafLevel + 1);
    assertThat(walks.counters.get(MmuEvent.DIRTY_SET)).isEqualTo(1);
  }

  @Test
  void theEffectiveOrderIsTheSmallerOfBothStages() {
    use(4, false);
    linkEpt();
    linkGuest(PagingMode.FOUR_LEVEL, 0, 3);
    // Guest 1 GiB page, EPT 2 MiB page.
    long translation = walks.walker.walk(walks.registers, 0x60_3000, Access.READ);
    assertThat(Translation.order(translation)).isEqualTo(Order.SIZE_2M);
    assertThat(Translation.stage1Order(translation)).isEqualTo(Order.SIZE_1G);
    assertThat(Translation.pa(translation)).isEqualTo(0x60_3000);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aStage2FaultOnATableIsNotOneOnThePage(boolean accessedDirty) {
    use(4, accessedDirty);
    linkEpt();
    linkGuest(PagingMode.FOUR_LEVEL, 0x4000, 1);
    walks.write64(0x4000 + 8 * 4, 0);
    assertThat(walks.walker.walk(walks.registers, 0x4000, Access.WRITE)).isNegative();
    assertThat(walks.fault.gpa()).isEqualTo(0x4000);
    assertThat(walks.fault.va()).isEqualTo(0x4000);
    assertThat(Access.isTableWalk(walks.fault.access())).isTrue();
    long both = ExitQualification.READ | ExitQualification.WRITE;
    assertThat(walks.fault.syndrome())
        .isEqualTo(
            ExitQualification.LINEAR_VALID | (accessedDirty ? both : ExitQualification.READ));
    linkEpt();
    walks.write64(0x4000 + 8 * 9, 0);
    assertThat(walks.walker.walk(walks.registers, 0x4000, Access.WRITE)).isNegative();
    assertThat(walks.fault.gpa()).isEqualTo(0x9000);
    assertThat(Access.isTableWalk(walks.fault.access())).isFalse();
    assertThat(walks.fault.syndrome())
        .isEqualTo(
            ExitQualification.LINEAR_VALID
                | ExitQualification.LINEAR_ACCESS
                | ExitQualification.USER_PAGE
                | ExitQualification.WRITABLE_PAGE
                | ExitQualification.WRITE);
  }

  @Test
  void aTableThatEptMakesReadOnlyFaultsAsAWriteWhenAFlagMustBeSetAndNothingChanges() {
    use(4, false);
    linkEpt();
    linkGuest(PagingMode.FOUR_LEVEL, 0x4000, 1);
    walks.write64(0x4000 + 8 * 5, host(0x5000) | EPT_PAGE & ~EptEntry.WRITE);
    long[] before = walks.memory.words().clone();
    assertThat(walks.walker.walk(walks.registers, 0x4000, Access.READ)).isNegative();
    assertThat(walks.fault.kind()).isEqualTo(FaultRecord.STAGE2);
    assertThat(walks.fault.gpa()).isEqualTo(0x5020);
    assertThat(walks.fault.access()).isEqualTo(Access.WRITE | Access.TABLE_WALK);
    assertThat(walks.memory.words()).isEqualTo(before);
    // With A set beforehand nothing has to be written, and the read-only table does.
    walks.write64(host(0x5020), walks.memory.readLong(host(0x5020)) | Ia32ePte.A);
    assertThat(walks.walker.walk(walks.registers, 0x4000, Access.READ)).isNotNegative();
  }

  @Test
  void aProbeChangesAndCountsNothing() {
    use(4, true);
    linkEpt();
    linkGuest(PagingMode.FOUR_LEVEL, 0x4000, 1);
    long[] before = walks.memory.words().clone();
    long translation = walks.walker.walk(walks.registers, 0x4000, Access.WRITE | Access.PROBE);
    assertThat(Translation.pa(translation)).isEqualTo(host(0x9000));
    assertThat(walks.memory.words()).isEqualTo(before);
    assertThat(walks.counters.snapshot()).isEqualTo(new MmuCounters().snapshot());
  }

  @Test
  void aGuestTableThatMapsItselfTakesItsAccessedFlagInOneWalk() {
    walks.registers(Cr0.PE | Cr0.PG, 0x1000, Cr4.PAE, Efer.LME | Efer.LMA);
    walks.write64(0x1000, 0x1000 | Ia32ePte.P | Ia32ePte.RW);
    long translation = walks.walker.walk(walks.registers, 0x10, Access.WRITE);
    assertThat(Translation.pa(translation)).isEqualTo(0x1000);
    assertThat(walks.memory.readLong(0x1000))
        .isEqualTo(0x1000 | Ia32ePte.P | Ia32ePte.RW | Ia32ePte.A | Ia32ePte.D);
    assertThat(walks.counters.get(MmuEvent.STAGE1_REFERENCE)).isEqualTo(4);
  }

  @ParameterizedTest(name = "{0}, EPT of {1} levels, A/D {2}, mode-based {3}")
  @CsvSource({
    "FOUR_LEVEL, 4, false, true, 11",
    "FOUR_LEVEL, 4, true, false, 12",
    "FIVE_LEVEL, 5, true, true, 13",
    "PAE, 4, true, true, 14",
    "BITS_32, 4, false, false, 15",
    "NONE, 5, true, true, 16"
  })
  void randomNestedWalksAgreeWithTheComposedOracles(
      PagingMode mode, int eptLevels, boolean accessedDirty, boolean modeBased, long seed) {
    Random random = new Random(seed);
    use(eptLevels, accessedDirty, modeBased);
    int good = 0;
    for (int i = 0; i < WALKS; i++) {
      if (i % 64 == 0) {
        linkEpt();
      }
      RandomX86Tables.registers(random, walks, mode);
      long va = randomAddress(random, mode);
      if (mode != PagingMode.NONE) {
        RandomX86Tables.path(random, walks, mode, 23, va, GUEST_PAGES, NestedWalkTest::host);
      }
      disturbEpt(random);
      int access =
          random.nextInt(3) | WalkComparison.MODES[random.nextInt(WalkComparison.MODES.length)];
      walks.fault.clear();
      String difference = walks.difference(va, access);
      if (difference == null && i % 64 == 0) {
        difference = walks.memoryDifference();
      }
      if (difference != null) {
        throw new AssertionError("walk " + i + ": " + difference);
      }
      good += walks.fault.kind() == FaultRecord.NONE ? 1 : 0;
    }
    assertThat(walks.memoryDifference()).isNull();
    assertThat(good).as("good walks").isBetween(WALKS / 20, WALKS * 19 / 20);
  }

  private static long randomAddress(Random random, PagingMode mode) {
    long va = random.nextLong();
    int unused = Long.SIZE - mode.linearBits();
    if (mode == PagingMode.NONE) {
      return va >>> Long.SIZE - random.nextInt(12, 33);
    }
    return mode.isIa32e() ? va << unused >> unused : va >>> unused;
  }

  /** Spoils one EPT entry that walks are likely to use. */
  private void disturbEpt(Random random) {
    int level = random.nextInt(10) == 0 ? random.nextInt(2, 6) : 1;
    long index = level == 1 ? random.nextInt(GUEST_PAGES) : 0;
    long at = (5 - level) * 0x1000L + index * 8;
    long entry = walks.memory.readLong(at);
    long changed =
        switch (random.nextInt(8)) {
          case 0 -> entry & ~EptEntry.RIGHTS | random.nextInt(8);
          case 5 -> entry ^ EptEntry.USER_EXECUTE;
          case 6 ->
              level > 1
                  ? entry
                  : entry & ~0x78 | new int[] {0, 1, 4, 5, 6, 14}[random.nextInt(6)] << 3;
          case 1 -> entry & ~(EptEntry.A | EptEntry.D);
          case 2 -> entry & ~EptEntry.WRITE;
          case 3 -> entry & ~EptEntry.EXECUTE;
          case 4 -> random.nextInt(20) == 0 ? entry ^ 1L << anyBitButThePage(random) : entry;
          default -> entry | EptEntry.RIGHTS;
        };
    walks.write64(at, changed);
  }

  /** A guest table must not come to lie on an EPT table: then the order of updates would show. */
  private static int anyBitButThePage(Random random) {
    return random.nextBoolean() ? random.nextInt(12) : random.nextInt(18, 52);
  }
}
