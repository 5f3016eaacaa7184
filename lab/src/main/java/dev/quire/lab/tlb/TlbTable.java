package dev.quire.lab.tlb;

import dev.quire.lab.preset.PageSize;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeSet;

/** Points as an aligned table for a person. A pure function. */
public final class TlbTable {
  /** What the mark of a row means. */
  public static final String HYPOTHETICAL =
      "* hypothetical: a second stage with the contiguous bit, which Linux's KVM does not build";

  private TlbTable() {}

  /** The lines: headings, a row a point, then notes. */
  public static List<String> of(List<TlbPoint> points) {
    List<String[]> rows = new ArrayList<>();
    List<String> axes = new ArrayList<>(points.getFirst().axes().keySet());
    axes.removeIf(axis -> same(points, axis));
    List<String> headings = new ArrayList<>();
    axes.forEach(axis -> headings.add(axis.replace('_', '-')));
    headings.addAll(
        List.of(
            "accesses",
            "L1 mpki",
            "L2 mpki",
            "L1 miss/M",
            "L2 miss/M",
            "walks",
            "refs/walk",
            "walk cycles",
            "reach",
            "entries by size"));
    rows.add(headings.toArray(String[]::new));
    for (TlbPoint point : points) {
      rows.add(row(point, axes));
    }
    List<String> lines = aligned(rows, axes.size());
    TreeSet<String> models = new TreeSet<>();
    points.forEach(point -> models.add(point.figures().counts().costs().model()));
    lines.add("");
    lines.add(
        "mpki: misses per thousand instructions; miss/M: per million accesses; walk cycles:"
            + " modelled, cost model "
            + String.join(", ", models));
    if (points.stream().anyMatch(TlbPoint::hypothetical)) {
      lines.add(HYPOTHETICAL);
    }
    return lines;
  }

  /** Whether an axis has one value only, which the heading line of the command tells. */
  private static boolean same(List<TlbPoint> points, String axis) {
    boolean always = List.of("guest_pages", "host_pages", "strategy", "tlb").contains(axis);
    Object first = points.getFirst().axes().get(axis);
    return !always || first == null && points.stream().allMatch(p -> p.axes().get(axis) == null);
  }

  private static String[] row(TlbPoint point, List<String> axes) {
    TlbFigures figures = point.figures();
    List<String> cells = new ArrayList<>();
    String telling = axes.contains("host_pages") ? "host_pages" : "tlb";
    for (String axis : axes) {
      boolean marked = axis.equals(telling) && point.hypothetical();
      cells.add(point.axes().get(axis) + (marked ? "*" : ""));
    }
    long l1 = figures.l1Misses();
    long last = figures.lastMisses();
    cells.add(grouped(figures.accesses()));
    cells.add(decimal(figures.perThousandInstructions(l1)));
    cells.add(decimal(figures.perThousandInstructions(last)));
    cells.add(decimal(figures.perMillionAccesses(l1)));
    cells.add(decimal(figures.perMillionAccesses(last)));
    cells.add(grouped(figures.walks().walks()));
    cells.add(decimal(figures.walks().referencesPerWalk()));
    cells.add(grouped(figures.counts().walkCycles()));
    cells.add(bytes(figures.reachBytes()));
    cells.add(orders(figures.byOrder()));
    return cells.toArray(String[]::new);
  }

  /** The first columns and the last to the left, figures to the right. */
  private static List<String> aligned(List<String[]> rows, int texts) {
    int[] widths = new int[rows.getFirst().length];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        String pad = " ".repeat(widths[i] - row[i].length());
        boolean left = i < texts || i == row.length - 1;
        line.append(i == 0 ? "" : "  ").append(left ? row[i] + pad : pad + row[i]);
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }

  private static String grouped(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private static String decimal(double number) {
    if (Double.isNaN(number)) {
      return "-";
    }
    return String.format(Locale.ROOT, number >= 1000 ? "%,.0f" : "%.2f", number);
  }

  /** With a binary unit and up to three digits. */
  static String bytes(long number) {
    String units = "KMGT";
    int unit = -1;
    double value = number;
    while (value >= 1024 && unit < units.length() - 1) {
      value /= 1024;
      unit++;
    }
    String digits = String.format(Locale.ROOT, value == Math.rint(value) ? "%.0f" : "%.1f", value);
    return unit < 0 ? digits + " B" : digits + " " + units.charAt(unit) + "iB";
  }

  private static String orders(SortedMap<Integer, Long> orders) {
    StringBuilder text = new StringBuilder();
    for (Map.Entry<Integer, Long> entry : orders.entrySet()) {
      text.append(text.isEmpty() ? "" : ", ")
          .append(PageSize.text(entry.getKey()))
          .append(' ')
          .append(grouped(entry.getValue()));
    }
    return text.isEmpty() ? "-" : text.toString();
  }
}
