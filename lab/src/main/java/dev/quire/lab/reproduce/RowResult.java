package dev.quire.lab.reproduce;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A published row and the model's answer.
 *
 * @param modelled NaN if there is no model of it
 * @param error {@link PublishedRow#error}
 * @param noChangeError the error of a model that answers "no change"; NaN where it has no answer
 */
public record RowResult(
    String experiment,
    PublishedRow row,
    double modelled,
    double error,
    double noChangeError,
    Basis basis) {
  /** What an answer rests on. */
  public enum Basis {
    /** The row, or rows that imply it, went into the fit. */
    FITTED,
    /** No price was fitted on it. */
    PREDICTED,
    /** Counts alone: no price at all. */
    COUNTED,
    NOT_MODELLED;

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Whether the row enters a mean: a figure, not a bound, and modelled by prices. */
  public boolean inMeans() {
    return !Double.isNaN(error) && (basis == Basis.FITTED || basis == Basis.PREDICTED);
  }

  /** Whether a published bound is kept; null where there is none. */
  public Boolean bound() {
    return row.bound() == PublishedRow.Bound.NONE || basis == Basis.NOT_MODELLED
        ? null
        : Boolean.valueOf(row.holds(modelled));
  }

  /** The members of the JSON line {@code row}. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("experiment", experiment);
    members.put("name", row.name());
    members.put("unit", row.unit());
    members.put("published", finite(row.published()));
    members.put("modelled", finite(modelled));
    members.put("error", finite(error));
    members.put("basis", basis.text());
    members.put("source", row.source());
    members.put("machine", row.machine());
    if (row.bound() != PublishedRow.Bound.NONE) {
      members.put("bound", row.bound().name().toLowerCase(Locale.ROOT).replace('_', '-'));
      members.put("bound_kept", bound());
    }
    if (row.formula() instanceof Formula.Rate rate) {
      members.put("paging", rate.mode().name().toLowerCase(Locale.ROOT).replace('_', '-'));
      members.put("vcpus", rate.vcpus());
    }
    if (row.off() != null) {
      members.put("off", row.off());
    }
    if (row.formula() instanceof Formula.NotModelled none) {
      members.put("reason", none.reason());
    }
    return members;
  }

  private static Double finite(double value) {
    return Double.isFinite(value) ? Math.round(value * 1e6) / 1e6 : null;
  }
}
