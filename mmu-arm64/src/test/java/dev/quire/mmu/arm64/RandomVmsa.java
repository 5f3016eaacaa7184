package dev.quire.mmu.arm64;

import java.util.SplittableRandom;

/**
 * Random page tables and registers. Every word of the memory is a plausible descriptor that points
 * into the same memory, so that any walk from any base finds tables, leaves and faults at every
 * level, for either stage.
 */
final class RandomVmsa {
  static final long BASE = 0x4000_0000L;
  static final int BYTES = 4 << 20;
  static final int PA_BITS = 44;

  private final SplittableRandom random;

  RandomVmsa(SplittableRandom random) {
    this.random = random;
  }

  /**
   * @param hostile per mille of words with each kind of flaw
   */
  void fill(ArrayMemory memory, int hostile, boolean bigEndian) {
    for (long pa = BASE; pa < BASE + BYTES; pa += Long.BYTES) {
      long word = descriptor(hostile);
      memory.writeLong(pa, bigEndian ? Long.reverseBytes(word) : word);
    }
  }

  private long descriptor(int hostile) {
    long bits = random.nextLong();
    long address = BASE + (bits & BYTES - 1 & -4096L);
    if (flaw(hostile)) {
      address = bits & 0xffff_ffff_f000L >>> random.nextInt(20) & -4096L;
    }
    long word = address | bits & 0xfff8_0000_0000_0bfcL;
    word |= flaw(hostile) ? 0 : VmsaDescriptor.VALID;
    word |= flaw(hostile) ? 0 : VmsaDescriptor.AF;
    // The read permission of a second stage and EL0's of the first are the same bit.
    word |= flaw(4 * hostile) ? 0 : VmsaDescriptor.AP_EL0;
    word |= random.nextInt(8) == 0 ? 0 : VmsaDescriptor.TABLE_OR_PAGE;
    // Hierarchical denials in one table of four, or nothing would ever be permitted.
    return random.nextInt(4) == 0 ? word : word & ~(0xfL << 59);
  }

  private boolean flaw(int perMille) {
    return random.nextInt(1000) < perMille;
  }

  OracleVmsa.Registers registers(boolean bigEndian) {
    long tcr = random.nextLong() & ~(1L << 59);
    tcr = field(tcr, 0, 6, random.nextInt(10) == 0 ? random.nextInt(64) : random.nextInt(16, 40));
    tcr = field(tcr, 16, 6, random.nextInt(10) == 0 ? random.nextInt(64) : random.nextInt(16, 40));
    if (random.nextInt(8) != 0) {
      tcr &= ~(1L << 7 | 1L << 23);
    }
    if (random.nextInt(4) != 0) {
      tcr = field(tcr, 32, 3, random.nextInt(3, 8));
    }
    long sctlr = random.nextLong() & ~(SctlrEl1.EE | SctlrEl1.M);
    sctlr |= bigEndian ? SctlrEl1.EE : 0;
    sctlr |= random.nextInt(20) == 0 ? 0 : SctlrEl1.M;
    return new OracleVmsa.Registers(sctlr, tcr, ttbr(), ttbr(), PA_BITS);
  }

  private long ttbr() {
    long asid = (long) random.nextInt(4) << 48 | (long) random.nextInt(2) << 56;
    boolean wild = random.nextInt(30) == 0;
    long table = BASE + random.nextInt(BYTES) & -64L;
    return asid | (wild ? random.nextLong() >>> 16 : table) | random.nextInt(2);
  }

  OracleVmsa.Stage2Registers stage2Registers() {
    int level = random.nextInt(3);
    int least = 12 + 9 * (3 - level) + 1;
    int bits = Math.min(PA_BITS, random.nextInt(Math.max(least, 31), Math.max(least, 31) + 9));
    if (random.nextInt(20) == 0) {
      bits = random.nextInt(16, 49);
    }
    int encoded = random.nextInt(10) == 0 ? random.nextInt(8) : random.nextInt(1, 8);
    long vtcr = VtcrEl2.of(bits, random.nextInt(40) == 0 ? -1 : level, encoded);
    return new OracleVmsa.Stage2Registers(true, vtcr, ttbr());
  }

  /** An address of either half, mostly inside its region. */
  long va(long tcr) {
    boolean upper = random.nextBoolean();
    int size = (int) (upper ? tcr >>> 16 : tcr) & 0x3f;
    int bits = 64 - Math.clamp(size, 16, 39);
    long va = random.nextLong() & (1L << bits) - 1;
    va = upper ? va | -1L << bits : va;
    if (random.nextInt(10) == 0) {
      va ^= 1L << random.nextInt(64);
    }
    if (random.nextInt(4) == 0) {
      va ^= (long) random.nextInt(256) << 56;
    }
    return va;
  }

  private static long field(long register, int shift, int bits, long value) {
    long mask = (1L << bits) - 1 << shift;
    return register & ~mask | value << shift;
  }
}
