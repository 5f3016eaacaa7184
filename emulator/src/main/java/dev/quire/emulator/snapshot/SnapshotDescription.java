package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestRam;

/**
 * What a snapshot says of the machine and of the run it was taken in.
 *
 * @param vcpus number of virtual CPUs
 * @param guest its name, as the user gave it
 * @param commandLine as the guest saw it; empty if it had none
 * @param hostPages the policy that backed the guest until then, by its name
 * @param seed of that run
 * @param instructions retired by all vCPUs at the snapshot
 * @param virtualNanos virtual time at the snapshot
 * @param expected how the run ended that was not interrupted; null if nobody ran it to its end
 */
public record SnapshotDescription(
    GuestArchitecture architecture,
    GuestRam ram,
    int vcpus,
    String guest,
    String commandLine,
    String hostPages,
    long seed,
    long instructions,
    long virtualNanos,
    Expected expected) {

  /**
   * The end of the uninterrupted run, which a restored one must come to.
   *
   * @param status as JSON has it
   * @param instructions retired by all vCPUs from the start
   * @param memoryHash of {@link dev.quire.emulator.machine.VirtualMachine#memoryHash}
   * @param consoleDigest SHA-256 of everything the guest printed, from its start
   * @param consoleBytesBefore how many bytes of it came before the snapshot
   */
  public record Expected(
      String status,
      long instructions,
      String memoryHash,
      String consoleDigest,
      long consoleBytesBefore) {}

  /** The same, of a run of which the end is known. */
  public SnapshotDescription withExpected(Expected end) {
    return new SnapshotDescription(
        architecture,
        ram,
        vcpus,
        guest,
        commandLine,
        hostPages,
        seed,
        instructions,
        virtualNanos,
        end);
  }
}
