package dev.quire.emulator.restore;

/** Executes what handlers ask for. The machine's thread only. */
interface UffdCalls {
  GuestLayout layout();

  /**
   * Executes one call.
   *
   * @throws UffdCallException if the kernel refuses it
   */
  void execute(UffdCall call);
}
