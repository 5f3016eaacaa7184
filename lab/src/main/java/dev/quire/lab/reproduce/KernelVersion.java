package dev.quire.lab.reproduce;

import dev.quire.kernel.contpte.ContPteDesign;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.kernel.rmap.RmapDesign;
import java.util.HashMap;
import java.util.Map;

/**
 * The kernels that published results were measured on, by what of them the model tells apart:
 * {@code linux-6.7} and so on for releases, other names for a series on top of one.
 */
enum KernelVersion {
  LINUX_6_7("linux-6.7", RmapDesign.COMPOUND_FLAG, GatherDesign.PAGES),
  LINUX_6_8("linux-6.8", RmapDesign.LEVELS, GatherDesign.PAGES),
  /** Between 6.8 and 6.9: fork is batched, zap is not. */
  FORK_BATCHED("fork-batched", RmapDesign.LEVELS_BATCHED, GatherDesign.PAGES),
  LINUX_6_9("linux-6.9", RmapDesign.LEVELS_BATCHED, GatherDesign.RUNS),
  /** On the way to 6.10. */
  TOTAL_MAPCOUNT("total-mapcount", RmapDesign.TOTAL_MAPCOUNT, GatherDesign.RUNS),
  LINUX_6_11("linux-6.11", RmapDesign.PARTLY_MAPPED_QUEUE, GatherDesign.RUNS),
  LINUX_6_12("linux-6.12", RmapDesign.MINIMIZED_NR_MAPPED, GatherDesign.RUNS),
  /** arm64 on the way to 6.9, without contpte and then with its rungs. */
  ARM64_BASELINE("arm64-baseline", null),
  CONTPTE_BASIC("contpte-basic", ContPteDesign.BASIC),
  CONTPTE_BATCH("contpte-batch", ContPteDesign.BATCHED),
  CONTPTE_INLINE("contpte-inline", ContPteDesign.INLINE),
  CONTPTE_FOLD("contpte-fold", ContPteDesign.FOLD);

  private static final Map<String, KernelVersion> BY_NAME = new HashMap<>();

  static {
    for (KernelVersion version : values()) {
      BY_NAME.put(version.text, version);
    }
  }

  private final String text;
  private final HostArchitecture architecture;
  private final RmapDesign rmap;
  private final GatherDesign gather;

  /** Null without contiguous entries. */
  private final ContPteDesign contpte;

  KernelVersion(String text, RmapDesign rmap, GatherDesign gather) {
    this.text = text;
    this.architecture = HostArchitecture.X86_64;
    this.rmap = rmap;
    this.gather = gather;
    this.contpte = null;
  }

  KernelVersion(String text, ContPteDesign contpte) {
    this.text = text;
    this.architecture = HostArchitecture.ARM64;
    this.rmap = RmapDesign.LEVELS_BATCHED;
    this.gather = GatherDesign.RUNS;
    this.contpte = contpte;
  }

  /** Null if there is none of this name. */
  static KernelVersion of(String text) {
    return BY_NAME.get(text);
  }

  /** A kernel of this version with so many pages of 4 KiB. */
  Kernel kernel(long pages, ThpSettings thp) {
    KernelConfig config =
        KernelConfig.of(architecture, HostGranule.BASE_4K, pages)
            .withThp(thp)
            .withRmap(rmap)
            .withGather(gather)
            .withContPte(contpte);
    return ModelledMachine.kernel(config);
  }
}
