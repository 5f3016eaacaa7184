package dev.quire.mmu.x86;

import java.util.Random;
import java.util.function.LongUnaryOperator;

/** Tables and registers that are mostly well-formed, so that walks get deep before they fail. */
final class RandomTables {
  private RandomTables() {}

  private static boolean chance(Random random, int percent) {
    return random.nextInt(100) < percent;
  }

  /** Registers of the mode with random modifiers. CR3 selects pages 1 and up. */
  static void registers(Random random, WalkComparison walks, PagingMode mode) {
    long cr0 = Cr0.PE | Cr0.PG | (random.nextBoolean() ? Cr0.WP : 0);
    long cr4 = random.nextLong() & (Cr4.PSE | Cr4.PGE | Cr4.SMEP | Cr4.SMAP);
    long efer = chance(random, 80) ? Efer.NXE : 0;
    switch (mode) {
      case NONE -> cr0 &= ~Cr0.PG;
      case BITS_32 -> cr4 &= ~Cr4.PAE;
      case PAE -> cr4 |= Cr4.PAE;
      case FOUR_LEVEL -> {
        cr4 |= Cr4.PAE;
        efer |= Efer.LME | Efer.LMA;
      }
      case FIVE_LEVEL -> {
        cr4 |= Cr4.PAE | Cr4.LA57;
        efer |= Efer.LME | Efer.LMA;
      }
    }
    cr4 |= random.nextLong() & (mode.isIa32e() ? Cr4.PKE | Cr4.PKS : 0);
    walks.keys(rareBits(random), rareBits(random));
    walks.pat(randomPat(random));
    walks.registers(cr0, 0x1000 | random.nextInt(0x1000) & 0x18, cr4, efer);
  }

  private static int rareBits(Random random) {
    int bits = random.nextInt();
    bits &= random.nextInt();
    return bits & random.nextInt();
  }

  private static long randomPat(Random random) {
    long pat = 0;
    for (int i = 0; i < 8; i++) {
      pat = pat << 8 | new int[] {0, 1, 4, 5, 6, 7}[random.nextInt(6)];
    }
    return pat;
  }

  static void path(
      Random random, WalkComparison walks, PagingMode mode, int physicalBits, long va, int pages) {
    path(random, walks, mode, physicalBits, va, pages, LongUnaryOperator.identity());
  }

  /**
   * Fresh entries for every level of the walk of {@code va}, in tables chosen at random.
   *
   * @param place where in memory a guest physical address is
   */
  static void path(
      Random random,
      WalkComparison walks,
      PagingMode mode,
      int physicalBits,
      long va,
      int pages,
      LongUnaryOperator place) {
    int entryBytes = mode.entryBytes();
    long table = 0x1000;
    if (mode == PagingMode.PAE) {
      long[] pdptes = new long[4];
      for (int i = 0; i < 4; i++) {
        pdptes[i] = randomPage(random, pages) | (chance(random, 95) ? 1 : 0);
      }
      walks.pdptes(pdptes);
      table = pdptes[(int) (va >>> 30)] & Ia32ePte.ADDRESS;
    }
    for (int level = mode.rootLevel(); level >= 1; level--) {
      int shift = 12 + mode.indexBits() * (level - 1);
      long index = va >>> shift & (1 << mode.indexBits()) - 1;
      long at = place.applyAsLong(table + index * entryBytes);
      long next = randomPage(random, pages);
      boolean large = level == 2 || level == 3 && mode.isIa32e();
      if (entryBytes == 4) {
        walks.write32(at, (int) entry32(random, next, large));
      } else {
        walks.write64(at, entry64(random, next, large, level, physicalBits));
      }
      table = next;
    }
  }

  private static long randomPage(Random random, int pages) {
    return random.nextInt(1, pages) * 0x1000L;
  }

  private static long flags(Random random) {
    long flags = 0;
    flags |= chance(random, 92) ? Ia32ePte.P : 0;
    flags |= chance(random, 85) ? Ia32ePte.RW : 0;
    flags |= chance(random, 80) ? Ia32ePte.US : 0;
    return flags
        | random.nextLong()
            & (Ia32ePte.PWT | Ia32ePte.PCD | Ia32ePte.A | Ia32ePte.D | Ia32ePte.G | 0xe00);
  }

  private static long entry32(Random random, long next, boolean large) {
    long entry = flags(random);
    if (large && chance(random, 40)) {
      entry |= Ia32ePte.PS | random.nextLong() & 0xffdf_f000L;
      entry &= chance(random, 70) ? ~0x1f_e000L : -1;
      return entry | (chance(random, 3) ? 1 << 21 : 0);
    }
    return entry | next | (chance(random, 50) ? Ia32ePte.PS : 0) * (large ? 0 : 1);
  }

  private static long entry64(
      Random random, long next, boolean large, int level, int physicalBits) {
    long entry = flags(random);
    entry |= chance(random, 15) ? Ia32ePte.XD : 0;
    entry |= chance(random, 20) ? random.nextLong() & 0x7ff0_0000_0000_0000L : 0;
    entry |= chance(random, 2) ? 1L << random.nextInt(12, 52) : 0;
    if (large && chance(random, 30)) {
      long offset = (1L << 12 + 9 * (level - 1)) - 1;
      long address = random.nextLong() & (1L << physicalBits) - 1 & ~offset;
      address |= chance(random, 10) ? random.nextLong() & offset & -4096 : 0;
      return entry | address & Ia32ePte.ADDRESS | Ia32ePte.PS;
    }
    if (level == 1) {
      return entry | random.nextLong() & (1L << physicalBits) - 1 & -4096L | random.nextInt(2) << 7;
    }
    return entry | next | (level >= 4 && chance(random, 2) ? Ia32ePte.PS : 0);
  }
}
