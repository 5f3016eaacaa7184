package dev.quire.lab.preset;

/** A preset that cannot be read: one line with file, line, what is wrong and what is right. */
public final class BadPresetException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadPresetException(String message) {
    super(message);
  }

  public BadPresetException(String message, Throwable cause) {
    super(message, cause);
  }
}
