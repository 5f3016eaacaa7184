package dev.quire.mmu.arm64.oracle;

import dev.quire.mmu.arm64.SctlrEl1;
import dev.quire.mmu.arm64.VmsaDescriptor;
import java.util.random.RandomGenerator;

/**
 * Random page tables and registers. Every word of the memory is a plausible descriptor that points
 * into the same memory, so that any walk from any base finds tables, leaves and faults at every
 * level, for either stage.
 */
public final class RandomVmsa {
  /** Where the memory begins. */
  public static final long BASE = 0x4000_0000L;

  public static final int BYTES = 4 << 20;

  private static final int[] GRANULE_BITS = {12, 16, 14};

  private final RandomGenerator random;
  private final int physicalBits;
  private final OracleVmsa.Features features;

  public RandomVmsa(RandomGenerator random, int physicalBits, OracleVmsa.Features features) {
    this.random = random;
    this.physicalBits = physicalBits;
    this.features = features;
  }

  /**
   * Fills a memory.
   *
   * @param hostile per mille of words with each kind of flaw
   */
  public void fill(ArrayMemory memory, int hostile, boolean bigEndian) {
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
    if (physicalBits == 52 && !flaw(4 * hostile)) {
      // Where 52-bit forms keep the upper address bits.
      word &= ~0xf300L;
    }
    word |= physicalBits == 52 && flaw(hostile) ? bits & 3L << 48 : 0;
    word |= flaw(hostile) ? 0 : VmsaDescriptor.VALID;
    word |= flaw(features.hafdbs() ? 250 : hostile) ? 0 : VmsaDescriptor.AF;
    // The read permission of a second stage and EL0's of the first are the same bit.
    word |= flaw(4 * hostile) ? 0 : VmsaDescriptor.AP_EL0;
    word |= random.nextInt(8) == 0 ? 0 : VmsaDescriptor.TABLE_OR_PAGE;
    // Hierarchical denials in one table of four, or nothing would ever be permitted.
    return random.nextInt(4) == 0 ? word : word & ~(0xfL << 59);
  }

  private boolean flaw(int perMille) {
    return random.nextInt(1000) < perMille;
  }

  /** Registers of stage 1. */
  public OracleVmsa.Registers registers(boolean bigEndian) {
    int least = physicalBits == 52 ? 12 : 16;
    long tcr = random.nextLong();
    tcr = field(tcr, 0, 6, flaw(100) ? random.nextInt(64) : random.nextInt(least, 40));
    tcr = field(tcr, 16, 6, flaw(100) ? random.nextInt(64) : random.nextInt(least, 40));
    if (random.nextInt(8) != 0) {
      tcr &= ~(1L << 7 | 1L << 23);
    }
    if (random.nextInt(4) != 0) {
      tcr = field(tcr, 32, 3, random.nextInt(3, 8));
    }
    long sctlr = random.nextLong() & ~(SctlrEl1.EE | SctlrEl1.M);
    sctlr |= bigEndian ? SctlrEl1.EE : 0;
    sctlr |= random.nextInt(10) == 0 ? 0 : SctlrEl1.M;
    return new OracleVmsa.Registers(sctlr, tcr, ttbr(), ttbr(), physicalBits, features);
  }

  private long ttbr() {
    long asid = (long) random.nextInt(4) << 48 | (long) random.nextInt(2) << 56;
    boolean wild = random.nextInt(30) == 0;
    long table = BASE + random.nextInt(BYTES) & -64L;
    return asid | (wild ? random.nextLong() >>> 16 : table) | random.nextInt(2);
  }

  /** Registers of stage 2: any granule, mostly a start level and a size that go together. */
  public OracleVmsa.Stage2Registers stage2Registers() {
    int tg0 = random.nextInt(3);
    int granule = GRANULE_BITS[tg0];
    boolean ds = features.lpa2() && granule != 16 && random.nextBoolean();
    int last = granule == 12 ? 2 : 3;
    int level = random.nextInt(ds ? granule == 12 ? -1 : 0 : granule == 12 ? 0 : 1, last + 1);
    int least = Math.max(granule + (granule - 3) * (3 - level) + 1, 31);
    int most = Math.min(least + granule, physicalBits == 52 && (ds || granule == 16) ? 52 : 48);
    int bits = Math.min(physicalBits, random.nextInt(least, Math.max(least + 1, most)));
    if (random.nextInt(20) == 0) {
      bits = random.nextInt(16, 53);
    }
    long start = level < 0 ? 0 : last - level;
    if (random.nextInt(40) == 0) {
      start = 3;
      bits = granule == 14 ? Math.min(physicalBits, 48) : bits;
    }
    long vtcr = 64 - bits | start << 6 | (long) tg0 << 14 | (long) random.nextInt(4) << 12;
    vtcr |= (long) (flaw(100) ? random.nextInt(8) : random.nextInt(1, 8)) << 16;
    vtcr |= random.nextLong() & 0xfL << 19;
    vtcr |= ds ? 1L << 32 | (level < 0 ? 1L << 33 : random.nextInt(30) == 0 ? 1L << 33 : 0) : 0;
    return new OracleVmsa.Stage2Registers(true, vtcr, ttbr());
  }

  /** An address of either half, mostly inside its region. */
  public long va(long tcr) {
    boolean upper = random.nextBoolean();
    int size = (int) (upper ? tcr >>> 16 : tcr) & 0x3f;
    int bits = 64 - Math.clamp(size, physicalBits == 52 && random.nextBoolean() ? 12 : 16, 39);
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
