package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A {@code point} of a restore as a page needs it.
 *
 * @param costModel name of the prices, or "unnamed"
 * @param hypothetical whether it rests on a what-if
 */
record RestoreRow(Map<?, ?> axes, Map<?, ?> figures, String costModel, boolean hypothetical) {
  /** The points that are restores, in order. */
  static List<RestoreRow> of(List<Map<String, Object>> points) {
    List<RestoreRow> rows = new ArrayList<>();
    for (Map<String, Object> point : points) {
      if (point.get("axes") instanceof Map<?, ?> axes
          && point.get("figures") instanceof Map<?, ?> figures
          && axes.get("strategy") != null
          && figures.containsKey("restore_modelled_ns")) {
        Object model = point.get("cost_model");
        boolean whatIf = Boolean.TRUE.equals(point.get("hypothetical"));
        rows.add(
            new RestoreRow(axes, figures, model == null ? "unnamed" : model.toString(), whatIf));
      }
    }
    return rows;
  }

  /** The strategy, with its phase and what else tells it from others; * if it is a what-if. */
  String title() {
    StringBuilder title = new StringBuilder(String.valueOf(axes.get("strategy")));
    if (axes.get("phase") != null) {
      title.append(" (").append(axes.get("phase")).append(')');
    }
    if (axes.get("host_pages") != null) {
      title.append(" on ").append(axes.get("host_pages"));
    }
    return title.append(hypothetical ? "*" : "").toString();
  }

  Object figure(String name) {
    return figures.get(name);
  }

  /** Modelled milliseconds of a latency; 0 if there is none. */
  double millis(String latency) {
    return figures.get(latency + "_modelled_ns") instanceof Number nanos
        ? nanos.doubleValue() / 1e6
        : 0;
  }
}
