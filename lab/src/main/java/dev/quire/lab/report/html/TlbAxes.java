package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Which axes a set of rows has, which of them vary, and rows in groups that agree in some. */
final class TlbAxes {
  private static final List<String> ALWAYS =
      List.of(TlbRow.GUEST_PAGES, TlbRow.HOST_PAGES, TlbRow.TLB);

  private static final String ARGUMENTS = "arguments";

  private final List<TlbRow> rows;
  private final Set<String> names = new LinkedHashSet<>();

  TlbAxes(List<TlbRow> rows) {
    this.rows = rows;
    rows.forEach(row -> names.addAll(row.axes().keySet()));
  }

  /** Those that a table needs: what makes a cell, and whatever varies besides. */
  List<String> columns() {
    List<String> columns = new ArrayList<>(ALWAYS);
    columns.addAll(varyingBesides(Set.of()));
    return columns;
  }

  /** Those with one value for every row. */
  Map<String, String> fixed() {
    Map<String, String> fixed = new LinkedHashMap<>();
    for (String name : names) {
      if (!ALWAYS.contains(name) && !varies(name) && rows.getFirst().axes().get(name) != null) {
        fixed.put(name, rows.getFirst().axis(name));
      }
    }
    return fixed;
  }

  /** Axes that vary and are neither among the three nor among those given. */
  List<String> varyingBesides(Set<String> others) {
    List<String> varying = new ArrayList<>();
    for (String name : names) {
      if (!ALWAYS.contains(name)
          && !others.contains(name)
          && varies(name)
          && !(name.equals(ARGUMENTS) && followsFootprint(name))) {
        varying.add(name);
      }
    }
    return varying;
  }

  /** Whether the footprint decides it, as a guest's argument that sets the footprint does. */
  private boolean followsFootprint(String name) {
    Map<Long, String> values = new LinkedHashMap<>();
    for (TlbRow row : rows) {
      String other = values.putIfAbsent(row.footprintBytes(), row.axis(name));
      if (row.footprintBytes() == 0 || other != null && !other.equals(row.axis(name))) {
        return false;
      }
    }
    return true;
  }

  boolean varies(String name) {
    Set<Object> values = new LinkedHashSet<>();
    rows.forEach(row -> values.add(row.axis(name)));
    return values.size() > 1;
  }

  /** Rows that agree in these axes, by a title that names their values, in order. */
  Map<String, List<TlbRow>> groupedBy(List<String> axes) {
    Map<String, List<TlbRow>> groups = new LinkedHashMap<>();
    for (TlbRow row : rows) {
      groups.computeIfAbsent(title(row, axes), key -> new ArrayList<>()).add(row);
    }
    return groups;
  }

  static String title(TlbRow row, List<String> axes) {
    StringBuilder title = new StringBuilder();
    for (String axis : axes) {
      String name = axis.equals(TlbRow.TLB) ? "" : label(axis) + " ";
      title.append(title.isEmpty() ? "" : ", ").append(name).append(row.axis(axis));
    }
    return title.toString();
  }

  /** An axis as a person calls it. */
  static String label(String axis) {
    return switch (axis) {
      case TlbRow.FOOTPRINT -> "footprint";
      case TlbRow.TLB -> "TLB";
      case "tlb_fields" -> "fields of the TLB";
      default -> axis.replace('_', ' ');
    };
  }
}
