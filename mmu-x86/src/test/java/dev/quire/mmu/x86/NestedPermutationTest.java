package dev.quire.mmu.x86;

import dev.quire.mmu.Access;
import dev.quire.mmu.x86.oracle.OracleEpt;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every combination of the bits of a guest's leaf, of the EPT leaf of its page and of the EPT leaf
 * of its page table, against the oracles, in the manner of kvm-unit-tests x86/vmx_tests.c (EPT
 * access tests).
 *
 * <pre>
 * page  0: EPT PML4   1: EPT PDPT   2: EPT PD   3: EPT PT
 *       4: PML4       5: PDPT       6: PD       7: PT       8: the target
 * </pre>
 */
class NestedPermutationTest {
  private static final int PHYSICAL_BITS = 40;
  private static final long VA = 0x1234_5678_9abcL;
  private static final long EPT_ALL = EptEntry.RIGHTS | EptEntry.USER_EXECUTE;
  private static final long EPT_PAGE = EPT_ALL | EptEntry.WRITE_BACK << 3;
  private static final long LINKED = Ia32ePte.P | Ia32ePte.RW | Ia32ePte.US | Ia32ePte.A;
  private static final long[] GUEST_BITS = {
    Ia32ePte.RW, Ia32ePte.US, Ia32ePte.A, Ia32ePte.D, Ia32ePte.XD
  };
  private static final long[] EPT_BITS = {
    EptEntry.READ,
    EptEntry.WRITE,
    EptEntry.EXECUTE,
    EptEntry.USER_EXECUTE,
    EptEntry.D,
    EptEntry.IGNORE_PAT
  };
  private static final long[] TABLE_BITS = {EptEntry.WRITE, EptEntry.A | EptEntry.D};
  private static final int[] PRIVILEGES = {Access.USER, Access.USER_DATA_ALLOWED};

  private final WalkComparison walks = new WalkComparison(9, PHYSICAL_BITS);

  @ParameterizedTest(name = "EPT A/D {0}, mode-based execute {1}")
  @CsvSource({"false, false", "true, false", "false, true", "true, true"})
  void everyCombinationDecidesAsTheOraclesSay(boolean accessedDirty, boolean modeBased) {
    EptWalker ept =
        new EptWalker(walks.memory, walks.counters, PHYSICAL_BITS, Eptp.of(0, 4, accessedDirty));
    ept.setModeBasedExecute(modeBased);
    OracleEpt oracle = new OracleEpt(walks.oracle.memory(), PHYSICAL_BITS);
    oracle.configure(0, 4, accessedDirty, modeBased);
    walks.secondStage(ept, oracle);
    link();
    for (int control = 0; control < 4; control++) {
      control(control);
      for (int guest = 0; guest < 1 << GUEST_BITS.length; guest++) {
        long pte = 0x8000 | Ia32ePte.P | bits(GUEST_BITS, guest);
        for (int page = 0; page < 1 << EPT_BITS.length; page++) {
          long leaf = 0x8000 | bits(EPT_BITS, page) | (long) EptEntry.WRITE_BACK << 3;
          for (int table = 0; table < 1 << TABLE_BITS.length; table++) {
            long tableLeaf = 0x7000 | EPT_PAGE & ~EptEntry.WRITE | bits(TABLE_BITS, table);
            compareEveryAccess(pte, leaf, tableLeaf);
          }
        }
      }
    }
  }

  private void control(int control) {
    long cr0 = Cr0.PE | Cr0.PG | ((control & 1) != 0 ? Cr0.WP : 0);
    long cr4 = Cr4.PAE | ((control & 2) != 0 ? Cr4.SMEP | Cr4.SMAP : 0);
    walks.registers(cr0, 0x4000, cr4, Efer.LME | Efer.LMA | Efer.NXE);
  }

  private void link() {
    walks.write64(0, 0x1000 | EPT_ALL);
    walks.write64(0x1000, 0x2000 | EPT_ALL);
    walks.write64(0x2000, 0x3000 | EPT_ALL);
    for (int page = 0; page < 9; page++) {
      walks.write64(0x3000 + 8 * page, page * 0x1000L | EPT_PAGE);
    }
    for (int level = 4; level > 1; level--) {
      walks.write64(entryAt(level), (9 - level) * 0x1000L | LINKED);
    }
  }

  private static long entryAt(int level) {
    return (8 - level) * 0x1000L + (VA >>> 12 + 9 * (level - 1) & 511) * 8;
  }

  private static long bits(long[] bits, int permutation) {
    long entry = 0;
    for (int i = 0; i < bits.length; i++) {
      entry |= (permutation >> i & 1) != 0 ? bits[i] : 0;
    }
    return entry;
  }

  private void compareEveryAccess(long pte, long leaf, long tableLeaf) {
    for (int privilege : PRIVILEGES) {
      for (int type = Access.READ; type <= Access.FETCH; type++) {
        walks.write64(entryAt(1), pte);
        walks.write64(0x3000 + 8 * 8, leaf);
        walks.write64(0x3000 + 8 * 7, tableLeaf);
        String difference = walks.difference(VA, privilege | type);
        if (difference == null) {
          difference = walks.memoryDifference();
        }
        if (difference != null) {
          throw new AssertionError(
              "%s with guest 0x%x, EPT 0x%x, EPT of the table 0x%x"
                  .formatted(difference, pte, leaf, tableLeaf));
        }
      }
    }
  }
}
