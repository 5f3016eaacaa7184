package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every combination of the bits that decide an access, against the oracle, in the manner of
 * kvm-unit-tests x86/access.c.
 *
 * <pre>
 * page  1: PML5   2: PML4   3: PDPT   4: PD   5: PT   6: the target
 * </pre>
 */
class Ia32eWalkerPermutationTest {
  private static final int PHYSICAL_BITS = 40;
  private static final long VA = 0x1234_5678_9abcL;
  private static final long LINKED = Ia32ePte.P | Ia32ePte.RW | Ia32ePte.US | Ia32ePte.A;
  private static final long[] ENTRY_BITS = {
    Ia32ePte.P, Ia32ePte.RW, Ia32ePte.US, Ia32ePte.A, Ia32ePte.D, Ia32ePte.PS, Ia32ePte.XD, 1L << 51
  };
  private static final long[] KEYED_BITS = {
    Ia32ePte.P, Ia32ePte.RW, Ia32ePte.US, Ia32ePte.D, Ia32ePte.XD
  };
  private static final int MODES_OF_CONTROL = 16;

  private final WalkComparison walks = new WalkComparison(8, PHYSICAL_BITS);

  /** The memory address of the entry that maps {@link #VA} in the table of this level. */
  private static long entryAt(int level) {
    long table = (6 - level) * 0x1000L;
    return table + (VA >>> 12 + 9 * (level - 1) & 511) * 8;
  }

  private static long pageBelow(int level) {
    return (7 - level) * 0x1000L;
  }

  private void control(int permutation, boolean fiveLevels) {
    long cr0 = Cr0.PE | Cr0.PG | ((permutation & 1) != 0 ? Cr0.WP : 0);
    long cr4 =
        Cr4.PAE
            | (fiveLevels ? Cr4.LA57 : 0)
            | ((permutation & 2) != 0 ? Cr4.SMEP : 0)
            | ((permutation & 4) != 0 ? Cr4.SMAP : 0);
    long efer = Efer.LME | Efer.LMA | ((permutation & 8) != 0 ? Efer.NXE : 0);
    walks.registers(cr0, fiveLevels ? 0x1000 : 0x2000, cr4, efer);
  }

  private static long bits(long[] names, int permutation) {
    long entry = 0;
    for (int i = 0; i < names.length; i++) {
      entry |= (permutation >> i & 1) != 0 ? names[i] : 0;
    }
    return entry;
  }

  private void link() {
    for (int level = 1; level <= 5; level++) {
      walks.write64(entryAt(level), pageBelow(level) | LINKED);
    }
  }

  private void compareEveryAccess(int level, long entry, int upperLevel, long upperEntry) {
    for (int mode : WalkComparison.MODES) {
      for (int type = Access.READ; type <= Access.FETCH; type++) {
        walks.write64(entryAt(level), entry);
        walks.write64(entryAt(upperLevel), upperEntry);
        String difference = walks.difference(VA, mode | type);
        if (difference == null) {
          difference = walks.memoryDifference();
        }
        if (difference != null) {
          throw new AssertionError(
              "%s with entry 0x%x under 0x%x".formatted(difference, entry, upperEntry));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void everyEntryOfEveryLevelDecidesAsTheOracleSays(int level) {
    link();
    int upper = level == 5 ? 4 : level + 1;
    long upperEntry = pageBelow(upper) | LINKED;
    for (int control = 0; control < MODES_OF_CONTROL; control++) {
      control(control, true);
      for (int bits = 0; bits < 1 << ENTRY_BITS.length; bits++) {
        compareEveryAccess(level, pageBelow(level) | bits(ENTRY_BITS, bits), upper, upperEntry);
      }
    }
  }

  @Test
  void rightsOfTwoLevelsCombineAsTheOracleSays() {
    link();
    for (int control = 0; control < MODES_OF_CONTROL; control++) {
      control(control, false);
      for (int bits = 0; bits < 1 << ENTRY_BITS.length; bits++) {
        // Upper entry: R/W, U/S, A and XD; the lower one everything.
        for (int upper = 0; upper < 16; upper++) {
          long upperBits =
              Ia32ePte.P
                  | ((upper & 1) != 0 ? Ia32ePte.RW : 0)
                  | ((upper & 2) != 0 ? Ia32ePte.US : 0)
                  | ((upper & 4) != 0 ? Ia32ePte.A : 0)
                  | ((upper & 8) != 0 ? Ia32ePte.XD : 0);
          compareEveryAccess(1, pageBelow(1) | bits(ENTRY_BITS, bits), 2, pageBelow(2) | upperBits);
        }
      }
    }
  }

  /**
   * Every right of a key in PKRU and IA32_PKRS, under every control bit and with every right of the
   * page; the other keys say the opposite, so that a wrong one is noticed.
   */
  @Test
  void protectionKeysDecideAsTheOracleSays() {
    link();
    int turn = 0;
    for (int control = 0; control < 64; control++) {
      for (int rights = 0; rights < 16; rights++) {
        int key = turn++ % 16;
        int pkru = (rights & 3) << 2 * key | (~rights & 3) * 0x5555_5555 & ~(3 << 2 * key);
        int pkrs = rights >> 2 << 2 * key | (~rights >> 2 & 3) * 0x5555_5555 & ~(3 << 2 * key);
        control(control & 15, false);
        long keys = ((control & 16) != 0 ? Cr4.PKE : 0) | ((control & 32) != 0 ? Cr4.PKS : 0);
        ControlRegisters now = walks.registers;
        walks.registers(now.cr0(), now.cr3(), now.cr4() | keys, now.efer());
        walks.keys(pkru, pkrs);
        for (int bits = 0; bits < 1 << KEYED_BITS.length; bits++) {
          long entry = pageBelow(1) | bits(KEYED_BITS, bits) | Ia32ePte.A | (long) key << 59;
          compareEveryAccess(1, entry, 2, pageBelow(2) | LINKED);
          compareEveryAccess(1, entry, 2, pageBelow(2) | LINKED & ~Ia32ePte.US);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void everySingleBitOfAnEntryMeansWhatTheOracleSays(int level) {
    link();
    int upper = level == 5 ? 4 : level + 1;
    for (int control = 0; control < MODES_OF_CONTROL; control++) {
      control(control, true);
      for (int bit = 0; bit < 64; bit++) {
        for (long base : new long[] {LINKED, LINKED | Ia32ePte.PS}) {
          long address = base == LINKED ? pageBelow(level) : 0;
          compareEveryAccess(level, (address | base) ^ 1L << bit, upper, pageBelow(upper) | LINKED);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = PagingMode.class,
      names = {"FOUR_LEVEL", "FIVE_LEVEL"})
  void canonicalMeansAllUpperBitsEqual(PagingMode mode) {
    control(15, mode == PagingMode.FIVE_LEVEL);
    int width = mode.linearBits();
    long half = 1L << width - 1;
    PagingRegime regime = walks.registers.regime();
    assertThat(regime.isCanonical(0)).isTrue();
    assertThat(regime.isCanonical(half - 1)).isTrue();
    assertThat(regime.isCanonical(half)).isFalse();
    assertThat(regime.isCanonical(-half - 1)).isFalse();
    assertThat(regime.isCanonical(-half)).isTrue();
    assertThat(regime.isCanonical(-1)).isTrue();
    assertThat(regime.isCanonical(Long.MAX_VALUE)).isFalse();
    assertThat(regime.isCanonical(Long.MIN_VALUE)).isFalse();
  }
}
