package dev.quire.emulator.restore;

/** A restore that Linux would refuse; the message is one line for the user. */
public final class RestoreRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public RestoreRefusedException(String message) {
    super(message);
  }
}
