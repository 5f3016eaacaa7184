package dev.quire.kernel.mm;

/**
 * The signal a user access ends with, packed into an int: {@code signal | si_code << 8}; 0 is none.
 */
public final class UserSignal {
  public static final int NONE = 0;
  public static final int SIGBUS = 7;
  public static final int SIGKILL = 9;
  public static final int SIGSEGV = 11;

  /** Nothing is mapped at the address. */
  public static final int SEGV_MAPERR = SIGSEGV | 1 << 8;

  /** The mapping does not allow the access. */
  public static final int SEGV_ACCERR = SIGSEGV | 2 << 8;

  public static final int BUS_ADRERR = SIGBUS | 2 << 8;
  public static final int BUS_MCEERR_AR = SIGBUS | 4 << 8;

  /** The modelled machine has no memory left and the OOM killer took the process. */
  public static final int OOM_KILLED = SIGKILL;

  /** Not a signal: the access waits for user space (userfaultfd) and must be repeated. */
  public static final int BLOCKED = -1;

  private UserSignal() {}

  public static int signal(int packed) {
    return packed & 0xff;
  }

  public static int code(int packed) {
    return packed >> 8;
  }
}
