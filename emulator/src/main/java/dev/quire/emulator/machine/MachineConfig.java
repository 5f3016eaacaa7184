package dev.quire.emulator.machine;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.kernel.mm.HostPagePolicy;

/**
 * What a machine is made of. Nothing here depends on the wall clock or on the host.
 *
 * @param memoryBytes guest RAM, a multiple of 4 KiB
 * @param vcpus 1 to {@link #MOST_VCPUS}
 * @param hostPages what backs the guest
 * @param seed of everything random in the host model (frame layout)
 * @param maxInstructions where the run ends at the latest, {@link Long#MAX_VALUE} for no bound
 * @param console receives the guest's serial output, on the machine's thread
 */
public record MachineConfig(
    Architecture architecture,
    long memoryBytes,
    int vcpus,
    HostPagePolicy hostPages,
    long seed,
    long maxInstructions,
    ConsoleSink console) {
  /** One GICv2 and one 64-bit mask of cores: what the smaller of the two carries. */
  public static final int MOST_VCPUS = 8;

  private static final long PAGE_BYTES = 4096;
  private static final long LEAST_BYTES = 1 << 20;
  private static final long MOST_BYTES = 1L << 38;

  /** The instruction set of a machine. */
  public enum Architecture {
    X86_64,
    ARM64;

    /** The name on the command line and in results. */
    public String commandLineName() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /**
   * @throws IllegalArgumentException with a message for the user
   */
  public MachineConfig {
    if (memoryBytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "memory of %d bytes is not a multiple of 4 KiB".formatted(memoryBytes));
    }
    if (memoryBytes < LEAST_BYTES || memoryBytes > MOST_BYTES) {
      throw new IllegalArgumentException(
          "memory of %d bytes: a machine has 1 MiB to 256 GiB".formatted(memoryBytes));
    }
    if (vcpus < 1 || vcpus > MOST_VCPUS) {
      throw new IllegalArgumentException(
          "%d vCPUs: a machine has 1 to %d".formatted(vcpus, MOST_VCPUS));
    }
    if (maxInstructions < 0) {
      throw new IllegalArgumentException(
          "%d instructions: the bound must not be negative".formatted(maxInstructions));
    }
    hostPages.requireMultiple(memoryBytes);
  }
}
