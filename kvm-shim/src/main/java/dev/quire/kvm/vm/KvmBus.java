package dev.quire.kvm.vm;

/**
 * What answers guest accesses inside the kernel: ioeventfds, coalesced zones, in-kernel devices. An
 * access nobody takes is an exit to user space. On the VM's thread.
 */
public interface KvmBus {
  /**
   * Offers a write.
   *
   * @param port whether the address is a port and not a guest-physical one
   * @param bytes 0 to 8
   * @return whether it is done
   */
  boolean write(boolean port, long address, int bytes, long data);

  /** Offers a read: whether somebody answers; the answer is {@link #data}. */
  boolean read(boolean port, long address, int bytes);

  /** The answer to the last read that was taken. */
  long data();

  /** Adds a device of the VM: it is asked in the order of adding, ioeventfds first. */
  void add(Device device);

  void remove(Device device);

  /** An in-kernel device. */
  interface Device {
    boolean write(boolean port, long address, int bytes, long data);

    /** Whether it answers; the answer is then in {@link #answer}. */
    boolean read(boolean port, long address, int bytes);

    long answer();
  }
}
