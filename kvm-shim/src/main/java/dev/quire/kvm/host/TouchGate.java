package dev.quire.kvm.host;

import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdContext;
import dev.quire.kernel.mm.UffdWait;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.mmu.Order;

/**
 * Stands for a client's userfaultfd in the modelled process of one of its VMs: a page that the
 * service never had to do with is the client's to touch first ({@link ClientHost#takeTouch}), in
 * its own address space, where its own userfaultfd sees it. On the VM's thread.
 */
final class TouchGate implements UffdContext {
  /** Bit 0 of a touch: for writing. The rest is the page's address. */
  static final long WRITE = 1;

  static final long NONE = -1;

  /** Nothing is queued for whoever waits: it has its next turn when the client has answered. */
  private static final UffdWait AGAIN =
      new UffdWait() {
        @Override
        public boolean woken() {
          return true;
        }

        @Override
        public long resume() {
          return Process.REPEAT;
        }

        @Override
        public void cancel() {}
      };

  private long wanted = NONE;
  private long refused = NONE;

  /** What the last access waits for, once; {@link #NONE} if it does not. */
  long take() {
    long result = wanted;
    wanted = NONE;
    return result;
  }

  /** The client cannot touch a page itself: the next access fails as its own did. */
  void refuse(long touch) {
    refused = touch & -Order.bytes(0);
  }

  @Override
  public int fault(FaultContext fault, long reason) {
    long page = fault.address() & -Order.bytes(0);
    if (page == refused || !fault.mayWait()) {
      refused = NONE;
      return VmFault.SIGBUS;
    }
    wanted = page | (fault.isWrite() || reason == VmFlags.UFFD_WP ? WRITE : 0);
    fault.setWait(AGAIN);
    return VmFault.RETRY;
  }

  // Nobody asks for events, and the process never forks.

  @Override
  public long features() {
    return 0;
  }

  @Override
  public UffdContext forChild(Process child) {
    return this;
  }

  @Override
  public void announce() {}

  @Override
  public void retract() {}

  @Override
  public UffdWait forked(UffdContext child) {
    return AGAIN;
  }

  @Override
  public UffdWait remapped(long from, long to, long bytes) {
    return AGAIN;
  }

  @Override
  public UffdWait removed(long start, long end) {
    return AGAIN;
  }

  @Override
  public UffdWait unmapped(long start, long end) {
    return AGAIN;
  }
}
