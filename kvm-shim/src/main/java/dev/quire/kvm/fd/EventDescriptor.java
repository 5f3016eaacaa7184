package dev.quire.kvm.fd;

/**
 * An eventfd that a caller lends the service: ioeventfd signals it, irqfd listens to it. On the
 * VM's thread.
 */
public abstract class EventDescriptor extends Descriptor {
  /**
   * What stands for the eventfd itself: equal for two descriptors of one eventfd, as when a client
   * lends it twice.
   */
  public Object identity() {
    return this;
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
