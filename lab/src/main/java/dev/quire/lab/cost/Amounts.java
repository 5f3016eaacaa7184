package dev.quire.lab.cost;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * How much of what was done, by name: the kernel's primitives under their names, and work outside
 * the kernel under names in lower case. Immutable.
 */
public final class Amounts {
  public static final Amounts NONE = new Amounts(Map.of());

  private final TreeMap<String, Double> amounts;

  private Amounts(Map<String, Double> amounts) {
    this.amounts = new TreeMap<>(amounts);
    this.amounts.values().removeIf(amount -> amount == 0);
  }

  /** What a kernel counted. */
  public static Amounts of(KernelCounters.Snapshot counts) {
    Map<String, Double> amounts = new TreeMap<>();
    for (Primitive primitive : Primitive.values()) {
      amounts.put(primitive.name(), (double) counts.of(primitive));
    }
    return new Amounts(amounts);
  }

  /** So much of one thing. */
  public static Amounts of(String name, double amount) {
    return new Amounts(Map.of(name, amount));
  }

  public Amounts plus(Amounts other) {
    Map<String, Double> sum = new TreeMap<>(amounts);
    other.amounts.forEach((name, amount) -> sum.merge(name, amount, Double::sum));
    return new Amounts(sum);
  }

  public Amounts times(double factor) {
    Map<String, Double> product = new TreeMap<>();
    amounts.forEach((name, amount) -> product.put(name, amount * factor));
    return new Amounts(product);
  }

  /** Without one kind: what a test switches off. */
  public Amounts without(String name) {
    Map<String, Double> rest = new TreeMap<>(amounts);
    rest.remove(name);
    return new Amounts(rest);
  }

  /** 0 if there was none. */
  public double of(String name) {
    return amounts.getOrDefault(name, 0.0);
  }

  /** In the order of names. */
  public Map<String, Double> byName() {
    return Collections.unmodifiableMap(amounts);
  }

  @Override
  public String toString() {
    return amounts.toString();
  }
}
