package dev.quire.mmu.arm64.oracle;

import dev.quire.mmu.PhysicalMemory;

/** Physical memory of 8-byte words from {@code basePa}; nothing elsewhere. One thread. */
public final class ArrayMemory implements PhysicalMemory {
  private final long basePa;
  private final long[] words;

  public ArrayMemory(long basePa, int bytes) {
    this.basePa = basePa;
    this.words = new long[bytes / Long.BYTES];
  }

  /** The contents, live. */
  public long[] words() {
    return words;
  }

  @Override
  public boolean contains(long pa, long bytes) {
    long offset = pa - basePa;
    long size = (long) words.length * Long.BYTES;
    return offset >= 0 && offset <= size - bytes && offset < size;
  }

  @Override
  public long readLong(long pa) {
    return words[index(pa)];
  }

  @Override
  public int readInt(long pa) {
    return (int) (readLong(pa & -Long.BYTES) >>> (pa & 4) * Byte.SIZE);
  }

  @Override
  public void writeLong(long pa, long value) {
    words[index(pa)] = value;
  }

  @Override
  public void writeInt(long pa, int value) {
    throw new UnsupportedOperationException("arm64 entries have 8 bytes");
  }

  @Override
  public boolean compareAndSetLong(long pa, long expected, long value) {
    boolean equal = readLong(pa) == expected;
    if (equal) {
      writeLong(pa, value);
    }
    return equal;
  }

  @Override
  public boolean compareAndSetInt(long pa, int expected, int value) {
    throw new UnsupportedOperationException("arm64 entries have 8 bytes");
  }

  private int index(long pa) {
    if ((pa & 7) != 0) {
      throw new IllegalArgumentException("unaligned table entry at 0x%x".formatted(pa));
    }
    return Math.toIntExact((pa - basePa) / Long.BYTES);
  }
}
