package dev.quire.lab.fuzz;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** How many translations were judged, and what they ended in. One thread. */
public final class FuzzTally {
  private final Map<String, Long> outcomes = new TreeMap<>();
  private long translations;

  /** Counts a translation that a judge confirmed. */
  void count(String judge, String outcome) {
    translations++;
    outcomes.merge(judge + ": " + outcome, 1L, Long::sum);
  }

  public long translations() {
    return translations;
  }

  /** By judge and outcome, in order. */
  public Map<String, Long> outcomes() {
    return Collections.unmodifiableMap(outcomes);
  }
}
