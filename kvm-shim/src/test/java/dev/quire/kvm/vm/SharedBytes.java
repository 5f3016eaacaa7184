package dev.quire.kvm.vm;

import dev.quire.kvm.fd.SharedPages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Pages that nobody else sees. */
final class SharedBytes implements SharedPages {
  private final MemorySegment segment;

  SharedBytes(int bytes) {
    segment = Arena.ofAuto().allocate(bytes, 4096);
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
  public void close() {}
}
