package dev.quire.lab.reproduce;

import dev.quire.lab.contention.PagingMode;
import dev.quire.lab.cost.DataFile;
import dev.quire.lab.reproduce.Formula.Form;
import dev.quire.lab.reproduce.PublishedRow.Bound;
import dev.quire.lab.yaml.YamlNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What was published of one experiment.
 *
 * @param experiment its name on the command line
 * @param about in a line
 * @param rows by name, in the order of the file
 * @param ladders whose order the model has to get right
 */
public record Published(
    String experiment, String about, Map<String, PublishedRow> rows, List<Ladder> ladders) {
  private static final String FOLDER = "/dev/quire/lab/reproduce/";
  private static final List<String> NAMES =
      List.of(
          "guest-memfd-population",
          "write-vs-memcpy",
          "snapshot-restore",
          "large-anon-folios",
          "mmap-exit",
          "rmap");
  private static final String RATE = "kpages/s";
  private static final int MOST_VCPUS = 1024;
  private static final Map<String, Double> UNIT_NANOS =
      Map.of("s", 1e9, "ms", 1e6, "us", 1e3, "ns", 1.0);

  /**
   * Rows that have an order among each other.
   *
   * @param ties published figures no further apart than this have no order
   */
  public record Ladder(String name, double ties, List<String> rows) {}

  /** The experiments there are. */
  public static List<String> names() {
    return NAMES;
  }

  /** Reads what ships with Quire. */
  public static Published load(String experiment) {
    return read(DataFile.shipped(FOLDER, experiment + ".yaml"));
  }

  /** Reads a file. */
  static Published read(DataFile file) {
    YamlNode.Mapping root = file.root();
    file.keys(root, List.of("experiment", "about", "sources", "rows", "ladders"), List.of());
    YamlNode.Mapping sources = file.mapping(file.member(root, "sources"), "sources");
    Map<String, PublishedRow> rows = new LinkedHashMap<>();
    for (YamlNode item : file.items(root, "rows")) {
      PublishedRow row = row(file, file.mapping(item, "row"), sources);
      if (rows.put(row.name(), row) != null) {
        throw file.bad(item, "row '%s' is here twice".formatted(row.name()));
      }
    }
    for (YamlNode item : file.items(root, "rows")) {
      String other = file.textOrNull(file.mapping(item, "row"), "no_change");
      if (other != null && !rows.containsKey(other)) {
        throw file.bad(item, "no_change: there is no row '%s'".formatted(other));
      }
    }
    List<Ladder> ladders = new ArrayList<>();
    for (YamlNode item : file.items(root, "ladders")) {
      YamlNode.Mapping map = file.mapping(item, "ladder");
      file.keys(map, List.of("name", "ties", "rows"), List.of());
      List<String> names = file.texts(map, "rows");
      for (String name : names) {
        if (!rows.containsKey(name)) {
          throw file.bad(item, "there is no row '%s'".formatted(name));
        }
      }
      ladders.add(new Ladder(file.text(map, "name"), file.number(map, "ties"), names));
    }
    return new Published(
        file.text(root, "experiment"), file.text(root, "about"), rows, List.copyOf(ladders));
  }

  private static PublishedRow row(DataFile file, YamlNode.Mapping map, YamlNode.Mapping sources) {
    file.keys(
        map,
        List.of("name", "unit", "published", "source"),
        List.of(
            "bound",
            "machine",
            "no_change",
            "of",
            "before",
            "after",
            "form",
            "count",
            "paging",
            "vcpus",
            "not_modelled",
            "off"));
    String unit = file.text(map, "unit");
    String source = file.text(map, "source");
    if (!sources.members().containsKey(source)) {
      throw file.bad(map, "source '%s' is not among the sources".formatted(source));
    }
    Formula formula = formula(file, map, unit);
    String machine = file.textOrNull(map, "machine");
    boolean priced =
        formula instanceof Formula.Time
            || formula instanceof Formula.Change
            || formula instanceof Formula.Rate;
    if (priced != (machine != null)) {
      throw file.bad(map, priced ? "machine is missing" : "machine: no price is needed here");
    }
    return new PublishedRow(
        file.text(map, "name"),
        unit,
        published(file, map),
        file.choice(map, "bound", Bound.class, Bound.NONE),
        formula,
        machine,
        file.textOrNull(map, "no_change"),
        file.text(sources, source),
        file.textOrNull(map, "off"));
  }

  /** A figure, or NaN for {@code null}: nobody published one. */
  private static double published(DataFile file, YamlNode.Mapping map) {
    return file.text(map, "published").equals("null") ? Double.NaN : file.number(map, "published");
  }

  private static Formula rate(DataFile file, YamlNode.Mapping map, String unit) {
    double vcpus = file.number(map, "vcpus");
    if (vcpus < 1 || vcpus > MOST_VCPUS || vcpus != Math.rint(vcpus)) {
      throw file.bad(map, "vcpus: a whole number from 1 to " + MOST_VCPUS + " was expected");
    }
    PagingMode mode = file.choice(map, "paging", PagingMode.class, null);
    if (mode == null) {
      throw file.bad(map, "paging is missing");
    }
    return new Formula.Rate(mode, (int) vcpus, unit.equals(RATE + "/vCPU"));
  }

  private static Formula formula(DataFile file, YamlNode.Mapping map, String unit) {
    if (map.members().containsKey("not_modelled")) {
      return new Formula.NotModelled(file.text(map, "not_modelled"));
    }
    if (map.members().containsKey("count")) {
      return new Formula.Count(file.text(map, "of"), file.text(map, "count"));
    }
    if (unit.equals("%")) {
      return new Formula.Change(
          file.text(map, "before"),
          file.text(map, "after"),
          file.choice(map, "form", Form.class, Form.CHANGE));
    }
    if (unit.startsWith(RATE)) {
      return rate(file, map, unit);
    }
    Double nanos = UNIT_NANOS.get(unit);
    if (nanos == null) {
      throw file.bad(map, "unit '%s': one of %%, s, ms, us, ns, kpages/s or count".formatted(unit));
    }
    return new Formula.Time(file.text(map, "of"), nanos);
  }
}
