package dev.quire.lab.fuzz;

import java.util.SplittableRandom;

/**
 * Random arm64 tables along the path of one address at a time, within what Unicorn's walker and the
 * architecture agree on. Left out, because Unicorn differs from the manual: block descriptors at
 * levels without blocks (accepted there), non-zero RES0 bits below a block's address (or-ed into
 * the result), output addresses above IPS (not checked). Left out, because an AT would raise an
 * exception outside any run: tables outside memory.
 *
 * <p>Stage-1 tables lie in a window of 4 MiB of IPA at the start of memory, whose pages a second
 * stage shuffles; its own tables lie behind.
 */
final class RandomArm64Tables {
  static final int PA_BITS = 44;
  private static final int WINDOW_BYTES = 4 << 20;
  private static final int WINDOW_PAGES = WINDOW_BYTES >> 12;
  private static final long WINDOW = UnicornArm64Mmu.RAM;
  private static final long STAGE2_ROOT = WINDOW + WINDOW_BYTES;

  /** 16 concatenated tables of 64 KiB. */
  private static final int STAGE2_ROOT_BYTES = 1 << 20;

  private static final long IPA_BLOCKS_2M = 0x6000_0000L;
  private static final long IPA_BLOCK_1G = 0x8000_0000L;

  private final UnicornArm64Mmu memory;
  private final SplittableRandom random;
  private final boolean outputsInMemory;

  /** Page of the window in IPA to page in memory, in units of the second stage's granule. */
  private final int[] shuffled = new int[WINDOW_PAGES];

  private int stage2Granule = 12;
  private long nextStage2Table;
  private long tcr;
  private final long[] ttbr = new long[2];
  private boolean bigEndian;

  RandomArm64Tables(UnicornArm64Mmu memory, SplittableRandom random, boolean outputsInMemory) {
    this.memory = memory;
    this.random = random;
    this.outputsInMemory = outputsInMemory;
    for (int page = 0; page < WINDOW_PAGES; page++) {
      shuffled[page] = page;
    }
  }

  void newRegisters() {
    tcr = random.nextLong() & ~(7L << 32 | 0x7fL << 53);
    tcr |= 5L << 32;
    // A few sizes out of range, where both clamp.
    if (random.nextInt(10) != 0) {
      tcr &= ~(0x3fL | 0x3fL << 16);
      tcr |= random.nextInt(16, 40) | (long) random.nextInt(16, 40) << 16;
    }
    if (random.nextInt(6) != 0) {
      tcr &= ~(1L << 7 | 1L << 23);
    }
    bigEndian = random.nextInt(8) == 0;
    for (int half = 0; half < 2; half++) {
      long asid = (long) random.nextInt(1 << 16) << 48;
      ttbr[half] = asid | WINDOW + random.nextInt(WINDOW_BYTES) | 1;
    }
  }

  /** Bits of SCTLR_EL1 that concern translation; the MMU is off once in thirty. */
  long newSctlr() {
    long m = random.nextInt(30) == 0 ? 0 : 1;
    long wxn = random.nextBoolean() ? 1L << 19 : 0;
    return m | wxn | (bigEndian ? 1L << 25 : 0);
  }

  long tcr() {
    return tcr;
  }

  long ttbr(int half) {
    return ttbr[half];
  }

  /** An address, mostly in range, and random descriptors on its path. */
  long newAddress() {
    int half = random.nextInt(2);
    int inputBits = inputBits(half);
    long va = random.nextLong() & (1L << inputBits) - 1;
    va = half == 1 ? va | -1L << inputBits : va;
    if (random.nextInt(12) == 0) {
      va ^= 1L << random.nextInt(64);
    }
    if (random.nextInt(4) == 0) {
      va ^= (long) random.nextInt(256) << 56;
    }
    writePath(va);
    return va;
  }

  private int inputBits(int half) {
    int size = (int) (tcr >>> 16 * half) & 0x3f;
    return 64 - Math.max(16, Math.min(39, size));
  }

  private int granuleBits(int half) {
    boolean first16 = (tcr >>> 15 & 1) == 1;
    boolean first64 = (tcr >>> 14 & 1) == 1;
    long second = tcr >>> 30 & 3;
    boolean is64 = half == 0 ? first64 : second == 3;
    boolean is16 = half == 0 ? first16 && !first64 : second == 1;
    return is64 ? 16 : is16 ? 14 : 12;
  }

  private void writePath(long va) {
    int half = (int) (va >>> 55) & 1;
    int granule = granuleBits(half);
    int inputBits = inputBits(half);
    int levels = (inputBits - granule + granule - 4) / (granule - 3);
    long input = va & (1L << inputBits) - 1;
    int shift = granule + (levels - 1) * (granule - 3);
    long base = ttbr[half] & 0xffff_ffff_fffeL & -1L << inputBits - shift + 3;
    for (int level = 4 - levels; level <= 3; level++) {
      long entry = base + (input >>> shift << 3);
      long descriptor = descriptor(level, granule, shift);
      long pa = shuffledPa(entry);
      memory.writeLong(pa, bigEndian ? Long.reverseBytes(descriptor) : descriptor);
      if ((descriptor & 3) != 3) {
        return;
      }
      base = descriptor & 0xffff_ffff_ffffL & -1L << granule;
      input &= (1L << shift) - 1;
      shift -= granule - 3;
    }
  }

  /**
   * Whether the walk of an address meets a block at a level that has none: never written as such,
   * but one table may lie over another's descriptors.
   */
  boolean meetsBlockWhereNoneIs(long va) {
    int half = (int) (va >>> 55) & 1;
    int granule = granuleBits(half);
    int inputBits = inputBits(half);
    int levels = (inputBits - 4) / (granule - 3);
    long input = va & (1L << inputBits) - 1;
    int shift = granule + (levels - 1) * (granule - 3);
    long base = ttbr[half] & 0xffff_ffff_fffeL & -1L << inputBits - shift + 3;
    for (int level = 4 - levels; level < 3; level++) {
      long entry = base + (input >>> shift << 3);
      if (entry < WINDOW || entry >= WINDOW + WINDOW_BYTES) {
        return false;
      }
      long stored = memory.readLong(shuffledPa(entry));
      long descriptor = bigEndian ? Long.reverseBytes(stored) : stored;
      if ((descriptor & 3) != 3) {
        return (descriptor & 3) == 1 && !isBlockAllowed(level, granule);
      }
      base = descriptor & 0xffff_ffff_ffffL & -1L << granule;
      input &= (1L << shift) - 1;
      shift -= granule - 3;
    }
    return false;
  }

  private static boolean isBlockAllowed(int level, int granule) {
    return level == 2 || level == 1 && granule == 12;
  }

  private long descriptor(int level, int granule, int shift) {
    long noise = random.nextLong() & 0xffff_0000_0000_0bfcL;
    if (random.nextInt(40) == 0) {
      return noise | WINDOW | 2;
    }
    if (level < 3 && random.nextInt(5) != 0) {
      long table = WINDOW + random.nextInt(WINDOW_BYTES) & -1L << granule;
      long hierarchical = random.nextInt(3) == 0 ? noise : noise & ~(0xfL << 59);
      return hierarchical | table | 3;
    }
    if (level != 3 && !isBlockAllowed(level, granule)) {
      return noise | WINDOW;
    }
    long type = level == 3 ? random.nextInt(40) == 0 ? 1 : 3 : 1;
    long af = random.nextInt(25) == 0 ? 0 : 1L << 10;
    return noise | output() & -1L << shift | type | af;
  }

  private long output() {
    if (outputsInMemory || random.nextInt(2) == 0) {
      return WINDOW + random.nextInt(WINDOW_BYTES);
    }
    return switch (random.nextInt(3)) {
      case 0 -> IPA_BLOCKS_2M + random.nextInt(16 << 20);
      case 1 -> IPA_BLOCK_1G + random.nextInt(1 << 30);
      default -> random.nextLong() & (1L << PA_BITS) - 1;
    };
  }

  private long shuffledPa(long ipa) {
    int page = (int) (ipa - WINDOW >> stage2Granule);
    long offset = ipa & (1L << stage2Granule) - 1;
    return WINDOW + ((long) shuffled[page] << stage2Granule) + offset;
  }

  /** A new second stage: the window shuffled page by page, and blocks where they can be. */
  void newSecondStage(int granuleBits, int startLevel, int ipaBits) {
    memory.clearFrom(STAGE2_ROOT);
    nextStage2Table = STAGE2_ROOT + STAGE2_ROOT_BYTES;
    stage2Granule = granuleBits;
    int pages = WINDOW_BYTES >> granuleBits;
    for (int page = 0; page < pages; page++) {
      shuffled[page] = page;
    }
    for (int page = pages - 1; page > 0; page--) {
      int other = random.nextInt(page + 1);
      int swap = shuffled[page];
      shuffled[page] = shuffled[other];
      shuffled[other] = swap;
    }
    for (int page = 0; page < pages; page++) {
      long pa = WINDOW + ((long) shuffled[page] << granuleBits);
      map2(WINDOW + ((long) page << granuleBits), pa | attributes2() | 2, 3, startLevel);
    }
    int blockShift = granuleBits + granuleBits - 3;
    if (startLevel <= 2) {
      for (int block = 0; block < 8; block++) {
        long ipa = (IPA_BLOCKS_2M & -1L << blockShift) + ((long) block << blockShift);
        if (ipa >>> ipaBits == 0 && !coversWindow(ipa, blockShift)) {
          map2(ipa, randomPa(blockShift) | attributes2(), 2, startLevel);
        }
      }
    }
    if (granuleBits == 12 && startLevel < 2 && ipaBits > 31) {
      map2(IPA_BLOCK_1G, randomPa(30) | attributes2(), 1, startLevel);
    }
  }

  private static boolean coversWindow(long ipa, int shift) {
    return ipa >>> shift == WINDOW >>> shift;
  }

  static long stage2Root() {
    return STAGE2_ROOT;
  }

  private long randomPa(int alignBits) {
    return random.nextLong() & (1L << PA_BITS) - 1 & -1L << alignBits;
  }

  private long attributes2() {
    long valid = random.nextInt(100) == 0 ? 0 : 1;
    long af = random.nextInt(100) == 0 ? 0 : 1L << 10;
    long read = random.nextInt(60) == 0 ? 0 : 1L << 6;
    long write = random.nextInt(4) == 0 ? 0 : 1L << 7;
    long memAttr = random.nextInt(16);
    // Inner 0b00 is reserved for normal memory.
    memAttr |= memAttr >= 4 && (memAttr & 3) == 0 ? 1 : 0;
    return valid | af | read | write | memAttr << 2 | random.nextLong() & (0xffL << 55 | 3L << 8);
  }

  private void map2(long ipa, long descriptor, int level, int startLevel) {
    int stride = stage2Granule - 3;
    long table = STAGE2_ROOT;
    long input = ipa;
    for (int at = startLevel; at < level; at++) {
      int shift = stage2Granule + stride * (3 - at);
      long entryPa = table + (input >>> shift << 3);
      if (memory.readLong(entryPa) == 0) {
        memory.writeLong(entryPa, nextStage2Table | 3);
        nextStage2Table += 1L << stage2Granule;
      }
      table = memory.readLong(entryPa) & 0xffff_ffff_ffffL & -1L << stage2Granule;
      input &= (1L << shift) - 1;
    }
    memory.writeLong(table + (input >>> stage2Granule + stride * (3 - level) << 3), descriptor);
  }
}
