package dev.quire.kvm.host;

import dev.quire.bindings.HostFile;
import dev.quire.bindings.NativeMemory;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.mmu.Order;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;

/** Pages of 4 KiB of a memfd, which a client maps too. */
final class DescriptorPages implements SharedPages {
  private final HostFile file;
  private final NativeMemory memory;
  private final MemorySegment segment;

  /**
   * @throws UncheckedIOException if the host has no descriptors or no memory left
   */
  DescriptorPages(int pages) {
    long bytes = (long) pages << Order.BASE_PAGE_SHIFT;
    try {
      file = HostFile.memory("kvm-vcpu", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    memory = NativeMemory.reserveConfined(bytes);
    int error = memory.mapFile(0, bytes, file, 0);
    if (error != 0) {
      close();
      throw new UncheckedIOException(new IOException("mmap: errno " + -error));
    }
    segment = memory.segment().asSlice(0, bytes);
  }

  @Override
  public MemorySegment segment() {
    return segment;
  }

  @Override
  public int hostDescriptor() {
    return file.descriptor();
  }

  @Override
  public void close() {
    memory.close();
    file.close();
  }
}
