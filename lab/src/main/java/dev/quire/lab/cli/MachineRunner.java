package dev.quire.lab.cli;

/** Boots guests on {@code dev.quire.emulator.machine}. */
final class MachineRunner implements GuestRunner {
  @Override
  public GuestRun prepare(BootRequest request, ConsoleOutput console) {
    throw CommandFailure.usage("this build cannot boot guests yet");
  }
}
