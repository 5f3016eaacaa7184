package dev.quire.lab.report.html;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Figures of a point as a person reads them. Pure functions. */
final class Figure {
  private static final String UNITS = "KMGTPE";
  private static final String NONE = "–";

  private Figure() {}

  /** A count, with thousands apart; a dash if there is none. */
  static String count(Object value) {
    return value instanceof Number number
        ? String.format(Locale.ROOT, "%,d", number.longValue())
        : NONE;
  }

  /** A rate with the digits that tell something; a dash if there is none. */
  static String rate(Object value) {
    if (!(value instanceof Number number) || Double.isNaN(number.doubleValue())) {
      return NONE;
    }
    double rate = number.doubleValue();
    double size = Math.abs(rate);
    if (rate == 0) {
      return "0";
    }
    return String.format(
        Locale.ROOT,
        size >= 1000 ? "%,.0f" : size >= 100 ? "%.1f" : size >= 1 ? "%.2f" : "%.2g",
        rate);
  }

  /** Bytes in the largest unit that leaves few digits; a dash if there are none. */
  static String bytes(Object value) {
    if (!(value instanceof Number number)) {
      return NONE;
    }
    double bytes = number.doubleValue();
    int unit = 0;
    while (bytes >= 1024 && unit < UNITS.length()) {
      bytes /= 1024;
      unit++;
    }
    String digits =
        bytes == Math.rint(bytes)
            ? String.format(Locale.ROOT, "%.0f", bytes)
            : String.format(Locale.ROOT, "%.1f", bytes);
    return digits + " " + (unit == 0 ? "B" : UNITS.charAt(unit - 1) + "iB");
  }

  /** What an axis was set to. */
  static String axis(Object value) {
    return switch (value) {
      case null -> NONE;
      case Double number -> number == Math.rint(number) ? "%.0f".formatted(number) : "" + number;
      case List<?> items -> String.join(", ", items.stream().map(Figure::axis).toList());
      case Map<?, ?> map -> {
        StringBuilder text = new StringBuilder();
        map.forEach(
            (key, item) -> text.append(text.isEmpty() ? "" : ", ").append(key + " " + axis(item)));
        yield text.toString();
      }
      default -> value.toString();
    };
  }
}
