package dev.quire.kernel.mm;

/**
 * What an access or a system call waits for that ended with {@link UserSignal#BLOCKED} or {@link
 * Process#BLOCKED}: an answer of user space to a message of a userfaultfd. Nothing blocks inside
 * the kernel model; the caller goes on once it was woken. Used on the kernel's thread.
 */
public interface UffdWait {
  /** Whether the wait is over. */
  boolean woken();

  /**
   * Goes on after the wait.
   *
   * @return {@link Process#REPEAT} if the access, or the whole call, is to be done again; else what
   *     the call answers, or {@link Process#BLOCKED} with another wait in {@link
   *     Process#blockedOn()}
   */
  long resume();

  /** Who waits is gone (killed): the message is not sent any more if nobody read it. */
  void cancel();
}
