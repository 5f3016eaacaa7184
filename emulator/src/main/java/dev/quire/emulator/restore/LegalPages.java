package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.HostPagePolicy;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** The host page policies that a strategy can populate, and why not others. Immutable. */
final class LegalPages {
  private final String strategy;
  private final Set<HostMemoryKind> kinds;
  private final String why;

  /**
   * @param why no other memory: a clause
   */
  LegalPages(String strategy, String why, HostMemoryKind first, HostMemoryKind... others) {
    this.strategy = strategy;
    this.why = why;
    this.kinds = EnumSet.of(first, others);
  }

  /** The name of the strategy. */
  String strategy() {
    return strategy;
  }

  /**
   * @throws RestoreRefusedException if the policy is none of them
   */
  void require(HostPagePolicy pages) {
    if (!kinds.contains(pages.memory())) {
      throw new RestoreRefusedException(
          "strategy %s cannot populate host pages '%s': %s; choose one of %s"
              .formatted(strategy, pages, why, String.join(", ", names(pages.granule()))));
    }
  }

  private List<String> names(HostGranule granule) {
    String prefix = granule == HostGranule.BASE_4K ? "" : granule + ":";
    return HostPagePolicy.names(granule).stream()
        .map(name -> prefix + name)
        .filter(name -> kinds.contains(HostPagePolicy.parse(name).memory()))
        .toList();
  }
}
