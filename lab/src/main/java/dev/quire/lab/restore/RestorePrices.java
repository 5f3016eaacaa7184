package dev.quire.lab.restore;

import dev.quire.emulator.restore.HostWork;
import dev.quire.emulator.restore.RestoreCosts;
import dev.quire.kernel.cost.CostModel;
import dev.quire.kernel.cost.Price;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.lab.cost.MachineCosts;

/** The prices of one machine for a restore. Immutable. */
public final class RestorePrices implements RestoreCosts {
  private final String name;
  private final CostModel kernel;
  private final double factor;
  private final double[] work = new double[HostWork.values().length];

  /** What has no price costs nothing. */
  public RestorePrices(MachineCosts costs) {
    name = costs.machine();
    kernel = costs.kernel();
    Price slower = costs.prices().get(MachineCosts.HOST_FACTOR);
    factor = slower == null ? 1 : slower.nanos();
    for (HostWork kind : HostWork.values()) {
      Price price = costs.prices().get(kind.priceName());
      work[kind.ordinal()] = price == null ? 0 : price.nanos() * factor;
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public double nanos(KernelCounters counters) {
    return kernel.nanos(counters) * factor;
  }

  @Override
  public double nanos(HostWork kind) {
    return work[kind.ordinal()];
  }
}
