package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.report.RunOutcome;
import java.time.Duration;

/** Boots guests on {@link VirtualMachine}. */
final class MachineRunner implements GuestRunner {
  @Override
  public GuestRun prepare(BootRequest request, RunSettings settings, ConsoleSink console) {
    if (request.cpus() > MachineConfig.MOST_VCPUS) {
      throw CommandFailure.usage(
          "--smp " + request.cpus() + " is out of range: 1 to " + MachineConfig.MOST_VCPUS);
    }
    BootPlan plan = BootLoader.plan(request);
    requireHost(settings.hostPages(), plan.architecture());
    try {
      MachineConfig config =
          new MachineConfig(
              settings.hostPages(),
              settings.seed(),
              settings.maxInstructions(),
              console,
              MeasureOptions.config(settings.tlbs(), settings.seed()),
              settings.fragmentation(),
              settings.hostEvents(),
              settings.hostKernel());
      VirtualMachine machine = VirtualMachine.create(config, plan);
      return new MachineRun(machine, settings.timeout(), settings.hostPages());
    } catch (OutOfMemoryError e) {
      throw CommandFailure.usage(
          "the host has no room for " + request.memoryBytes() + " bytes of guest memory", e);
    }
  }

  private static void requireHost(HostPagePolicy policy, GuestArchitecture guest) {
    try {
      policy.requireArchitecture(
          guest == GuestArchitecture.ARM64 ? HostArchitecture.ARM64 : HostArchitecture.X86_64);
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  /** One machine, its clock on the wall, and the watchdog of its timeout. */
  private static final class MachineRun implements GuestRun {
    private final VirtualMachine machine;
    private final Duration timeout;
    private final HostPagePolicy pages;

    MachineRun(VirtualMachine machine, Duration timeout, HostPagePolicy pages) {
      this.machine = machine;
      this.timeout = timeout;
      this.pages = pages;
    }

    @Override
    @SuppressWarnings("try") // the watchdog acts by being open
    public RunOutcome run() {
      long start = System.nanoTime();
      try (Watchdog watchdog =
          new Watchdog(timeout, reason -> machine.stop(RunStatus.LIMIT, reason))) {
        RunResult result = machine.run();
        return Outcomes.of(result, System.nanoTime() - start, pages);
      }
    }

    @Override
    public String memoryHash() {
      return machine.memoryHash();
    }

    @Override
    public void interrupt() {
      machine.stop(RunStatus.INTERRUPTED, "interrupted");
    }

    @Override
    public long instructionsSoFar() {
      return machine.instructionsSoFar();
    }

    @Override
    public void close() {
      machine.close();
    }
  }
}
