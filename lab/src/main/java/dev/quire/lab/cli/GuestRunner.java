package dev.quire.lab.cli;

import dev.quire.lab.report.RunOutcome;

/** The port through which commands boot guests. */
public interface GuestRunner {
  /**
   * Builds a machine with the guest in it. {@link CommandFailure} tells why not: a guest that
   * cannot be loaded (exit code 2), or a library that is missing (3).
   */
  GuestRun prepare(BootRequest request, ConsoleOutput console);

  /** A machine that is ready to run, once. */
  interface GuestRun extends AutoCloseable {
    /** Runs to the end; counts are complete even when a limit or an interrupt ended it. */
    RunOutcome run();

    /** Makes {@link #run} return soon. From any thread, at any time. */
    void interrupt();

    /** About how many instructions have retired; for progress only. From any thread. */
    long instructionsSoFar();

    @Override
    void close();
  }
}
