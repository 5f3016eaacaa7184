package dev.quire.lab.stream;

/** A stream that cannot be had: one line for the user with what, where, and what was expected. */
public final class BadStreamException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadStreamException(String message) {
    super(message);
  }

  public BadStreamException(String message, Throwable cause) {
    super(message, cause);
  }
}
