package dev.quire.emulator.restore;

import dev.quire.kernel.mm.Errno;

/** An ioctl of a handler that the kernel refused, or that stopped before its end. */
public final class UffdCallException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int errno;
  private final long done;

  /**
   * @param call what was asked
   * @param errno positive
   * @param done bytes before it
   */
  public UffdCallException(String call, int errno, long done) {
    super("%s gives %s after %d bytes%s".formatted(call, Errno.name(errno), done, hint(errno)));
    this.errno = errno;
    this.done = done;
  }

  /** The error number, positive. */
  public int errno() {
    return errno;
  }

  /** Bytes that were done before the error. */
  public long done() {
    return done;
  }

  private static String hint(int errno) {
    return switch (errno) {
      case Errno.EEXIST -> ": a page there was answered already";
      case Errno.ENOENT -> ": the range is not registered guest memory";
      default -> "";
    };
  }
}
