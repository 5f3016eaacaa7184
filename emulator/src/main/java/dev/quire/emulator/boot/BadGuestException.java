package dev.quire.emulator.boot;

/** A guest cannot be booted as given. The message is one line for the user: what, where, why. */
public final class BadGuestException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public BadGuestException(String subject, String problem) {
    super(subject + ": " + problem);
  }
}
