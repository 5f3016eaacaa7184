package dev.quire.emulator.vcpu;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/**
 * The exceptions a guest was given, by kind, and its page faults once more by what they were about.
 * Interrupts are not among them. Machine thread only.
 */
public final class ExceptionCounts implements DeviceState {
  private static final int MOST_KINDS = 1024;
  private static final int LONGEST_KIND_BYTES = 256;

  private final TreeMap<String, Long> kinds = new TreeMap<>();
  private final TreeMap<String, Long> pageFaults = new TreeMap<>();

  /** Counts one exception of a kind. */
  public void count(String kind) {
    kinds.merge(kind, 1L, Long::sum);
  }

  /**
   * Counts the page fault that an exception already counted is.
   *
   * @param user whether an unprivileged access caused it
   * @param access read, write or fetch
   * @param why what the tables said
   */
  public void countPageFault(boolean user, String access, String why) {
    pageFaults.merge((user ? "user_" : "kernel_") + access + '_' + why, 1L, Long::sum);
  }

  @Override
  public void save(StateWriter writer) {
    save(kinds, writer);
    save(pageFaults, writer);
  }

  private static void save(Map<String, Long> counts, StateWriter writer) {
    writer.putInt(counts.size());
    counts.forEach(
        (kind, count) -> writer.putBytes(kind.getBytes(StandardCharsets.UTF_8)).putLong(count));
  }

  @Override
  public void load(StateReader reader) {
    load(kinds, reader);
    load(pageFaults, reader);
  }

  private static void load(Map<String, Long> counts, StateReader reader) {
    counts.clear();
    int size = reader.getInt(0, MOST_KINDS, "number of kinds");
    for (int i = 0; i < size; i++) {
      byte[] kind = reader.getBytesUpTo(LONGEST_KIND_BYTES);
      counts.put(new String(kind, StandardCharsets.UTF_8), reader.getLong());
    }
  }

  /** By kind, in alphabetical order. */
  public Map<String, Long> byKind() {
    return new TreeMap<>(kinds);
  }

  /** By privilege, access and reason, in alphabetical order. */
  public Map<String, Long> pageFaults() {
    return new TreeMap<>(pageFaults);
  }
}
