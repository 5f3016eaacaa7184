package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.x86.oracle.RandomX86Tables;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Random tables, registers and accesses against the oracle, in every paging mode. */
class Ia32eWalkerRandomTest {
  private static final int PAGES = 24;
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int WALKS = 250_000 * SCALE;

  @ParameterizedTest
  @CsvSource({
    "FOUR_LEVEL, 40, 1",
    "FOUR_LEVEL, 52, 2",
    "FIVE_LEVEL, 40, 3",
    "FIVE_LEVEL, 46, 4",
    "PAE, 36, 5",
    "PAE, 52, 6",
    "BITS_32, 40, 7",
    "BITS_32, 34, 8"
  })
  void randomWalksAgreeWithTheOracle(PagingMode mode, int physicalBits, long seed) {
    Random random = new Random(seed);
    WalkComparison walks = new WalkComparison(PAGES, physicalBits);
    long faults = 0;
    for (int i = 0; i < WALKS; i++) {
      long va = randomAddress(random, mode);
      RandomX86Tables.registers(random, walks, mode);
      RandomX86Tables.path(random, walks, mode, physicalBits, va, PAGES);
      int access =
          random.nextInt(3) | WalkComparison.MODES[random.nextInt(WalkComparison.MODES.length)];
      String difference = walks.difference(va, access);
      if (difference == null && i % 256 == 0) {
        difference = walks.memoryDifference();
      }
      if (difference != null) {
        throw new AssertionError("walk " + i + ": " + difference);
      }
      faults += walks.fault.kind() != 0 ? 1 : 0;
      walks.fault.clear();
    }
    assertThat(walks.memoryDifference()).isNull();
    assertThat(faults)
        .as("faults, so that both ends are tried")
        .isBetween(WALKS / 5L, WALKS * 4L / 5);
    assertThat(walks.counters.get(MmuEvent.DIRTY_SET)).isGreaterThan(WALKS / 100);
  }

  private static long randomAddress(Random random, PagingMode mode) {
    long va = random.nextLong();
    if (!mode.isIa32e()) {
      return va & 0xffff_ffffL;
    }
    int unused = Long.SIZE - mode.linearBits();
    return random.nextInt(50) == 0 ? va : va << unused >> unused;
  }
}
