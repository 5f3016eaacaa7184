package dev.quire.lab.replay;

/** An operation that scripts may hold but this version does not run; the message names it. */
final class LaterOpException extends RuntimeException {
  private static final long serialVersionUID = 1;

  LaterOpException(String name) {
    super(name);
  }
}
