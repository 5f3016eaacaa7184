package dev.quire.lab.exec;

/** This machine lacks what it takes to build or run something; one line, how to get it included. */
public final class MissingToolException extends RuntimeException {
  private static final long serialVersionUID = 1;

  MissingToolException(String message) {
    super(message);
  }

  MissingToolException(String message, Throwable cause) {
    super(message, cause);
  }
}
