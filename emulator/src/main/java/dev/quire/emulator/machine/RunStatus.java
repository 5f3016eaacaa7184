package dev.quire.emulator.machine;

/** How a machine's run ended; the JSON name is the lower-case one. */
public enum RunStatus {
  /** The guest wrote 0 to its debug-exit device. */
  PASS,
  /** The guest wrote something else there. */
  FAIL,
  /** The guest switched itself off. */
  POWEROFF,
  /** The guest asked for a reset. */
  RESET,
  TRIPLE_FAULT,
  /** The guest did something no machine could go on from; the reason says what. */
  PANIC,
  /** Every vCPU waits and nothing is left that could wake one. */
  HANG,
  HANDLER_DEAD,
  /** {@code --max-instructions} or {@code --timeout}. */
  LIMIT,
  INTERRUPTED;

  public String jsonName() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
