package dev.quire.lab.reproduce;

import dev.quire.lab.reproduce.ExperimentResult.Mean;
import dev.quire.lab.reproduce.Published.Ladder;
import dev.quire.lab.reproduce.RowResult.Basis;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** An experiment's result as lines for a person. A pure function. */
public final class ResultText {
  private ResultText() {}

  /** Every row, then the summary. */
  public static List<String> of(ExperimentResult result) {
    List<String> lines = new ArrayList<>();
    lines.add(result.published().experiment() + ": " + result.published().about());
    int width = 4;
    for (RowResult row : result.rows()) {
      width = Math.max(width, row.row().name().length());
    }
    String format = "  %-" + width + "s %12s %12s %10s  %s";
    lines.add(format.formatted("ROW", "PUBLISHED", "MODELLED", "ERROR", "BASIS").stripTrailing());
    for (RowResult row : result.rows()) {
      lines.add(
          format
              .formatted(
                  row.row().name(), published(row.row()), modelled(row), error(row), basis(row))
              .stripTrailing());
    }
    lines.addAll(summary(result));
    return lines;
  }

  /** What was published, with its unit. */
  public static String published(PublishedRow row) {
    String sign =
        switch (row.bound()) {
          case NONE -> "";
          case BELOW -> "< ";
          case ABOVE -> "> ";
          case AT_MOST -> "<= ";
        };
    return Double.isNaN(row.published()) ? "-" : sign + figure(row.published(), row.unit());
  }

  /** The model's answer, with its unit. */
  public static String modelled(RowResult row) {
    return Double.isNaN(row.modelled()) ? "-" : figure(row.modelled(), row.row().unit());
  }

  /** The error in percentage points or per cent. */
  public static String error(RowResult row) {
    if (Double.isNaN(row.error()) || row.basis() == Basis.NOT_MODELLED) {
      return "-";
    }
    return String.format(Locale.ROOT, "%+.2f %s", row.error(), row.row().isPercent() ? "pp" : "%");
  }

  private static String basis(RowResult row) {
    Boolean bound = row.bound();
    return row.basis().text() + (bound == null ? "" : bound ? ", bound kept" : ", bound BROKEN");
  }

  private static String figure(double value, String unit) {
    String digits =
        switch (unit) {
          case "%" -> String.format(Locale.ROOT, Math.abs(value) >= 100 ? "%.1f" : "%.2f", value);
          case "count" -> String.format(Locale.ROOT, "%.0f", value);
          case "s" -> String.format(Locale.ROOT, "%.6f", value);
          default -> String.format(Locale.ROOT, "%.1f", value);
        };
    return unit.equals("count") ? digits : digits + " " + unit;
  }

  private static List<String> summary(ExperimentResult result) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "  %d rows: %d predicted, %d fitted by %d prices, %d counted, %d not modelled"
            .formatted(
                result.rows().size(),
                result.count(Basis.PREDICTED),
                result.count(Basis.FITTED),
                result.plan().freePrices(),
                result.count(Basis.COUNTED),
                result.count(Basis.NOT_MODELLED)));
    for (Basis basis : List.of(Basis.PREDICTED, Basis.FITTED)) {
      Mean mean = result.mean(basis);
      if (mean.rows() > 0) {
        lines.add(
            String.format(
                Locale.ROOT,
                "  mean absolute error, %s: %.2f over %d rows (\"no change\": %.2f)",
                basis.text(),
                mean.model(),
                mean.rows(),
                mean.noChange()));
      }
    }
    List<RowResult> broken = result.brokenBounds();
    lines.add(
        "  bounds kept: %d of %d".formatted(result.bounds() - broken.size(), result.bounds()));
    int wrong = 0;
    for (Ladder ladder : result.published().ladders()) {
      List<String> orders = result.wrongOrders(ladder);
      if (!orders.isEmpty()) {
        wrong++;
        lines.add(
            "  order wrong in \"%s\": %s".formatted(ladder.name(), String.join("; ", orders)));
      }
    }
    int ladders = result.published().ladders().size();
    lines.add("  ladders in order: %d of %d".formatted(ladders - wrong, ladders));
    lines.add("  furthest off:");
    for (RowResult row : result.worst(ExperimentResult.WORST)) {
      lines.add(
          "    %s: %s for %s, %s; %s"
              .formatted(
                  row.row().name(),
                  modelled(row),
                  published(row.row()),
                  error(row),
                  row.basis().text()));
      if (row.row().off() != null) {
        lines.add("      " + row.row().off());
      }
    }
    return lines;
  }
}
