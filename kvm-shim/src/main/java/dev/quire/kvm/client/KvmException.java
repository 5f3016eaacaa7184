package dev.quire.kvm.client;

import dev.quire.kernel.mm.Errno;

/** A call that failed as a system call does, with an errno. */
public final class KvmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The service is gone, or the connection to it. */
  public static final int EIO = 5;

  private final int errno;

  KvmException(String call, int errno) {
    super(call + ": " + Errno.name(errno));
    this.errno = errno;
  }

  KvmException(String call, Throwable cause) {
    super(call + ": " + cause.getMessage(), cause);
    this.errno = EIO;
  }

  /** Linux's number. */
  public int errno() {
    return errno;
  }
}
