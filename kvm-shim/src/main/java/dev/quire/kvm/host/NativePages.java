package dev.quire.kvm.host;

import dev.quire.bindings.NativeMemory;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.mmu.Order;
import java.lang.foreign.MemorySegment;

/** Pages of 4 KiB that a client in this process sees. */
final class NativePages implements SharedPages {
  private final NativeMemory memory;
  private final MemorySegment segment;

  NativePages(int pages) {
    long bytes = (long) pages << Order.BASE_PAGE_SHIFT;
    memory = NativeMemory.reserveConfined(bytes);
    segment = memory.segment().asSlice(0, bytes);
  }

  @Override
  public MemorySegment segment() {
    return segment;
  }

  @Override
  public int hostDescriptor() {
    return -1;
  }

  @Override
  public void close() {
    memory.close();
  }
}
