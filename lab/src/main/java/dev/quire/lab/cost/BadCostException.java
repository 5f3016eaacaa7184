package dev.quire.lab.cost;

/** A file of prices, rows or plans that cannot be read: one line with file, line, what is wrong. */
public final class BadCostException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadCostException(String message) {
    super(message);
  }

  public BadCostException(String message, Throwable cause) {
    super(message, cause);
  }
}
