package dev.quire.lab.cli;

/**
 * A built-in guest, as the manifest of module images tells it.
 *
 * @param name what a user types
 * @param arch {@code x86_64} or {@code arm64}
 * @param file resource beside the manifest
 * @param purpose one line
 * @param expected the last line it prints
 * @param cpus virtual CPUs it wants
 * @param memory memory it wants
 */
public record GuestImage(
    String name,
    String arch,
    String file,
    String purpose,
    String expected,
    int cpus,
    MemorySize memory) {

  /** Whether its purpose names an argument of this name, as {@code name=}. */
  boolean takes(String argument) {
    return (" " + purpose + " ").contains(" " + argument + "= ");
  }
}
