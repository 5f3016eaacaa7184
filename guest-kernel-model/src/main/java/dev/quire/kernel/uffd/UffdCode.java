package dev.quire.kernel.uffd;

/** Numbers of userfaultfd's interface (Linux v6.18 include/uapi/linux/userfaultfd.h). */
public final class UffdCode {
  /** UFFD_API. */
  public static final long API = 0xaa;

  /** Flags of userfaultfd(2). */
  public static final int O_CLOEXEC = 0x8_0000;

  public static final int O_NONBLOCK = 0x800;
  public static final int USER_MODE_ONLY = 1;

  /** Modes of UFFDIO_REGISTER. */
  public static final long REGISTER_MISSING = 1;

  public static final long REGISTER_WP = 1 << 1;
  public static final long REGISTER_MINOR = 1 << 2;

  /** Do not wake who waits: for COPY, ZEROPAGE, CONTINUE, POISON and MOVE. */
  public static final long DONTWAKE = 1;

  /** COPY and CONTINUE: write-protect the page. */
  public static final long FILL_WP = 1 << 1;

  /** MOVE: holes of the source are nothing to do. */
  public static final long MOVE_ALLOW_HOLES = 1 << 1;

  /** WRITEPROTECT: protect; without it protection ends. */
  public static final long WRITEPROTECT_WP = 1;

  public static final long WRITEPROTECT_DONTWAKE = 1 << 1;

  /** Events of poll(2). */
  public static final int POLLIN = 1;

  public static final int POLLERR = 8;

  /** Bits of ioctls that UFFDIO_API reports. */
  public static final long API_IOCTLS = 1L << 0x3f | 1 << 1 | 1;

  static final long CONTINUE_IOCTL = 1 << 7;
  static final long WRITEPROTECT_IOCTL = 1 << 6;

  /** Bits of ioctls that UFFDIO_REGISTER reports: WAKE to POISON. */
  static final long RANGE_IOCTLS = 0x1fc;

  /** The same of a range with huge pages of hugetlb: no ZEROPAGE, no MOVE. */
  static final long RANGE_IOCTLS_BASIC = 0x1cc;

  private UffdCode() {}
}
