package dev.quire.lab.cost;

import dev.quire.kernel.cost.CostModel;
import dev.quire.kernel.cost.Price;
import dev.quire.kernel.stat.Primitive;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The prices of one machine: the kernel's primitives and work outside the kernel. Immutable.
 *
 * @param machine its short name
 * @param about in a line
 * @param prices by the names of {@link Amounts}
 */
public record MachineCosts(String machine, String about, Map<String, Price> prices) {
  /** Not a price of its own: what all prices are multiplied by, on a machine like another. */
  public static final String HOST_FACTOR = "host-factor";

  public MachineCosts {
    prices = Map.copyOf(new TreeMap<>(prices));
  }

  /** Nanoseconds; what has no price costs nothing. */
  public double nanos(Amounts amounts) {
    double sum = 0;
    for (Map.Entry<String, Double> amount : amounts.byName().entrySet()) {
      Price price = prices.get(amount.getKey());
      sum += price == null ? 0 : price.nanos() * amount.getValue();
    }
    Price factor = prices.get(HOST_FACTOR);
    return factor == null ? sum : sum * factor.nanos();
  }

  /** These prices with others put in, by name. */
  public MachineCosts with(Map<String, Price> others) {
    Map<String, Price> all = new TreeMap<>(prices);
    all.putAll(others);
    return new MachineCosts(machine, about, all);
  }

  /** These prices less some, by name. */
  public MachineCosts without(Set<String> names) {
    Map<String, Price> rest = new TreeMap<>(prices);
    rest.keySet().removeAll(names);
    return new MachineCosts(machine, about, rest);
  }

  /** The kernel's part, for those who count on a modelled kernel. */
  public CostModel kernel() {
    Map<Primitive, Price> kernel = new EnumMap<>(Primitive.class);
    for (Primitive primitive : Primitive.values()) {
      if (prices.containsKey(primitive.name())) {
        kernel.put(primitive, prices.get(primitive.name()));
      }
    }
    return new CostModel(machine, kernel);
  }
}
