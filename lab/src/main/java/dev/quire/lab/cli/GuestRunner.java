package dev.quire.lab.cli;

import dev.quire.emulator.boot.BadGuestException;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.device.ConsoleSink;
import dev.quire.lab.report.RunOutcome;

/** The port through which commands boot guests. */
public interface GuestRunner {
  /**
   * Builds a machine with the guest in it. The thread that prepares it runs and closes it.
   *
   * @throws BadGuestException if the guest cannot be booted as asked
   * @throws CommandFailure if the settings will not do
   * @throws dev.quire.bindings.NativeLibraryException if a library is missing
   */
  GuestRun prepare(BootRequest request, RunSettings settings, ConsoleSink console);

  /** A machine that is ready to run, once. */
  interface GuestRun extends AutoCloseable {
    /** Runs to the end; counts are complete even when a limit or an interrupt ended it. */
    RunOutcome run();

    /**
     * {@link dev.quire.emulator.machine.VirtualMachine#memoryHash} of the machine when {@link #run}
     * has returned.
     */
    String memoryHash();

    /** Makes {@link #run} return soon. From any thread, at any time. */
    void interrupt();

    /** About how many instructions have retired; for progress only. From any thread. */
    long instructionsSoFar();

    @Override
    void close();
  }
}
