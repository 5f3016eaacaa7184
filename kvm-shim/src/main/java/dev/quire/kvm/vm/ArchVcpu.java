package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Caller;

/**
 * The architecture's side of a vCPU: everything behind its descriptor but the generic calls. On the
 * VM's thread, but for {@link #walks}.
 */
public interface ArchVcpu extends AutoCloseable {
  /** The call is none of this architecture's vCPU calls. */
  long UNKNOWN = Long.MIN_VALUE;

  /** The call did nothing yet: it needs a page that waits for user space (userfaultfd). */
  long MUST_WAIT = Long.MIN_VALUE + 1;

  /**
   * A vCPU ioctl other than KVM_RUN.
   *
   * @return the result, -errno, {@link #UNKNOWN} or {@link #MUST_WAIT}
   */
  long ioctl(Caller caller, int request, long argument);

  /** Begins KVM_RUN: finishes what the last exit left to do first. */
  RunCall run();

  /** It executes, and its turn should end soon: the client has to be told something. */
  default void endTurn() {}

  /** Puts values of {@link Architecture#vcpuStatistics} in their places; all are 0 at first. */
  default void statistics(long[] values) {}

  /** Walks of its MMU so far: misses of its TLB. May be read, a little late, from any thread. */
  default long walks() {
    return 0;
  }

  @Override
  void close();
}
