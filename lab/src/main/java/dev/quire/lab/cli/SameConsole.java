package dev.quire.lab.cli;

/** Holds the consoles of runs that should have printed the same against the first of them. */
final class SameConsole {
  private String first;
  private String digest;
  private long bytes;

  /** What is not as on the first console; null if nothing. */
  String difference(String strategy, CountingConsole console) {
    String own = console.digest();
    if (first == null) {
      first = strategy;
      digest = own;
      bytes = console.bytes();
    }
    return digest.equals(own)
        ? null
        : "printed %d bytes that are not the %d it printed when %s restored it"
            .formatted(console.bytes(), bytes, first);
  }
}
