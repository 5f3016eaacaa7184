package dev.quire.lab.restore;

import dev.quire.emulator.restore.Populator;
import dev.quire.emulator.restore.RestoreTimeline;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A time line in as many steps as a page can show: the {@code timeline} line of the results. Memory
 * is cut into bands of equal size, time into steps of equal length up to the last event.
 */
public final class TimelineRow {
  private static final int STEPS = 120;
  private static final int BANDS = 64;
  private static final long PAGE_BYTES = 4096;
  private static final Populator[] POPULATORS = Populator.values();

  private TimelineRow() {}

  /**
   * The members of the line.
   *
   * @param axes of the point that it belongs to
   * @param firstGpa where memory begins
   * @param endGpa behind its last byte
   */
  public static Map<String, Object> of(
      Map<String, Object> axes, RestoreTimeline timeline, long firstGpa, long endGpa) {
    long lastNanos = 1;
    for (int event = 0; event < timeline.size(); event++) {
      lastNanos = Math.max(lastNanos, timeline.nanos(event));
    }
    double stepNanos = (double) lastNanos / STEPS;
    long firstGfn = firstGpa / PAGE_BYTES;
    long bandPages = Math.max(1, ((endGpa - firstGpa) / PAGE_BYTES + BANDS - 1) / BANDS);
    long[][] populated = new long[POPULATORS.length][STEPS + 1];
    long[] faults = new long[STEPS + 1];
    long[][][] map = new long[BANDS + 1][STEPS + 1][];
    for (int event = 0; event < timeline.size(); event++) {
      int step = Math.min(STEPS, (int) (timeline.nanos(event) / stepNanos));
      int who = timeline.who(event);
      if (who == RestoreTimeline.FAULT) {
        faults[step]++;
      } else {
        populated[who][step] += timeline.pages(event);
        mark(map, timeline, event, timeline.gfn(event) - firstGfn, step, bandPages);
      }
    }
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("axes", axes);
    members.put("steps", STEPS + 1);
    members.put("step_ns", stepNanos);
    members.put("bands", BANDS);
    members.put("first_gpa", firstGpa);
    members.put("band_bytes", bandPages * PAGE_BYTES);
    Map<String, Object> series = new LinkedHashMap<>();
    for (Populator by : POPULATORS) {
      if (Arrays.stream(populated[by.ordinal()]).sum() != 0) {
        series.put(by.text(), rising(populated[by.ordinal()]));
      }
    }
    members.put("populated", series);
    members.put("faults", rising(faults));
    members.put("map", cells(map));
    return members;
  }

  private static void mark(
      long[][][] map,
      RestoreTimeline timeline,
      int event,
      long firstPage,
      int step,
      long bandPages) {
    long page = firstPage;
    long left = timeline.pages(event);
    while (left > 0) {
      int band = (int) Math.min(BANDS, page / bandPages);
      long part = band == BANDS ? left : Math.min(left, (band + 1) * bandPages - page);
      if (map[band][step] == null) {
        map[band][step] = new long[POPULATORS.length];
      }
      map[band][step][timeline.who(event)] += part;
      page += part;
      left -= part;
    }
  }

  private static List<Object> rising(long[] counts) {
    List<Object> sums = new ArrayList<>();
    long sum = 0;
    for (long count : counts) {
      sum += count;
      sums.add(sum);
    }
    return sums;
  }

  /** Band, step, who populated most of it there and then, and pages. */
  private static List<Object> cells(long[][][] map) {
    List<Object> cells = new ArrayList<>();
    for (int band = 0; band < map.length; band++) {
      for (int step = 0; step < map[band].length; step++) {
        long[] pages = map[band][step];
        if (pages != null) {
          int most = 0;
          for (int who = 1; who < pages.length; who++) {
            most = pages[who] > pages[most] ? who : most;
          }
          cells.add(List.of(band, step, POPULATORS[most].text(), Arrays.stream(pages).sum()));
        }
      }
    }
    return cells;
  }
}
