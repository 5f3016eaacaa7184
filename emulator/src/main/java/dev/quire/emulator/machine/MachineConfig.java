package dev.quire.emulator.machine;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.measure.MeasureConfig;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;

/**
 * What a machine is made of beside what its boot plan says. Nothing here depends on the wall clock
 * or on the host.
 *
 * @param hostPages what backs the guest
 * @param seed of everything random in the host model (frame layout)
 * @param maxInstructions where the run ends at the latest, {@link Long#MAX_VALUE} for no bound
 * @param console receives the guest's serial output, on the machine's thread
 * @param measure what a measured run models; null in a functional run
 * @param fragmentation probability that the host has no folio of an order that it wants, 0 to 1
 * @param hostEvents how the host disturbs the guest; null if it does not
 * @param hostKernel which kernel the host runs
 */
public record MachineConfig(
    HostPagePolicy hostPages,
    long seed,
    long maxInstructions,
    ConsoleSink console,
    MeasureConfig measure,
    double fragmentation,
    HostEventPlan hostEvents,
    KernelProfile hostKernel) {
  /** One GICv2 and one 64-bit mask of cores: what the smaller of the two carries. */
  public static final int MOST_VCPUS = 8;

  /** On a host with the kernel of the goldens. */
  public MachineConfig(
      HostPagePolicy hostPages,
      long seed,
      long maxInstructions,
      ConsoleSink console,
      MeasureConfig measure,
      double fragmentation,
      HostEventPlan hostEvents) {
    this(
        hostPages,
        seed,
        maxInstructions,
        console,
        measure,
        fragmentation,
        hostEvents,
        KernelProfile.LINUX_6_18);
  }

  /** On a host that is not fragmented. */
  public MachineConfig(
      HostPagePolicy hostPages,
      long seed,
      long maxInstructions,
      ConsoleSink console,
      MeasureConfig measure) {
    this(hostPages, seed, maxInstructions, console, measure, 0, null);
  }

  /** A functional run. */
  public MachineConfig(
      HostPagePolicy hostPages, long seed, long maxInstructions, ConsoleSink console) {
    this(hostPages, seed, maxInstructions, console, null);
  }

  /**
   * @throws IllegalArgumentException with a message for the user
   */
  public MachineConfig {
    if (maxInstructions < 0) {
      throw new IllegalArgumentException(
          "%d instructions: the bound must not be negative".formatted(maxInstructions));
    }
  }

  /** The same machine on a host that does this. */
  public MachineConfig withHostEvents(HostEventPlan events) {
    return new MachineConfig(
        hostPages, seed, maxInstructions, console, measure, fragmentation, events, hostKernel);
  }

  /** The same machine on a host that runs this kernel. */
  public MachineConfig withHostKernel(KernelProfile kernel) {
    return new MachineConfig(
        hostPages, seed, maxInstructions, console, measure, fragmentation, hostEvents, kernel);
  }
}
