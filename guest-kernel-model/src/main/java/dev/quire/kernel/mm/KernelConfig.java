package dev.quire.kernel.mm;

import dev.quire.kernel.contpte.ContPteDesign;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.rmap.RmapDesign;

/**
 * The modelled machine and how its kernel is configured. {@link #of} gives Linux 6.18's choices;
 * {@code with...} change one thing.
 *
 * @param memoryPages RAM in base pages of {@code granule}
 * @param contPte how groups of entries get arm64's contiguous bit; null if they never do
 * @param executableFolios read executable text ahead in folios of 64 KiB (exefolio)
 * @param profile which kernel it is: decides all that is not of mm's making
 */
public record KernelConfig(
    HostArchitecture architecture,
    HostGranule granule,
    long memoryPages,
    ThpSettings thp,
    AnonFaultAlgorithm anonFault,
    RmapDesign rmap,
    GatherDesign gather,
    ContPteDesign contPte,
    boolean executableFolios,
    KernelProfile profile) {

  public KernelConfig {
    if (architecture == HostArchitecture.X86_64 && granule != HostGranule.BASE_4K) {
      throw new IllegalArgumentException("x86-64 has no base pages of " + granule);
    }
    if (architecture == HostArchitecture.X86_64 && contPte != null) {
      throw new IllegalArgumentException("x86-64 has no contiguous entries");
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
        RmapDesign.MM_IDS,
        GatherDesign.RUNS,
        architecture == HostArchitecture.ARM64 ? ContPteDesign.FOLD : null,
        false,
        KernelProfile.LINUX_6_18);
  }

  /** Base pages that one PMD maps, as an order of base pages. */
  public int pmdOrder() {
    return granule.pmdOrder() - granule.baseOrder();
  }

  public KernelConfig withThp(ThpSettings settings) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        settings,
        anonFault,
        rmap,
        gather,
        contPte,
        executableFolios,
        profile);
  }

  public KernelConfig withAnonFault(AnonFaultAlgorithm algorithm) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        thp,
        algorithm,
        rmap,
        gather,
        contPte,
        executableFolios,
        profile);
  }

  public KernelConfig withRmap(RmapDesign design) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        thp,
        anonFault,
        design,
        gather,
        contPte,
        executableFolios,
        profile);
  }

  public KernelConfig withGather(GatherDesign design) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        thp,
        anonFault,
        rmap,
        design,
        contPte,
        executableFolios,
        profile);
  }

  /** Null for a kernel without contiguous entries. */
  public KernelConfig withContPte(ContPteDesign designOrNull) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        thp,
        anonFault,
        rmap,
        gather,
        designOrNull,
        executableFolios,
        profile);
  }

  public KernelConfig withExecutableFolios(boolean on) {
    return new KernelConfig(
        architecture, granule, memoryPages, thp, anonFault, rmap, gather, contPte, on, profile);
  }

  public KernelConfig withProfile(KernelProfile other) {
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        thp,
        anonFault,
        rmap,
        gather,
        contPte,
        executableFolios,
        other);
  }
}
