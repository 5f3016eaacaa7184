package dev.quire.kernel.mm;

/**
 * The modelled machine and how its kernel is configured. {@link #of} gives Linux 6.18's choices;
 * {@code with...} change one thing.
 *
 * @param memoryPages RAM in base pages of {@code granule}
 * @param contiguousPtes fold groups of entries with arm64's contiguous bit
 * @param executableFolios read executable text ahead in folios of 64 KiB (exefolio)
 * @param seed of everything that is drawn: fragmentation, placement
 */
public record KernelConfig(
    HostArchitecture architecture,
    HostGranule granule,
    long memoryPages,
    ThpSettings thp,
    AnonFaultAlgorithm anonFault,
    boolean contiguousPtes,
    boolean executableFolios,
    long seed) {

  public KernelConfig {
    if (architecture == HostArchitecture.X86_64 && granule != HostGranule.BASE_4K) {
      throw new IllegalArgumentException("x86-64 has no base pages of " + granule);
    }
    if (memoryPages < 64 || memoryPages > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("memory of " + memoryPages + " pages: 64 to 2^31 - 1");
    }
  }

  /** Linux 6.18 with no large folios. */
  public static KernelConfig of(
      HostArchitecture architecture, HostGranule granule, long memoryPages) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        ThpSettings.NEVER,
        AnonFaultAlgorithm.UPSTREAM,
        architecture == HostArchitecture.ARM64,
        false,
        1);
  }

  public KernelConfig withThp(ThpSettings settings) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        settings,
        anonFault,
        contiguousPtes,
        executableFolios,
        seed);
  }

  public KernelConfig withAnonFault(AnonFaultAlgorithm algorithm) {
    return new KernelConfig(
        architecture, granule, memoryPages, thp, algorithm, contiguousPtes, executableFolios, seed);
  }

  public KernelConfig withContiguousPtes(boolean on) {
    return new KernelConfig(
        architecture, granule, memoryPages, thp, anonFault, on, executableFolios, seed);
  }

  public KernelConfig withExecutableFolios(boolean on) {
    return new KernelConfig(
        architecture, granule, memoryPages, thp, anonFault, contiguousPtes, on, seed);
  }

  public KernelConfig withSeed(long value) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        thp,
        anonFault,
        contiguousPtes,
        executableFolios,
        value);
  }
}
