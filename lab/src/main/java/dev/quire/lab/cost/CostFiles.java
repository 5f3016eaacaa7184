package dev.quire.lab.cost;

import dev.quire.kernel.cost.Price;
import dev.quire.kernel.cost.Price.Basis;
import dev.quire.kernel.stat.Primitive;
import dev.quire.lab.preset.Confidence;
import dev.quire.lab.yaml.YamlNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The prices that ship with Quire. A machine has two files: MACHINE.yaml, written by hand, with
 * what was taken from documents, each value with source and confidence; MACHINE.fitted.yaml,
 * written by {@code quire reproduce --fit}, with what came out of the fit and the rows it used.
 */
public final class CostFiles {
  private static final String FOLDER = "/dev/quire/lab/costs/";
  private static final List<String> MACHINES =
      List.of("icelake", "x86-2025-03", "x86-2025-09", "epyc-7b13", "xeon-4210r", "altra", "m2-vm");

  /** Machines without a price of their own for most operations: those of another hold. */
  private static final Map<String, String> LIKE =
      Map.of(
          "m2-vm", "altra",
          "altra", "xeon-4210r",
          "epyc-7b13", "icelake",
          "x86-2025-03", "icelake",
          "x86-2025-09", "x86-2025-03");

  private CostFiles() {}

  /** The machines with prices. */
  public static List<String> machines() {
    return MACHINES;
  }

  /** All prices of a machine. */
  public static MachineCosts load(String machine) {
    return load(machine, Map.of());
  }

  private static MachineCosts load(String machine, Map<String, Map<String, Price>> newlyFitted) {
    Map<String, Price> fitted = newlyFitted.getOrDefault(machine, fitted(machine));
    MachineCosts own = ownPrices(machine);
    for (String name : fitted.keySet()) {
      if (own.prices().containsKey(name)) {
        throw new BadCostException(
            "%s: %s is taken in one file and fitted in the other".formatted(machine, name));
      }
    }
    return taken(machine, newlyFitted).with(fitted);
  }

  /**
   * What was taken alone, with all prices of the machine it is like.
   *
   * @param newlyFitted fitted prices by machine, where those that ship are not to be used
   */
  public static MachineCosts taken(String machine, Map<String, Map<String, Price>> newlyFitted) {
    MachineCosts own = ownPrices(machine);
    String like = LIKE.get(machine);
    return like == null
        ? own
        : new MachineCosts(machine, own.about(), load(like, newlyFitted).prices())
            .with(own.prices());
  }

  private static MachineCosts ownPrices(String machine) {
    if (!MACHINES.contains(machine)) {
      throw new BadCostException(
          "unknown machine '%s': choose one of %s".formatted(machine, String.join(", ", MACHINES)));
    }
    return readTaken(DataFile.shipped(FOLDER, machine + ".yaml"));
  }

  /** What was fitted alone; empty before the first fit. */
  public static Map<String, Price> fitted(String machine) {
    String name = machine + ".fitted.yaml";
    String text = DataFile.shippedText(FOLDER, name);
    return text == null ? Map.of() : readFitted(DataFile.parse(name, text));
  }

  /** Whether fitted prices are those that ship, to a part in a million. */
  public static boolean agrees(String machine, Map<String, Double> nanos) {
    Map<String, Price> shipped = fitted(machine);
    boolean agrees = shipped.keySet().equals(nanos.keySet());
    for (Map.Entry<String, Double> price : nanos.entrySet()) {
      Price other = shipped.get(price.getKey());
      agrees =
          agrees && Math.abs(price.getValue() - other.nanos()) <= 1e-6 * Math.abs(other.nanos());
    }
    return agrees;
  }

  /** Reads MACHINE.yaml. */
  static MachineCosts readTaken(DataFile file) {
    YamlNode.Mapping root = file.root();
    file.keys(root, List.of("machine", "about", "sources", "prices"), List.of());
    YamlNode.Mapping sources = file.mapping(file.member(root, "sources"), "sources");
    Map<String, Price> prices = new LinkedHashMap<>();
    YamlNode.Mapping list = file.mapping(file.member(root, "prices"), "prices");
    list.members()
        .forEach(
            (name, node) -> {
              requireName(file, node, name);
              YamlNode.Mapping map = file.mapping(node, name);
              file.keys(map, List.of("ns", "source", "confidence"), List.of());
              String source = file.text(map, "source");
              if (!sources.members().containsKey(source)) {
                throw file.bad(
                    map, "source '%s' is not among the sources of this file".formatted(source));
              }
              Confidence confidence = file.choice(map, "confidence", Confidence.class, null);
              prices.put(
                  name,
                  price(
                      file,
                      map,
                      Basis.TAKEN,
                      "%s (%s)".formatted(file.text(sources, source), confidence.text())));
            });
    return new MachineCosts(file.text(root, "machine"), file.text(root, "about"), prices);
  }

  /** Reads MACHINE.fitted.yaml. */
  static Map<String, Price> readFitted(DataFile file) {
    YamlNode.Mapping root = file.root();
    file.keys(root, List.of("machine", "rows", "prices"), List.of());
    String source = "fitted on " + String.join(", ", file.texts(root, "rows"));
    Map<String, Price> prices = new LinkedHashMap<>();
    file.mapping(file.member(root, "prices"), "prices")
        .members()
        .forEach(
            (name, node) -> {
              requireName(file, node, name);
              YamlNode.Mapping map = file.mapping(node, name);
              file.keys(map, List.of("ns"), List.of());
              prices.put(name, price(file, map, Basis.FITTED, source));
            });
    return prices;
  }

  /** The text of MACHINE.fitted.yaml. */
  public static String fittedText(String machine, List<String> rows, Map<String, Double> prices) {
    StringBuilder text = new StringBuilder();
    text.append(
        "# Written by `quire reproduce --fit`: least squares on these rows; do not edit.\n");
    text.append("machine: ").append(machine).append("\nrows:\n");
    rows.forEach(row -> text.append("  - \"").append(row).append("\"\n"));
    text.append("prices:\n");
    new TreeMap<>(prices)
        .forEach(
            (name, nanos) ->
                text.append(
                    String.format(Locale.ROOT, "  %s: {ns: %.9e}%n", name, nanos)
                        .replace("e+", "e")));
    return text.toString();
  }

  private static Price price(DataFile file, YamlNode.Mapping map, Basis basis, String source) {
    try {
      return new Price(file.number(map, "ns"), basis, source);
    } catch (IllegalArgumentException e) {
      throw file.bad(map, e.getMessage());
    }
  }

  /** A primitive of the kernel, or work outside it in lower case. */
  private static void requireName(DataFile file, YamlNode node, String name) {
    boolean primitive = false;
    for (Primitive known : Primitive.values()) {
      primitive |= known.name().equals(name);
    }
    if (!primitive && !name.matches("[a-z][a-z0-9-]{0,40}")) {
      throw file.bad(
          node,
          "'%s' is neither a primitive of the kernel nor a name in lower case".formatted(name));
    }
  }
}
