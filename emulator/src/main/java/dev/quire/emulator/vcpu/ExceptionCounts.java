package dev.quire.emulator.vcpu;

import java.util.Map;
import java.util.TreeMap;

/**
 * The exceptions a guest was given, by kind, and its page faults once more by what they were about.
 * Interrupts are not among them. Machine thread only.
 */
public final class ExceptionCounts {
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

  /** By kind, in alphabetical order. */
  public Map<String, Long> byKind() {
    return new TreeMap<>(kinds);
  }

  /** By privilege, access and reason, in alphabetical order. */
  public Map<String, Long> pageFaults() {
    return new TreeMap<>(pageFaults);
  }
}
