package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.machine.DirtyPages;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotDescription;
import dev.quire.emulator.snapshot.SnapshotDescription.Expected;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostPagePolicy;
import java.io.IOException;

/**
 * The runs behind {@code quire snapshot}: a whole one if the point is a share of it, then one up to
 * the point. {@link #stop} and {@link #instructionsSoFar} are for other threads.
 */
final class SnapshotMaker {
  private final BootPlan plan;
  private final HostPagePolicy hostPages;
  private final long seed;
  private final long maxInstructions;

  /** What a diff lies on; else null. */
  private final Snapshot base;

  private volatile VirtualMachine machine;
  private RunStatus requested;
  private String requestedReason;

  SnapshotMaker(
      BootPlan plan, HostPagePolicy hostPages, long seed, long maxInstructions, Snapshot base) {
    this.plan = plan;
    this.hostPages = hostPages;
    this.seed = seed;
    this.maxInstructions = maxInstructions;
    this.base = base;
  }

  /**
   * An uninterrupted run.
   *
   * @param markers what the guest wrote to its marker device, for messages
   */
  record Whole(RunResult result, String memoryHash, String consoleDigest) {
    /** What a restored run must come to. */
    Expected expected(long consoleBytesBefore) {
      return new Expected(
          result.status().jsonName(),
          result.instructions(),
          memoryHash,
          consoleDigest,
          consoleBytesBefore);
    }
  }

  /** A machine at its point or, if {@code early} is not null, at an end before it. */
  record Reached(
      RunResult early, SnapshotDescription description, byte[] state, DirtyPages dirty) {}

  private MachineConfig config(ConsoleSink console) {
    return new MachineConfig(hostPages, seed, maxInstructions, console);
  }

  /** Boots the guest and runs it to its end. */
  Whole runWhole() {
    CountingConsole console = new CountingConsole(ignored -> {});
    try (VirtualMachine whole = begin(VirtualMachine.create(config(console), plan))) {
      RunResult result = whole.run();
      String hash = whole.memoryHash();
      return new Whole(result, hash, console.digest());
    } finally {
      machine = null;
    }
  }

  /** Boots the guest, or restores the base, and stops before its next instruction. */
  VirtualMachine prepare(ConsoleSink console) {
    return begin(
        base == null
            ? VirtualMachine.create(config(console), plan)
            : VirtualMachine.restore(config(console), base, RamLoader.EAGER));
  }

  /**
   * Runs a prepared machine to the point; the caller closes it.
   *
   * @param instructions of a point that is not a marker
   */
  Reached run(VirtualMachine prepared, SnapshotPoint point, long instructions, String guest) {
    DirtyPages dirty = base == null ? null : prepared.startDirtyLog();
    boolean paused =
        point instanceof SnapshotPoint.Marker(String name)
            ? prepared.runToMarker(name)
            : prepared.runTo(instructions);
    if (!paused) {
      return new Reached(prepared.run(), null, null, null);
    }
    return new Reached(
        null, prepared.describe(guest, plan.commandLine()), prepared.saveState(), dirty);
  }

  /** Writes what was reached. */
  SnapshotWriter.Written write(
      SnapshotWriter writer, VirtualMachine prepared, Reached reached, Expected expected)
      throws IOException {
    SnapshotDescription description = reached.description().withExpected(expected);
    return base == null
        ? writer.write(description, reached.state(), prepared.memory())
        : writer.writeDiff(
            description, reached.state(), prepared.memory(), base, reached.dirty().take());
  }

  private synchronized VirtualMachine begin(VirtualMachine begun) {
    machine = begun;
    if (requested != null) {
      begun.stop(requested, requestedReason);
    }
    return begun;
  }

  /** Ends whatever runs soon. */
  synchronized void stop(RunStatus status, String reason) {
    requested = status;
    requestedReason = reason;
    VirtualMachine running = machine;
    if (running != null) {
      running.stop(status, reason);
    }
  }

  /** About how many instructions have retired in the run that goes on. */
  long instructionsSoFar() {
    VirtualMachine running = machine;
    return running == null ? 0 : running.instructionsSoFar();
  }
}
