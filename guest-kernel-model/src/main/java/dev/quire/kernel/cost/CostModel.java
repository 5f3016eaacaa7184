package dev.quire.kernel.cost;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * Time on one machine as the sum of counts times prices. Linear on purpose: which operation a
 * change of mechanism saves is visible in the counts, and every price can be looked up. What it
 * leaves out is contention, and that the same operation costs more with cold caches. Immutable.
 */
public final class CostModel {
  private static final Primitive[] PRIMITIVES = Primitive.values();

  private final String machine;
  private final Map<Primitive, Price> prices;
  private final double[] nanos = new double[PRIMITIVES.length];

  /**
   * @param machine for reports
   * @param prices of the operations that cost something; others cost nothing
   */
  public CostModel(String machine, Map<Primitive, Price> prices) {
    this.machine = machine;
    this.prices = new EnumMap<>(Primitive.class);
    this.prices.putAll(prices);
    prices.forEach((primitive, price) -> nanos[primitive.ordinal()] = price.nanos());
  }

  public String machine() {
    return machine;
  }

  /** The price of one operation; null if it has none. */
  public Price price(Primitive primitive) {
    return prices.get(primitive);
  }

  /** The operations without a price: their time is in no result, or part of another's price. */
  public Set<Primitive> unpriced() {
    Set<Primitive> unpriced = EnumSet.allOf(Primitive.class);
    unpriced.removeAll(prices.keySet());
    return unpriced;
  }

  /** Nanoseconds of what was counted. */
  public double nanos(KernelCounters.Snapshot counts) {
    double sum = 0;
    for (Primitive primitive : PRIMITIVES) {
      sum += counts.of(primitive) * nanos[primitive.ordinal()];
    }
    return sum;
  }

  /** Nanoseconds of everything counted until now; allocates nothing. */
  public double nanos(KernelCounters counters) {
    double sum = 0;
    for (Primitive primitive : PRIMITIVES) {
      sum += counters.of(primitive) * nanos[primitive.ordinal()];
    }
    return sum;
  }
}
