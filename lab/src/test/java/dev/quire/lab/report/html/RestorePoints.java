package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Result lines of restores for tests of their page. */
final class RestorePoints {
  private RestorePoints() {}

  static Map<String, Object> manifest() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "restore");
    config.put("guest", "gups-x86_64");
    config.put("memory_bytes", 64L << 20);
    Map<String, Object> manifest = new LinkedHashMap<>();
    manifest.put("version", "0.1.0");
    manifest.put("seed", 1L);
    manifest.put("config", config);
    return manifest;
  }

  static Map<String, Object> axes(String strategy, String pages) {
    Map<String, Object> axes = new LinkedHashMap<>();
    axes.put("strategy", strategy);
    axes.put("phase", null);
    axes.put("host_pages", pages);
    axes.put("host_kernel", "linux-6.18");
    axes.put("handler", strategy.startsWith("uffd") ? "on-demand" : null);
    return axes;
  }

  static Map<String, Object> point(Map<String, Object> axes, long faults, Boolean matches) {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("status", "pass");
    figures.put("memory_hash", "0123456789abcdef");
    figures.put("hash_matches", matches);
    figures.put("faults", faults);
    figures.put("copies", 16384L);
    figures.put("restore_modelled_ns", 21_500_000L);
    figures.put("fault_modelled_ns", 1_250_000L);
    figures.put("handler_modelled_ns", 0L);
    figures.put("population_modelled_ns", 21_000_000L);
    figures.put("restore_wall_ns", 31_000_000L);
    Map<String, Object> point = new LinkedHashMap<>();
    point.put("axes", axes);
    point.put("figures", figures);
    point.put("cost_model", "x86-2025-03");
    return point;
  }

  /** Two steps: 100 pages at first, 300 in the end, in two cells of the map. */
  static Map<String, Object> timeline(Map<String, Object> axes, String who) {
    Map<String, Object> timeline = new LinkedHashMap<>();
    timeline.put("axes", axes);
    timeline.put("steps", 3L);
    timeline.put("step_ns", 1e6);
    timeline.put("bands", 64L);
    timeline.put("first_gpa", 0L);
    timeline.put("band_bytes", 1L << 20);
    timeline.put("populated", Map.of(who, List.of(100L, 100L, 300L)));
    timeline.put("faults", List.of(0L, 7L, 9L));
    timeline.put("map", List.of(List.of(0L, 0L, who, 100L), List.of(63L, 2L, who, 200L)));
    return timeline;
  }

  static List<Map<String, Object>> points() {
    return List.of(
        point(axes("eager-memcpy", "gmem"), 16384, true),
        point(axes("uffd-copy", "4k"), 0, false),
        point(axes("demand", "4k"), 276, null));
  }

  static List<Map<String, Object>> timelines() {
    List<Map<String, Object>> timelines = new ArrayList<>();
    timelines.add(timeline(axes("eager-memcpy", "gmem"), "eager"));
    timelines.add(timeline(axes("uffd-copy", "4k"), "handler"));
    timelines.add(timeline(axes("demand", "4k"), "vcpu_fault"));
    return timelines;
  }
}
