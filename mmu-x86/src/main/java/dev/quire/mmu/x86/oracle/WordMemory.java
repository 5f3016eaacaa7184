package dev.quire.mmu.x86.oracle;

import dev.quire.mmu.PhysicalMemory;

/** Physical memory from address 0, an array of words, to compare with an oracle's. One thread. */
public final class WordMemory implements PhysicalMemory {
  private final long[] words;

  public WordMemory(int pages) {
    words = new long[pages * 512];
  }

  /** The contents, live. */
  public long[] words() {
    return words;
  }

  @Override
  public boolean contains(long pa, long bytes) {
    long limit = words.length * 8L;
    return pa >= 0 && bytes >= 0 && pa <= limit && bytes <= limit - pa;
  }

  @Override
  public long readLong(long pa) {
    return words[index(pa)];
  }

  @Override
  public int readInt(long pa) {
    return (int) (words[index(pa & -8)] >>> (pa & 4) * 8);
  }

  @Override
  public void writeLong(long pa, long value) {
    words[index(pa)] = value;
  }

  @Override
  public void writeInt(long pa, int value) {
    long shift = (pa & 4) * 8;
    long mask = 0xffff_ffffL << shift;
    int index = index(pa & -8);
    words[index] = words[index] & ~mask | (value & 0xffff_ffffL) << shift;
  }

  @Override
  public boolean compareAndSetLong(long pa, long expected, long value) {
    if (readLong(pa) != expected) {
      return false;
    }
    writeLong(pa, value);
    return true;
  }

  @Override
  public boolean compareAndSetInt(long pa, int expected, int value) {
    if (readInt(pa) != expected) {
      return false;
    }
    writeInt(pa, value);
    return true;
  }

  private static int index(long pa) {
    if ((pa & 7) != 0 && (pa & 3) == 0) {
      throw new IndexOutOfBoundsException("unaligned word at 0x" + Long.toHexString(pa));
    }
    return Math.toIntExact(pa >>> 3);
  }
}
