package dev.quire.mmu.x86.oracle;

import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.PagingMode;
import java.util.function.LongUnaryOperator;
import java.util.random.RandomGenerator;

/** Tables and registers that are mostly well-formed, so that walks get deep before they fail. */
public final class RandomX86Tables {
  private static final int[] PAT_TYPES = {0, 1, 4, 5, 6, 7};

  private RandomX86Tables() {}

  /** Where tables and registers go: to the walker and to the oracle alike. */
  public interface Target {
    void registers(long cr0, long cr3, long cr4, long efer);

    /** PKRU and IA32_PKRS. */
    void keys(int pkru, int pkrs);

    void pat(long value);

    /** The four PDPTE registers of PAE paging. */
    void pdptes(long... values);

    void write64(long pa, long value);

    void write32(long pa, int value);
  }

  private static boolean chance(RandomGenerator random, int percent) {
    return random.nextInt(100) < percent;
  }

  /** Registers of the mode with random modifiers. CR3 selects pages 1 and up. */
  public static void registers(RandomGenerator random, Target target, PagingMode mode) {
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
    target.keys(rareBits(random), rareBits(random));
    target.pat(randomPat(random));
    target.registers(cr0, 0x1000 | random.nextInt(0x1000) & 0x18, cr4, efer);
  }

  private static int rareBits(RandomGenerator random) {
    int bits = random.nextInt();
    bits &= random.nextInt();
    return bits & random.nextInt();
  }

  private static long randomPat(RandomGenerator random) {
    long pat = 0;
    for (int i = 0; i < 8; i++) {
      pat = pat << 8 | PAT_TYPES[random.nextInt(PAT_TYPES.length)];
    }
    return pat;
  }

  /** As below, guest physical addresses being those of memory. */
  public static void path(
      RandomGenerator random,
      Target target,
      PagingMode mode,
      int physicalBits,
      long va,
      int pages) {
    path(random, target, mode, physicalBits, va, pages, LongUnaryOperator.identity());
  }

  /**
   * Fresh entries for every level of the walk of {@code va}, in tables chosen at random.
   *
   * @param place where in memory a guest physical address is
   */
  public static void path(
      RandomGenerator random,
      Target target,
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
      target.pdptes(pdptes);
      table = pdptes[(int) (va >>> 30)] & Ia32ePte.ADDRESS;
    }
    for (int level = mode.rootLevel(); level >= 1; level--) {
      int shift = 12 + mode.indexBits() * (level - 1);
      long index = va >>> shift & (1 << mode.indexBits()) - 1;
      long at = place.applyAsLong(table + index * entryBytes);
      long next = randomPage(random, pages);
      boolean large = level == 2 || level == 3 && mode.isIa32e();
      if (entryBytes == 4) {
        target.write32(at, (int) entry32(random, next, large));
      } else {
        target.write64(at, entry64(random, next, large, level, physicalBits));
      }
      table = next;
    }
  }

  private static long randomPage(RandomGenerator random, int pages) {
    return random.nextInt(1, pages) * 0x1000L;
  }

  private static long flags(RandomGenerator random) {
    long flags = 0;
    flags |= chance(random, 92) ? Ia32ePte.P : 0;
    flags |= chance(random, 85) ? Ia32ePte.RW : 0;
    flags |= chance(random, 80) ? Ia32ePte.US : 0;
    return flags
        | random.nextLong()
            & (Ia32ePte.PWT | Ia32ePte.PCD | Ia32ePte.A | Ia32ePte.D | Ia32ePte.G | 0xe00);
  }

  private static long entry32(RandomGenerator random, long next, boolean large) {
    long entry = flags(random);
    if (large && chance(random, 40)) {
      entry |= Ia32ePte.PS | random.nextLong() & 0xffdf_f000L;
      entry &= chance(random, 70) ? ~0x1f_e000L : -1;
      return entry | (chance(random, 3) ? 1 << 21 : 0);
    }
    return entry | next | (chance(random, 50) ? Ia32ePte.PS : 0) * (large ? 0 : 1);
  }

  private static long entry64(
      RandomGenerator random, long next, boolean large, int level, int physicalBits) {
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
