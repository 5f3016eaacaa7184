package dev.quire.lab.bench;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One result: a figure, its baseline, and how they compare.
 *
 * @param bench which benchmark
 * @param name what was measured
 * @param unit of figure and baseline
 * @param figure the median of what was measured
 * @param baselineName what it is compared with
 * @param baseline the median of that
 * @param ratio how it compares, in the sense of {@code limit}
 * @param limit the bound it has to keep, such as "at most 12"; empty if there is none
 * @param kept whether it keeps it
 */
public record Ratio(
    String bench,
    String name,
    String unit,
    double figure,
    String baselineName,
    double baseline,
    double ratio,
    String limit,
    boolean kept) {

  /** A cost: the figure over its baseline must not rise above {@code most}. */
  public static Ratio cost(
      String bench,
      String name,
      String unit,
      double figure,
      String baselineName,
      double baseline,
      double most) {
    double ratio = figure / baseline;
    String limit = String.format(Locale.ROOT, "at most %.3g", most);
    return new Ratio(
        bench, name, unit, figure, baselineName, baseline, ratio, limit, ratio <= most);
  }

  /** A speed, from two times: the baseline's over the figure must not fall below {@code least}. */
  public static Ratio speed(
      String bench,
      String name,
      String unit,
      double figure,
      String baselineName,
      double baseline,
      double least) {
    double ratio = baseline / figure;
    String limit = String.format(Locale.ROOT, "at least %.3g", least);
    return new Ratio(
        bench, name, unit, figure, baselineName, baseline, ratio, limit, ratio >= least);
  }

  /** A part of another figure, to tell what the time goes to. */
  public static Ratio part(
      String bench, String name, String unit, double figure, String whole, double baseline) {
    return new Ratio(bench, name, unit, figure, whole, baseline, figure / baseline, "", true);
  }

  /** As a JSON line's members. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("bench", bench);
    members.put("name", name);
    members.put("unit", unit);
    members.put("figure", figure);
    members.put("baseline_name", baselineName);
    members.put("baseline", baseline);
    members.put("ratio", ratio);
    members.put("limit", limit);
    members.put("kept", kept);
    return members;
  }

  /** As a person reads it. */
  public String text() {
    String line =
        String.format(
            Locale.ROOT,
            "%-6s %-36s %9.2f %-5s %-28s %9.2f  ratio %6.3f  %s",
            bench,
            name,
            figure,
            unit,
            baselineName,
            baseline,
            ratio,
            limit.isEmpty() ? "" : limit + (kept ? ": kept" : ": MISSED"));
    return line.stripTrailing();
  }
}
