package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Result lines with invented figures. */
final class TlbPoints {
  private TlbPoints() {}

  static Map<String, Object> manifest() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "tlb");
    config.put("guest", "gups-arm64");
    config.put("tlb", List.of("ampere-altra", "neoverse-v1"));
    Map<String, Object> manifest = new LinkedHashMap<>();
    manifest.put("version", "0.1.0");
    manifest.put("commit", "c0ffee");
    manifest.put("jdk", "25");
    manifest.put("host", "Linux amd64, 2 processors");
    manifest.put("seed", 1L);
    manifest.put("config", config);
    return manifest;
  }

  /** One line; figures follow from the number of L2 misses per million. */
  static Map<String, Object> point(Map<String, Object> axes, double misses, boolean hypothetical) {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("accesses", 4_000_000L);
    figures.put("instructions", 12_000_000L);
    figures.put("l1_mpki", misses / 3000 * 1.5);
    figures.put("l2_mpki", misses / 3000);
    figures.put("l1_mpma", Math.min(1e6, misses * 1.5));
    figures.put("l2_mpma", misses);
    figures.put("walks", Math.round(misses * 4));
    figures.put("refs_per_walk", 8.25);
    figures.put("walk_cycles", Math.round(misses * 4 * 120));
    figures.put("reach_bytes", 5_242_880L);
    figures.put("by_order", Map.of("4k", Math.round(misses * 4)));
    Map<String, Object> point = new LinkedHashMap<>();
    point.put("axes", axes);
    point.put("figures", figures);
    point.put("cost_model", "fixed-latency");
    point.put("hypothetical", hypothetical);
    return point;
  }

  static Map<String, Object> axes(String guest, String host, String tlb) {
    Map<String, Object> axes = new LinkedHashMap<>();
    axes.put("arch", "arm64");
    axes.put("guest_pages", guest);
    axes.put("host_pages", host);
    axes.put("tlb", tlb);
    return axes;
  }

  /** Two geometries, three guest pages, four host pages. */
  static List<Map<String, Object>> grid() {
    List<Map<String, Object>> points = new ArrayList<>();
    double misses = 912_345.6;
    for (String tlb : List.of("ampere-altra", "neoverse-v1")) {
      for (String guest : List.of("4k", "64k-cont", "2m")) {
        for (String host : List.of("4k", "mthp-64k", "mthp-64k+contpte", "thp")) {
          points.add(point(axes(guest, host, tlb), misses, host.endsWith("+contpte")));
          misses *= 0.8;
        }
      }
    }
    return points;
  }

  /** Five footprints of four cells in one geometry. */
  static List<Map<String, Object>> footprints() {
    List<Map<String, Object>> points = new ArrayList<>();
    for (long footprint = 1 << 20; footprint <= 1 << 28; footprint <<= 2) {
      for (String guest : List.of("4k", "2m")) {
        for (String host : List.of("4k", "thp")) {
          Map<String, Object> axes = axes(guest, host, "skylake-sp");
          axes.put("stream", "uniform:bytes=" + footprint + ",count=1M");
          axes.put("footprint_bytes", footprint);
          double reach = guest.equals("2m") && host.equals("thp") ? 1 << 28 : 1 << 23;
          points.add(point(axes, Math.max(0, 1e6 * (1 - reach / footprint)), false));
        }
      }
    }
    return points;
  }
}
