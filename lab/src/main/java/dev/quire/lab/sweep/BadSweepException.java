package dev.quire.lab.sweep;

/** A spec or a results file that cannot be used: one line with file, line, what is wrong. */
public final class BadSweepException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadSweepException(String message) {
    super(message);
  }

  public BadSweepException(String message, Throwable cause) {
    super(message, cause);
  }
}
