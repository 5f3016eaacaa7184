package dev.quire.lab.fuzz;

/** A translation on which an MMU and a judge disagree. */
public final class FuzzMismatchException extends RuntimeException {
  private static final long serialVersionUID = 1;

  FuzzMismatchException(String message) {
    super(message);
  }
}
