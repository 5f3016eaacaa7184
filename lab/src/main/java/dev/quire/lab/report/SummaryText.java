package dev.quire.lab.report;

import dev.quire.lab.tlb.MeasuredCounts;
import dev.quire.lab.tlb.TlbPoint;
import dev.quire.lab.tlb.TlbTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A run's summary for a person: aligned columns, each figure with how it came about. A pure
 * function.
 */
public final class SummaryText {
  private static final int LABEL = 16;
  private static final int FIGURE = 16;

  private SummaryText() {}

  /** The lines, first the verdict. */
  public static List<String> of(String guest, RunOutcome outcome) {
    List<String> lines = new ArrayList<>();
    lines.add(guest + ": " + outcome.status().jsonName() + ", " + outcome.reason());
    RunOutcome.Counts total = outcome.total();
    long instructions = total.instructions();
    lines.add(row("instructions", grouped(instructions), "counted" + perVcpu(outcome)));
    lines.add(
        row(
            "virtual time",
            duration(outcome.virtualNanos()),
            "modelled: 1 instruction = 1 ns, idle time skipped"));
    lines.add(
        row(
            "guest faults",
            grouped(total.guestFaults()),
            "counted" + breakdown(total.pageFaults())));
    if (sum(total.exceptions()) > 0) {
      String kinds = breakdown(total.exceptions());
      lines.add(row("exceptions", grouped(sum(total.exceptions())), "counted" + kinds));
    }
    lines.add(row("stage-2 faults", grouped(total.stage2Faults()), "counted"));
    if (total.interrupts() > 0) {
      lines.add(row("interrupts", grouped(total.interrupts()), "counted"));
    }
    lines.add(row("exits", grouped(sum(total.exits())), "counted" + breakdown(total.exits())));
    Map<String, Long> pages = outcome.pagesTouched();
    lines.add(row("pages touched", grouped(sum(pages)), "counted" + breakdown(pages)));
    if (outcome.memoryHash() != null) {
      lines.add("  memory hash     " + outcome.memoryHash());
    }
    double seconds = outcome.wallNanos() / 1e9;
    String speed =
        outcome.wallNanos() > 0
            ? ", " + decimal(Math.round(instructions / 1e5 / seconds), 1) + " MIPS"
            : "";
    lines.add(row("wall time", duration(outcome.wallNanos()), "measured" + speed));
    lines.addAll(measured(outcome.measured()));
    return lines;
  }

  /** The modelled TLBs, over all vCPUs. */
  private static List<String> measured(List<MeasuredCounts> measured) {
    List<TlbPoint> points = new ArrayList<>();
    for (MeasuredCounts counts : measured) {
      if (counts.vcpu() == MeasuredCounts.TOTAL) {
        points.add(
            new TlbPoint(
                Map.of("tlb", counts.geometry()), counts.figures(), counts.hypothetical()));
      }
    }
    List<String> lines = new ArrayList<>();
    if (!points.isEmpty()) {
      boolean marked = measured.getFirst().marked();
      lines.add(
          "TLB model, counted over "
              + (marked ? "the region that the guest marked" : "the whole run")
              + ", aliases "
              + grouped(measured.getLast().aliases())
              + ":");
      TlbTable.of(points).forEach(line -> lines.add(line.isEmpty() ? line : "  " + line));
    }
    return lines;
  }

  private static String perVcpu(RunOutcome outcome) {
    if (outcome.vcpus().size() < 2) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    for (RunOutcome.Counts vcpu : outcome.vcpus()) {
      text.append(text.isEmpty() ? " (by vCPU: " : ", ").append(grouped(vcpu.instructions()));
    }
    return text.append(')').toString();
  }

  private static String breakdown(Map<String, Long> byKind) {
    StringBuilder text = new StringBuilder();
    for (Map.Entry<String, Long> entry : byKind.entrySet()) {
      if (entry.getValue() != 0) {
        text.append(text.isEmpty() ? " (" : ", ")
            .append(entry.getKey().replace('_', '-'))
            .append(' ')
            .append(grouped(entry.getValue()));
      }
    }
    return text.isEmpty() ? "" : text.append(')').toString();
  }

  private static long sum(Map<String, Long> byKind) {
    long sum = 0;
    for (long count : byKind.values()) {
      sum += count;
    }
    return sum;
  }

  private static String row(String label, String figure, String basis) {
    return "  "
        + label
        + " ".repeat(Math.max(1, LABEL + FIGURE - label.length() - figure.length()))
        + figure
        + "  "
        + basis;
  }

  /** Digits in groups of three. (Formatter would cost every run 10 ms, most of it for locales.) */
  static String grouped(long number) {
    StringBuilder digits = new StringBuilder(Long.toString(number));
    for (int at = digits.length() - 3; at > (number < 0 ? 1 : 0); at -= 3) {
      digits.insert(at, ',');
    }
    return digits.toString();
  }

  /** A number given in units of its last decimal. */
  private static String decimal(long units, int decimals) {
    StringBuilder digits = new StringBuilder(Long.toString(units));
    while (digits.length() <= decimals) {
      digits.insert(0, '0');
    }
    return digits.insert(digits.length() - decimals, '.').toString();
  }

  /** Three or four significant digits with a unit. */
  static String duration(long nanos) {
    if (nanos < 1_000) {
      return nanos + " ns";
    }
    if (nanos < 1_000_000) {
      return decimal((nanos + 5) / 10, 2) + " us";
    }
    return nanos < 1_000_000_000
        ? decimal((nanos + 5_000) / 10_000, 2) + " ms"
        : decimal((nanos + 500_000) / 1_000_000, 3) + " s";
  }
}
