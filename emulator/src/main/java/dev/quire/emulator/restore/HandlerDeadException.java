package dev.quire.emulator.restore;

/** A handler that can no longer be relied on; the message says what it did. */
public final class HandlerDeadException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public HandlerDeadException(String message, Throwable cause) {
    super(message, cause);
  }
}
