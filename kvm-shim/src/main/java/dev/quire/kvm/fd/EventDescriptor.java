package dev.quire.kvm.fd;

import java.util.concurrent.atomic.AtomicBoolean;

/** An eventfd that a caller lends the service: ioeventfd signals it, irqfd listens to it. */
public abstract class EventDescriptor extends Descriptor {
  private final AtomicBoolean claimed = new AtomicBoolean();

  /**
   * Whether the caller is the only one that listens from now on: an eventfd serves one irqfd of all
   * VMs (EBUSY).
   */
  public final boolean claim() {
    return claimed.compareAndSet(false, true);
  }

  /** The one that listened does so no longer. */
  public final void unclaim() {
    claimed.set(false);
  }

  /** Adds to its counter, from the VM's thread. */
  public abstract void signal(long value);

  /**
   * Has {@code listener} called, on the VM's thread, each time the counter becomes positive; the
   * listener consumes it. Null ends that.
   */
  public abstract void listen(Runnable listener);

  /** Reads and clears the counter: 0 if it was 0. */
  public abstract long consume();

  @Override
  public String name() {
    return "anon_inode:[eventfd]";
  }
}
