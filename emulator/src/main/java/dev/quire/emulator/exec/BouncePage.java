package dev.quire.emulator.exec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One page outside guest memory through which an instruction reaches a device: the host puts the
 * device's value there, lets the core execute the instruction on it, and takes what it stored.
 */
public final class BouncePage {
  public static final int BYTES = 4096;
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment page;
  private final long pa;

  BouncePage(MemorySegment page, long pa) {
    this.page = page;
    this.pa = pa;
  }

  long pa() {
    return pa;
  }

  /** Puts the low {@code bytes} (1 to 8) of {@code value} at {@code offset}, inside the page. */
  public void put(int offset, int bytes, long value) {
    if (bytes == Long.BYTES) {
      page.set(LONG, offset, value);
      return;
    }
    for (int i = 0; i < bytes; i++) {
      page.set(BYTE, offset + i, (byte) (value >>> (8 * i)));
    }
  }

  /** The {@code bytes} (1 to 8) at {@code offset}, zero-extended. */
  public long get(int offset, int bytes) {
    if (bytes == Long.BYTES) {
      return page.get(LONG, offset);
    }
    long value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      value = value << 8 | page.get(BYTE, offset + i) & 0xff;
    }
    return value;
  }
}
