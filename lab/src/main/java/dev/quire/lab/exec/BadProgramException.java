package dev.quire.lab.exec;

/** A program that cannot be run under the service; the message is one line for the user. */
public final class BadProgramException extends RuntimeException {
  private static final long serialVersionUID = 1;

  BadProgramException(String message) {
    super(message);
  }
}
