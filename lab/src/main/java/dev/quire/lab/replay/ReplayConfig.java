package dev.quire.lab.replay;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Settings of a case: what was written to /sys/kernel/mm/transparent_hugepage. Sizes that are not
 * named are "never".
 *
 * @param anonymous by folio size in KiB: always, inherit, madvise or never
 * @param sharedMemory by folio size in KiB: always, inherit, within_size, advise or never
 * @param useZeroPage whether read faults may map the huge zero page
 */
record ReplayConfig(
    Map<Integer, String> anonymous, Map<Integer, String> sharedMemory, boolean useZeroPage) {
  private static final List<String> ANONYMOUS_MODES =
      List.of("always", "inherit", "madvise", "never");
  private static final List<String> SHARED_MODES =
      List.of("always", "inherit", "within_size", "advise", "never");
  private static final int SMALLEST_ANONYMOUS_KIB = 16;
  private static final int SMALLEST_SHARED_KIB = 8;
  private static final int GREATEST_KIB = 2048;

  /**
   * Settings as a golden file has them.
   *
   * @throws BadOpException if there is a setting that is not known
   */
  static ReplayConfig of(Map<?, ?> settings) {
    Map<Integer, String> anonymous = Map.of();
    Map<Integer, String> sharedMemory = Map.of();
    boolean useZeroPage = true;
    for (Map.Entry<?, ?> setting : settings.entrySet()) {
      String name = (String) setting.getKey();
      switch (name) {
        case "anon" ->
            anonymous = modes(name, setting.getValue(), SMALLEST_ANONYMOUS_KIB, ANONYMOUS_MODES);
        case "shmem" ->
            sharedMemory = modes(name, setting.getValue(), SMALLEST_SHARED_KIB, SHARED_MODES);
        case "use_zero_page" -> {
          if (!(setting.getValue() instanceof Long value) || value < 0 || value > 1) {
            throw new BadOpException("use_zero_page is neither 0 nor 1");
          }
          useZeroPage = value == 1;
        }
        default -> throw new BadOpException("unknown setting '" + name + "'");
      }
    }
    return new ReplayConfig(anonymous, sharedMemory, useZeroPage);
  }

  private static Map<Integer, String> modes(
      String name, Object value, int smallest, List<String> known) {
    if (!(value instanceof Map<?, ?> sizes)) {
      throw new BadOpException(name + " is not an object of sizes");
    }
    Map<Integer, String> modes = new TreeMap<>();
    for (Map.Entry<?, ?> size : sizes.entrySet()) {
      String text = (String) size.getKey();
      int kib = kib(text);
      if (Integer.bitCount(kib) != 1 || kib < smallest || kib > GREATEST_KIB) {
        throw new BadOpException(
            name
                + "."
                + text
                + ": folio sizes are powers of two from "
                + smallest
                + " to 2048 KiB");
      }
      if (!(size.getValue() instanceof String mode) || !known.contains(mode)) {
        throw new BadOpException(name + "." + text + " is not one of " + String.join(", ", known));
      }
      modes.put(kib, mode);
    }
    return modes;
  }

  private static int kib(String text) {
    return text.matches("[1-9][0-9]{0,3}") ? Integer.parseInt(text) : 0;
  }
}
