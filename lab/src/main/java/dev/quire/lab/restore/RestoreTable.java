package dev.quire.lab.restore;

import dev.quire.emulator.restore.RestoreLatencies.Time;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.RestoreTally.Item;
import dev.quire.lab.tlb.MeasuredCounts;
import dev.quire.lab.tlb.TlbPoint;
import dev.quire.lab.tlb.TlbTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Restores as an aligned table for a person. A pure function. */
public final class RestoreTable {
  private static final List<String> HEADINGS =
      List.of(
          "strategy",
          "host-pages",
          "handler",
          "end",
          "hash",
          "faults",
          "clears",
          "copies",
          "PTEs",
          "stage-2",
          "messages",
          "restore ms",
          "faults ms",
          "handler ms",
          "population ms");

  /** Columns of text at the left. */
  private static final int TEXTS = 5;

  private RestoreTable() {}

  /** The lines: headings, a row a restore, then notes. */
  public static List<String> of(List<RestorePoint> points) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEADINGS);
    points.forEach(point -> rows.add(row(point)));
    int[] widths = new int[HEADINGS.size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String pad = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? "" : "  ").append(i < TEXTS ? row.get(i) + pad : pad + row.get(i));
      }
      lines.add(line.toString().stripTrailing());
    }
    lines.add("");
    lines.add(
        "counted: faults of the host's mm (reading the snapshot apart), base pages cleared and"
            + " copied, PTEs set, stage-2 faults, userfaultfd messages");
    lines.add(
        "modelled, cost model "
            + points.getFirst().result().costModel()
            + ": until the guest may run; its faults afterwards, without what handlers did; what"
            + " handlers did while a vCPU waited; putting contents in place");
    if (points.stream().anyMatch(RestorePoint::hypothetical)) {
      lines.add(TlbTable.HYPOTHETICAL);
    }
    return lines;
  }

  /**
   * What TLB models counted, a row for each restore and geometry.
   *
   * @param measured by point; empty lists after functional runs
   */
  public static List<String> measured(
      List<RestorePoint> points, List<List<MeasuredCounts>> measured) {
    List<TlbPoint> rows = new ArrayList<>();
    boolean marked = false;
    for (int i = 0; i < points.size(); i++) {
      for (MeasuredCounts counts : measured.get(i)) {
        if (counts.vcpu() == MeasuredCounts.TOTAL) {
          Map<String, Object> axes = new LinkedHashMap<>();
          axes.put("strategy", points.get(i).axes().get("strategy") + phase(points.get(i)));
          axes.put("tlb", counts.geometry());
          rows.add(new TlbPoint(axes, counts.figures(), counts.hypothetical()));
          marked = counts.marked();
        }
      }
    }
    List<String> lines = new ArrayList<>();
    if (!rows.isEmpty()) {
      lines.add("");
      lines.add(
          "TLB model, counted over "
              + (marked ? "the region that the guest marked" : "the rest of the run")
              + " from the restore on:");
      lines.addAll(TlbTable.of(rows));
    }
    return lines;
  }

  private static List<String> row(RestorePoint point) {
    RestoreResult result = point.result();
    Boolean matches = point.hashMatches();
    return List.of(
        point.axes().get("strategy") + phase(point),
        point.axes().get("host_pages") + (point.hypothetical() ? "*" : ""),
        result.handler() == null ? "-" : result.handler(),
        result.status().jsonName(),
        matches == null ? result.memoryHash().substring(0, 8) : matches ? "ok" : "DIFFERS",
        count(result.total().of(Item.FAULTS)),
        count(result.total().of(Item.CLEARS)),
        count(result.copies()),
        count(result.total().of(Item.PTES)),
        count(point.stage2Faults()),
        count(result.messages()),
        millis(result.latencies().restore()),
        millis(result.latencies().faults()),
        millis(result.latencies().handler()),
        millis(result.latencies().population()));
  }

  private static String phase(RestorePoint point) {
    Object phase = point.axes().get("phase");
    return phase == null ? "" : " (" + phase + ")";
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private static String millis(Time time) {
    return String.format(Locale.ROOT, "%,.3f", time.modelledNanos() / 1e6);
  }
}
