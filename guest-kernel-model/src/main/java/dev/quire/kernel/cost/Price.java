package dev.quire.kernel.cost;

/**
 * What one operation costs on a machine.
 *
 * @param nanos nanoseconds, 0 or more
 * @param basis where it comes from
 * @param source the document it was taken from, or the fit it comes out of
 */
public record Price(double nanos, Basis basis, String source) {
  /** How a price came about. */
  public enum Basis {
    /** From a document, or assumed; the source says which. */
    TAKEN,
    /** Found by least squares from published results. */
    FITTED
  }

  public Price {
    if (!(nanos >= 0) || nanos > 1e12) {
      throw new IllegalArgumentException("a price of " + nanos + " ns: 0 to 1e12");
    }
  }
}
