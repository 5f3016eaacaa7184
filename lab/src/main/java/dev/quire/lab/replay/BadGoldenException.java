package dev.quire.lab.replay;

/** A golden file that cannot be used: one line that says where and what is wrong. */
public final class BadGoldenException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadGoldenException(String message) {
    super(message);
  }

  public BadGoldenException(String message, Throwable cause) {
    super(message, cause);
  }
}
