package dev.quire.kernel.mm;

/** The modelled machine has no memory left for something it cannot do without. */
public final class OutOfModelMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public OutOfModelMemoryException(String message) {
    super(message);
  }
}
