package dev.quire.lab.replay;

import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.host.ModelledHost;

/** A process of a session: its memory with the bytes in it, and its descriptors by name. */
final class SessionProcess {
  private final Process process;
  private final SessionBytes bytes;
  private final Handles handles;
  private final Family family;
  private final int thread;

  /** Null in a session without KVM. */
  private final ModelledHost host;

  /** The processes of a session. */
  interface Family {
    /**
     * Forks the child.
     *
     * @return whether the call waits then
     */
    boolean fork(SessionProcess parent);

    void endChild();

    /** Opens /dev/kvm. */
    Descriptor openKvm();
  }

  /**
   * @param thread of the process that this is, as userfaultfd names it
   * @param host what its VMs stand on; null in a session without KVM
   */
  SessionProcess(
      Process process,
      SessionBytes bytes,
      Handles handles,
      Family family,
      int thread,
      ModelledHost host) {
    this.process = process;
    this.bytes = bytes;
    this.handles = handles;
    this.family = family;
    this.thread = thread;
    this.host = host;
  }

  Process process() {
    return process;
  }

  SessionBytes bytes() {
    return bytes;
  }

  Handles handles() {
    return handles;
  }

  /** The same process as another of its threads. */
  SessionProcess thread(int id) {
    return new SessionProcess(process, bytes, handles, family, id, host);
  }

  ModelledHost host() {
    return host;
  }

  Family family() {
    return family;
  }

  /** What follows is done by this process and thread. */
  void current() {
    process.setThread(thread);
    bytes.setUser(this);
  }

  /**
   * One access of user space to one byte, which a write stores.
   *
   * @return {@link UserSignal}; BLOCKED if it waits
   */
  int access(long address, boolean write, int value) {
    int signal = checked(process.touch(address, write, value));
    if (signal == UserSignal.NONE && write) {
      store(address, value);
    }
    return signal;
  }

  /** The same by the kernel, for a system call. */
  int kernelAccess(long address, boolean write) {
    return checked(process.touchInKernel(address, write, 1));
  }

  private static int checked(int signal) {
    if (signal == UserSignal.OOM_KILLED) {
      throw new IllegalStateException(
          "the modelled machine, of 16 GiB, is out of memory (OOM): the script needs more");
    }
    return signal;
  }

  /** A byte of memory that is there. */
  int load(long address) {
    return bytes.load(frame(address), offset(address));
  }

  /** Changes a byte of memory that is there and that the process may write. */
  void store(long address, int value) {
    bytes.store(frame(address), offset(address), value);
  }

  /** Stores several bytes of one page. */
  void storeAll(long address, byte[] source, int length) {
    bytes.store(frame(address), offset(address), source, 0, length);
  }

  private static int offset(long address) {
    return (int) (address & PageRange.PAGE_BYTES - 1);
  }

  /** The frame that an address is mapped to. */
  long frame(long address) {
    long[] frame = {-1};
    process.pagemap(
        address & -PageRange.PAGE_BYTES,
        PageRange.PAGE_BYTES,
        (page, report) -> frame[0] = report.pfn());
    if (frame[0] < 0) {
      throw new IllegalStateException("no page at %s".formatted(PageRange.text(address)));
    }
    return frame[0];
  }
}
