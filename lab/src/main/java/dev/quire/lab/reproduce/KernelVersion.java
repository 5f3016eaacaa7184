package dev.quire.lab.reproduce;

import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.mm.KernelConfig;
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
  LINUX_6_12("linux-6.12", RmapDesign.MINIMIZED_NR_MAPPED, GatherDesign.RUNS);

  private static final Map<String, KernelVersion> BY_NAME = new HashMap<>();

  static {
    for (KernelVersion version : values()) {
      BY_NAME.put(version.text, version);
    }
  }

  private final String text;
  private final RmapDesign rmap;
  private final GatherDesign gather;

  KernelVersion(String text, RmapDesign rmap, GatherDesign gather) {
    this.text = text;
    this.rmap = rmap;
    this.gather = gather;
  }

  /** Null if there is none of this name. */
  static KernelVersion of(String text) {
    return BY_NAME.get(text);
  }

  KernelConfig configure(KernelConfig config) {
    return config.withRmap(rmap).withGather(gather);
  }
}
