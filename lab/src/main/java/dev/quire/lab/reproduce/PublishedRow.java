package dev.quire.lab.reproduce;

import static java.util.Objects.requireNonNull;

/**
 * One figure of a publication.
 *
 * @param name unique within its experiment
 * @param unit {@code %}, a unit of time, {@code kpages/s} or {@code count}
 * @param published the figure, or the bound that was given in place of one; NaN where nobody
 *     published any
 * @param bound whether it is one
 * @param formula how the model answers
 * @param machine whose prices apply; null where none do
 * @param noChange the row whose published figure is what "no change" would answer; null where that
 *     is 0 per cent, or where there is nothing it would answer
 * @param source the document
 * @param off why the model is off here, as far as it is known; null where nothing was written down
 */
public record PublishedRow(
    String name,
    String unit,
    double published,
    Bound bound,
    Formula formula,
    String machine,
    String noChange,
    String source,
    String off) {
  /** Whether a figure is exact or a bound. */
  public enum Bound {
    NONE,
    /** The magnitude is below it. */
    BELOW,
    /** At least it: "more than 10 %". */
    ABOVE,
    AT_MOST
  }

  public PublishedRow {
    requireNonNull(formula);
    requireNonNull(bound);
  }

  public boolean isPercent() {
    return unit.equals("%");
  }

  /** Whether a figure keeps the bound; true where there is none. */
  public boolean holds(double modelled) {
    return switch (bound) {
      case NONE -> true;
      case BELOW -> Math.abs(modelled) < published;
      case ABOVE -> modelled > published;
      case AT_MOST -> modelled <= published;
    };
  }

  /**
   * The error of a figure: percentage points of a percentage, the logarithm of the ratio in per
   * cent of a rate, per cent of anything else; NaN where a bound was published.
   */
  public double error(double modelled) {
    if (bound != Bound.NONE) {
      return Double.NaN;
    }
    if (modelled == published) {
      return 0;
    }
    if (formula instanceof Formula.Rate) {
      return 100 * Math.log(modelled / published);
    }
    return isPercent() ? modelled - published : 100 * (modelled - published) / published;
  }
}
