package dev.quire.lab.replay;

/** An operation of a script that says nothing that could be run; the message says why. */
final class BadOpException extends RuntimeException {
  private static final long serialVersionUID = 1;

  BadOpException(String message) {
    super(message);
  }
}
