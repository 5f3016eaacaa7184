package dev.quire.kernel.kvm;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * How a host disturbs a guest: at random moments, counted in retired instructions so that a run can
 * be repeated.
 *
 * @param seed of moments, kinds and places
 * @param perMillion events in a million instructions, on average
 * @param kinds those that are chosen from, each as often
 */
public record HostEventPlan(long seed, double perMillion, Set<HostEvent> kinds) {
  /** Events in a million instructions if none are named. */
  private static final double USUAL_RATE = 100;

  private static final double MOST = 1e6;

  /**
   * @throws IllegalArgumentException with a message for the user
   */
  public HostEventPlan {
    if (!(perMillion > 0 && perMillion <= MOST)) {
      throw new IllegalArgumentException(
          "%s host events a million instructions: above 0, at most 1000000".formatted(perMillion));
    }
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException("no kind of host event");
    }
    kinds = Set.copyOf(kinds);
  }

  /**
   * Reads {@code SEED[:RATE[:KIND+KIND..]]}.
   *
   * @throws IllegalArgumentException with a message for the user
   */
  public static HostEventPlan parse(String text) {
    String[] parts = text.split(":", -1);
    if (parts.length > 3) {
      throw new IllegalArgumentException(
          "host events '" + text + "' are not SEED[:RATE[:KIND+KIND..]]");
    }
    try {
      return new HostEventPlan(
          Long.parseLong(parts[0]),
          parts.length > 1 ? Double.parseDouble(parts[1]) : USUAL_RATE,
          parts.length > 2 ? kinds(parts[2]) : EnumSet.allOf(HostEvent.class));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "host events '%s': SEED is a whole number, RATE the number of events in a million"
                  .formatted(text)
              + " instructions",
          e);
    }
  }

  private static Set<HostEvent> kinds(String names) {
    Set<HostEvent> kinds = EnumSet.noneOf(HostEvent.class);
    for (String name : names.split("\\+", -1)) {
      HostEvent kind =
          Arrays.stream(HostEvent.values())
              .filter(event -> event.toString().equals(name))
              .findFirst()
              .orElseThrow(() -> unknown(name));
      kinds.add(kind);
    }
    return kinds;
  }

  private static IllegalArgumentException unknown(String name) {
    String known =
        Arrays.stream(HostEvent.values())
            .map(HostEvent::toString)
            .collect(Collectors.joining(", "));
    return new IllegalArgumentException(
        "unknown host event '%s'; choose of %s".formatted(name, known));
  }

  /** Instructions from one event to the next: uniform, of the mean that the rate says. */
  long nextGap(RandomGenerator random) {
    long mean = Math.max(1, Math.round(MOST / perMillion));
    return 1 + random.nextLong(2 * mean - 1);
  }

  @Override
  public String toString() {
    String names =
        Arrays.stream(HostEvent.values())
            .filter(kinds::contains)
            .map(HostEvent::toString)
            .collect(Collectors.joining("+"));
    return seed + ":" + perMillion + ":" + names;
  }
}
