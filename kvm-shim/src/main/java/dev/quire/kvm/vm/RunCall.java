package dev.quire.kvm.vm;

/**
 * One KVM_RUN under way. Nothing blocks in it: whoever owns the VM's thread gives all running vCPUs
 * of the VM their turns.
 */
public interface RunCall {
  /** There is more to execute. */
  int MORE = 0;

  /** Nothing to do until an interrupt, an event or userfaultfd; a later step looks again. */
  int WAITING = 1;

  /** The call has its {@link #result}, kvm_run is written. */
  int DONE = 2;

  /**
   * Goes on.
   *
   * @param instructions to execute at most
   * @return {@link #MORE}, {@link #WAITING} or {@link #DONE}
   */
  int step(long instructions);

  /** A signal is pending for the thread that called: the next step ends with EINTR. Any thread. */
  void signal();

  /** 0 or -errno, when done. */
  long result();
}
