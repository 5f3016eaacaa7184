package dev.quire.emulator.restore;

import java.util.List;

/** The strategies there are, by name. */
public final class RestoreStrategies {
  /** The one that records what is asked for, and prefetches it in its second run. */
  public static final String RECORD_PREFETCH = "record-prefetch";

  private static final List<RestoreStrategy> ALL =
      List.of(
          new EagerWrite(),
          EagerMemcpy.plain(),
          UffdRestore.byCopy("uffd-copy"),
          UffdRestore.byContinue(),
          EagerMemcpy.populated(),
          EagerMemcpy.preFaulted(),
          new Demand(),
          UffdRestore.byCopy(RECORD_PREFETCH));

  private RestoreStrategies() {}

  public static List<String> names() {
    return ALL.stream().map(RestoreStrategy::name).toList();
  }

  /**
   * The strategy of a name.
   *
   * @throws IllegalArgumentException with a message for the user that names all
   */
  public static RestoreStrategy named(String name) {
    for (RestoreStrategy strategy : ALL) {
      if (strategy.name().equals(name)) {
        return strategy;
      }
    }
    throw new IllegalArgumentException(
        "unknown strategy '%s'; choose from %s".formatted(name, String.join(", ", names())));
  }
}
