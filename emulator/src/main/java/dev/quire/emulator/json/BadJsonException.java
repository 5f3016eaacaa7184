package dev.quire.emulator.json;

/** A text that is not the JSON it should be; the message says why, the caller knows where. */
public final class BadJsonException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadJsonException(String message, Throwable cause) {
    super(message, cause);
  }
}
