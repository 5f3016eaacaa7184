package dev.quire.lab.reproduce;

import dev.quire.lab.cost.DataFile;
import dev.quire.lab.yaml.YamlNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What the fit of an experiment may use, decided before it ran: the prices that are free and the
 * rows they are fitted on. Every other row is a prediction.
 *
 * @param experiment its name
 * @param machines one part a machine
 * @param implied rows that follow from fitted ones alone: no prediction, no equation either
 */
public record Plan(String experiment, List<Part> machines, Set<String> implied) {
  private static final String FOLDER = "/dev/quire/lab/reproduce/";

  /**
   * One machine's part.
   *
   * @param fitted names of rows
   */
  public record Part(String machine, List<Free> free, List<String> fitted) {}

  /**
   * One free price.
   *
   * @param ties names of prices that are the same
   */
  public record Free(String price, List<String> ties) {
    /** All prices that are this one unknown. */
    List<String> names() {
      List<String> names = new ArrayList<>(List.of(price));
      names.addAll(ties);
      return names;
    }
  }

  /** Reads the plan that ships with Quire; checked against the rows. */
  public static Plan load(Published published) {
    return read(DataFile.shipped(FOLDER, published.experiment() + ".plan.yaml"), published);
  }

  static Plan read(DataFile file, Published published) {
    YamlNode.Mapping root = file.root();
    file.keys(root, List.of("experiment", "machines"), List.of("implied"));
    List<Part> parts = new ArrayList<>();
    Set<String> used = new LinkedHashSet<>();
    for (YamlNode item : file.items(root, "machines")) {
      YamlNode.Mapping map = file.mapping(item, "machine");
      file.keys(map, List.of("machine", "free", "fitted"), List.of());
      List<Free> free = new ArrayList<>();
      for (YamlNode entry : file.items(map, "free")) {
        YamlNode.Mapping price = file.mapping(entry, "free");
        file.keys(price, List.of("price", "why"), List.of("ties"));
        file.text(price, "why");
        List<String> ties =
            price.members().containsKey("ties") ? file.texts(price, "ties") : List.of();
        free.add(new Free(file.text(price, "price"), ties));
      }
      String machine = file.text(map, "machine");
      List<String> fitted = file.texts(map, "fitted");
      for (String name : fitted) {
        PublishedRow row = row(file, item, published, name, used);
        if (!machine.equals(row.machine())) {
          throw file.bad(item, "row '%s' is not of machine %s".formatted(name, machine));
        }
      }
      parts.add(new Part(machine, List.copyOf(free), fitted));
    }
    Set<String> implied = new LinkedHashSet<>();
    if (root.members().containsKey("implied")) {
      for (YamlNode item : file.items(root, "implied")) {
        implied.add(row(file, item, published, file.text(item), used).name());
      }
    }
    Plan plan = new Plan(file.text(root, "experiment"), List.copyOf(parts), implied);
    if (!plan.experiment().equals(published.experiment())) {
      throw file.bad(root, "the plan of another experiment: " + plan.experiment());
    }
    return plan;
  }

  private static PublishedRow row(
      DataFile file, YamlNode node, Published published, String name, Set<String> used) {
    PublishedRow row = published.rows().get(name);
    if (row == null) {
      throw file.bad(node, "there is no row '%s'".formatted(name));
    }
    if (row.bound() != PublishedRow.Bound.NONE) {
      throw file.bad(node, "row '%s' is a bound: nothing can be fitted on it".formatted(name));
    }
    if (Double.isNaN(row.published())) {
      throw file.bad(node, "row '%s' has no published figure to be fitted on".formatted(name));
    }
    if (!used.add(name)) {
      throw file.bad(node, "row '%s' is here twice".formatted(name));
    }
    return row;
  }

  /** How many prices are free. */
  public int freePrices() {
    return machines.stream().mapToInt(part -> part.free().size()).sum();
  }

  /** How many rows have an equation in the fit. */
  public int fittedRows() {
    return machines.stream().mapToInt(part -> part.fitted().size()).sum();
  }

  public boolean isFitted(String row) {
    return implied.contains(row) || machines.stream().anyMatch(part -> part.fitted().contains(row));
  }
}
