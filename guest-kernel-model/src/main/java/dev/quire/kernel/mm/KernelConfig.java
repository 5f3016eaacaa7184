package dev.quire.kernel.mm;

import dev.quire.kernel.contpte.ContPteDesign;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.rmap.RmapDesign;
import java.util.function.Consumer;

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
    return changed(copy -> copy.thp = settings);
  }

  public KernelConfig withAnonFault(AnonFaultAlgorithm algorithm) {
    return changed(copy -> copy.anonFault = algorithm);
  }

  public KernelConfig withRmap(RmapDesign design) {
    return changed(copy -> copy.rmap = design);
  }

  public KernelConfig withGather(GatherDesign design) {
    return changed(copy -> copy.gather = design);
  }

  /** Null for a kernel without contiguous entries. */
  public KernelConfig withContPte(ContPteDesign designOrNull) {
    return changed(copy -> copy.contPte = designOrNull);
  }

  public KernelConfig withExecutableFolios(boolean on) {
    return changed(copy -> copy.executableFolios = on);
  }

  public KernelConfig withProfile(KernelProfile other) {
    return changed(copy -> copy.profile = other);
  }

  private KernelConfig changed(Consumer<Copy> change) {
    Copy copy = new Copy();
    change.accept(copy);
    return new KernelConfig(
        architecture,
        granule,
        memoryPages,
        copy.thp,
        copy.anonFault,
        copy.rmap,
        copy.gather,
        copy.contPte,
        copy.executableFolios,
        copy.profile);
  }

  /** What can be changed of a configuration. */
  private final class Copy {
    private ThpSettings thp = KernelConfig.this.thp;
    private AnonFaultAlgorithm anonFault = KernelConfig.this.anonFault;
    private RmapDesign rmap = KernelConfig.this.rmap;
    private GatherDesign gather = KernelConfig.this.gather;
    private ContPteDesign contPte = KernelConfig.this.contPte;
    private boolean executableFolios = KernelConfig.this.executableFolios;
    private KernelProfile profile = KernelConfig.this.profile;
  }
}
