package dev.quire.kvm.fd;

import java.lang.foreign.MemorySegment;

/**
 * Pages that service and client both see, such as a vCPU's kvm_run. The client may scribble over
 * them at any time: a field is read once, checked, and used from the copy.
 */
public interface SharedPages extends AutoCloseable {
  /** The bytes; alive until {@link #close}. */
  MemorySegment segment();

  /** The host's descriptor to hand to a client, or -1 where nobody else maps it. */
  int hostDescriptor();

  @Override
  void close();
}
