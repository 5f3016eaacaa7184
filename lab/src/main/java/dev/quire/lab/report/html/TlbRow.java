package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A {@code point} line of the TLB commands.
 *
 * @param axes what was varied, in order
 * @param figures what came of it
 * @param costModel that walk cycles come from; null if the line names none
 * @param hypothetical whether it rests on a what-if
 */
record TlbRow(
    Map<String, Object> axes, Map<String, Object> figures, String costModel, boolean hypothetical) {
  static final String GUEST_PAGES = "guest_pages";
  static final String HOST_PAGES = "host_pages";
  static final String TLB = "tlb";
  static final String FOOTPRINT = "footprint_bytes";
  private static final String STREAM = "stream";

  /** Axes of sweeps that set the footprint: a size such as 4m, or mebibytes. */
  private static final String MEBIBYTES = "mib";

  private static final String SIZED = "footprint";

  /** The lines that hold TLB figures, in order; other points are none of this page's. */
  static List<TlbRow> of(List<Map<String, Object>> points) {
    List<TlbRow> rows = new ArrayList<>();
    for (Map<String, Object> point : points) {
      Map<String, Object> figures = map(point.get("figures"));
      if (figures.containsKey("l2_mpma")) {
        Map<String, Object> axes = new LinkedHashMap<>(map(point.get("axes")));
        long footprint = Math.max(size(axes.get(SIZED)), size(axes.get(MEBIBYTES)) << 20);
        if (footprint > 0) {
          axes.remove(SIZED);
          axes.remove(MEBIBYTES);
          axes.putIfAbsent(FOOTPRINT, footprint);
        }
        String model = point.get("cost_model") instanceof String text ? text : null;
        boolean whatIf = Boolean.TRUE.equals(point.get("hypothetical"));
        rows.add(new TlbRow(axes, figures, model, whatIf));
      }
    }
    boolean vary = rows.stream().mapToLong(TlbRow::footprintBytes).distinct().count() > 1;
    return vary ? rows.stream().map(TlbRow::withoutFootprintInStream).toList() : rows;
  }

  /** With a stream's text that is the same for all footprints: they have an axis of their own. */
  private TlbRow withoutFootprintInStream() {
    if (footprintBytes() == 0 || !(axes.get(STREAM) instanceof String stream)) {
      return this;
    }
    Map<String, Object> others = new LinkedHashMap<>(axes);
    others.put(STREAM, stream.replaceFirst("(?<=[:,])(bytes|pages)=[^,]*(,|$)", ""));
    return new TlbRow(others, figures, costModel, hypothetical);
  }

  @SuppressWarnings("unchecked") // JSON objects have text keys
  private static Map<String, Object> map(Object value) {
    return value instanceof Map<?, ?> map ? (Map<String, Object>) map : Map.of();
  }

  /** Bytes of a text such as 64, 4k or 64M; 0 if it is none. */
  private static long size(Object value) {
    if (value instanceof Number number) {
      return number.longValue();
    }
    if (!(value instanceof String text) || !text.matches("[0-9]{1,9}[kKmMgG]?")) {
      return 0;
    }
    String upper = text.toUpperCase(Locale.ROOT);
    int unit = "KMG".indexOf(upper.charAt(upper.length() - 1)) + 1;
    return Long.parseLong(unit == 0 ? upper : upper.substring(0, upper.length() - 1)) << 10 * unit;
  }

  /** An axis as text. */
  String axis(String name) {
    if (name.equals(FOOTPRINT)) {
      return Figure.bytes(axes.get(name));
    }
    Object value = axes.get(name);
    if (value == null && name.equals(GUEST_PAGES)) {
      return Boolean.TRUE.equals(axes.get("native")) ? "none (native)" : "the guest's own";
    }
    return Figure.axis(value);
  }

  /** A figure as a number; NaN if there is none. */
  double number(String name) {
    return figures.get(name) instanceof Number number ? number.doubleValue() : Double.NaN;
  }

  /** What the memory it ran over came to; 0 if that is not known. */
  long footprintBytes() {
    return axes.get(FOOTPRINT) instanceof Number number ? number.longValue() : 0;
  }

  /** Entries by size, as text. */
  String entries(String name) {
    StringBuilder text = new StringBuilder();
    map(figures.get(name))
        .forEach(
            (size, count) ->
                text.append(text.isEmpty() ? "" : ", ")
                    .append(size + "\u00a0" + Figure.count(count)));
    return text.isEmpty() ? "none" : text.toString();
  }
}
