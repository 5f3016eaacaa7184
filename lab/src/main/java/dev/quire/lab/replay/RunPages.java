package dev.quire.lab.replay;

import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.SharedPages;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The mapping of a vCPU's file as a client sees it: struct kvm_run, then the data of ports, then
 * the ring of coalesced writes. Offsets are bytes; a field lies in one page.
 */
final class RunPages {
  static final int RING_PAGE = 2;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Descriptor vcpu;

  RunPages(Descriptor vcpu) {
    this.vcpu = vcpu;
  }

  private MemorySegment at(long offset, int bytes) {
    long page = offset / PageRange.PAGE_BYTES;
    SharedPages pages = page < 0 || page > RING_PAGE ? null : vcpu.pages(page);
    if (pages == null) {
      throw new IllegalStateException(
          "%s has no page %d in its mapping".formatted(vcpu.name(), page));
    }
    long start = vcpu.indexInPages(page) * PageRange.PAGE_BYTES + offset % PageRange.PAGE_BYTES;
    return pages.segment().asSlice(start, bytes);
  }

  /** A number of 1 to 8 bytes. */
  long get(long offset, int bytes) {
    MemorySegment field = at(offset, bytes);
    long value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      value = value << Byte.SIZE | field.get(ValueLayout.JAVA_BYTE, i) & 0xff;
    }
    return value;
  }

  byte[] bytes(long offset, int bytes) {
    return at(offset, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  void put(long offset, byte[] bytes) {
    MemorySegment.copy(bytes, 0, at(offset, bytes.length), ValueLayout.JAVA_BYTE, 0, bytes.length);
  }

  void putByte(long offset, int value) {
    at(offset, 1).set(ValueLayout.JAVA_BYTE, 0, (byte) value);
  }

  void putLong(long offset, long value) {
    at(offset, Long.BYTES).set(LONG, 0, value);
  }
}
