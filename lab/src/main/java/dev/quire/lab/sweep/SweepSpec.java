package dev.quire.lab.sweep;

import dev.quire.lab.yaml.BadYamlException;
import dev.quire.lab.yaml.YamlNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A grid of runs of one command: docs/SWEEPS.md gives the file's form. Strict: what it does not
 * know it refuses, with the line.
 */
public final class SweepSpec {
  private static final int MOST_CELLS = 1_000_000;
  private static final Pattern PLACE = Pattern.compile("\\{([^{}]*)\\}");
  private static final String NAME = "[a-z][a-z0-9_-]*";
  private static final List<String> KEYS =
      List.of("command", "arguments", "options", "axes", "timeout-seconds");

  /** A flag that every cell gets whose command has it: no cell finds what another left. */
  private static final String RECORD_ANEW = "record-anew";

  /** Options that say where results go: the sweep gives them itself. */
  private static final Set<String> OWN =
      Set.of(
          "json",
          "quiet",
          "debug",
          "help",
          "report",
          "record",
          "trace",
          "gdb",
          RECORD_ANEW,
          "working-set");

  private final String file;
  private final String command;
  private final CommandShape shape;
  private final List<String> arguments = new ArrayList<>();
  private final Map<String, String> options = new LinkedHashMap<>();
  private final Map<String, List<String>> axes = new LinkedHashMap<>();
  private final Set<String> placed = new LinkedHashSet<>();
  private int timeoutSeconds;

  private SweepSpec(String file, String command, CommandShape shape) {
    this.file = file;
    this.command = command;
    this.shape = shape;
  }

  /**
   * Reads a spec.
   *
   * @param file for messages
   * @param commands those that can be swept
   * @throws BadSweepException naming file and line
   */
  public static SweepSpec read(String file, String text, Map<String, CommandShape> commands) {
    YamlNode root;
    try {
      root = YamlNode.parse(file, text);
    } catch (BadYamlException e) {
      throw new BadSweepException(e.getMessage(), e);
    }
    if (!(root instanceof YamlNode.Mapping map)) {
      throw bad(file, root.line(), root.kind() + " where keys were expected: " + list(KEYS));
    }
    for (String key : map.members().keySet()) {
      if (!KEYS.contains(key)) {
        throw bad(
            file, map.keyLine(key), "unknown key '" + key + "'; expected one of " + list(KEYS));
      }
    }
    for (String key : List.of("command", "axes")) {
      if (!map.members().containsKey(key)) {
        throw bad(file, map.line(), "key '" + key + "' is missing");
      }
    }
    YamlNode command = map.members().get("command");
    CommandShape shape = command instanceof YamlNode.Scalar name ? commands.get(name.text()) : null;
    if (shape == null) {
      throw bad(
          file,
          command.line(),
          command.kind() + " cannot be swept; commands: " + list(new TreeSet<>(commands.keySet())));
    }
    SweepSpec spec = new SweepSpec(file, ((YamlNode.Scalar) command).text(), shape);
    spec.readAxes(map.members().get("axes"));
    spec.readOptions(map.members().get("options"));
    spec.readArguments(map.members().get("arguments"));
    spec.readTimeout(map.members().get("timeout-seconds"));
    spec.checkAxes((YamlNode.Mapping) map.members().get("axes"));
    return spec;
  }

  private static String list(Iterable<String> names) {
    return String.join(", ", names);
  }

  private static BadSweepException bad(String file, int line, String what) {
    return new BadSweepException("%s, line %d: %s".formatted(file, line, what));
  }

  private BadSweepException bad(int line, String what) {
    return bad(file, line, what);
  }

  private void readAxes(YamlNode node) {
    if (!(node instanceof YamlNode.Mapping map) || map.members().isEmpty()) {
      throw bad(node.line(), "axes: names with lists of values were expected");
    }
    long cells = 1;
    for (Map.Entry<String, YamlNode> axis : map.members().entrySet()) {
      String name = axis.getKey();
      int line = map.keyLine(name);
      if (!name.matches(NAME)) {
        throw bad(line, "axis '" + name + "': a name is small letters, digits, - and _");
      }
      if (!(axis.getValue() instanceof YamlNode.Sequence sequence) || sequence.items().isEmpty()) {
        throw bad(line, "axis '" + name + "': a list of values was expected");
      }
      Set<String> values = new LinkedHashSet<>();
      for (YamlNode item : sequence.items()) {
        if (!values.add(scalar(item, name))) {
          throw bad(item.line(), "axis '" + name + "' has " + item.kind() + " twice");
        }
      }
      cells *= values.size();
      if (cells > MOST_CELLS) {
        throw bad(line, "the grid has more than %,d cells".formatted(MOST_CELLS));
      }
      axes.put(name, List.copyOf(values));
    }
  }

  private String scalar(YamlNode node, String where) {
    if (node instanceof YamlNode.Scalar scalar) {
      if (scalar.text().indexOf('\0') >= 0) {
        throw bad(node.line(), where + ": a value holds a NUL");
      }
      return scalar.text();
    }
    throw bad(node.line(), where + ": " + node.kind() + " where a single value was expected");
  }

  private void readOptions(YamlNode node) {
    if (node == null) {
      return;
    }
    if (!(node instanceof YamlNode.Mapping map)) {
      throw bad(node.line(), "options: names with values were expected");
    }
    for (Map.Entry<String, YamlNode> option : map.members().entrySet()) {
      String name = option.getKey();
      checkOption(name, map.keyLine(name));
      if (axes.containsKey(name)) {
        throw bad(map.keyLine(name), "'" + name + "' is an option and an axis: choose one");
      }
      String value;
      if (option.getValue() instanceof YamlNode.Sequence sequence) {
        List<String> items = new ArrayList<>();
        sequence.items().forEach(item -> items.add(scalar(item, name)));
        value = String.join(",", items);
      } else {
        value = scalar(option.getValue(), name);
      }
      checkFlag(name, value, option.getValue().line());
      findPlaces(value, option.getValue().line());
      options.put(name, value);
    }
  }

  private void checkOption(String name, int line) {
    if (OWN.contains(name)) {
      throw bad(line, "option '" + name + "' is the sweep's own: leave it out");
    }
    if (!shape.has(name)) {
      Set<String> known = new TreeSet<>(shape.valued());
      known.addAll(shape.flags());
      known.removeAll(OWN);
      throw bad(line, "'" + command + "' has no option '" + name + "'; options: " + list(known));
    }
  }

  private void checkFlag(String name, String value, int line) {
    if (shape.flags().contains(name) && !value.equals("true") && !value.equals("false")) {
      throw bad(line, "'" + name + "' is on or off: true or false, not '" + value + "'");
    }
  }

  private void readArguments(YamlNode node) {
    if (node == null) {
      return;
    }
    if (!(node instanceof YamlNode.Sequence sequence)) {
      throw bad(node.line(), "arguments: a list was expected");
    }
    for (YamlNode item : sequence.items()) {
      String argument = scalar(item, "arguments");
      boolean afterDashes = arguments.contains("--");
      if (argument.startsWith("-") && !argument.equals("--") && !afterDashes) {
        throw bad(item.line(), "'" + argument + "': options stand under 'options' or 'axes'");
      }
      findPlaces(argument, item.line());
      arguments.add(argument);
    }
  }

  private void findPlaces(String text, int line) {
    Matcher matcher = PLACE.matcher(text);
    while (matcher.find()) {
      if (!axes.containsKey(matcher.group(1))) {
        throw bad(line, matcher.group() + " names no axis; axes: " + list(axes.keySet()));
      }
      placed.add(matcher.group(1));
    }
  }

  private void readTimeout(YamlNode node) {
    if (node != null) {
      String text = scalar(node, "timeout-seconds");
      if (!text.matches("[1-9][0-9]{0,7}")) {
        throw bad(node.line(), "timeout-seconds: '" + text + "' is not a number of seconds");
      }
      timeoutSeconds = Integer.parseInt(text);
    }
  }

  /** An axis fills the places that name it, or is an option. */
  private void checkAxes(YamlNode.Mapping map) {
    for (String name : axes.keySet()) {
      if (!placed.contains(name)) {
        int line = map.keyLine(name);
        checkOption(name, line);
        axes.get(name).forEach(value -> checkFlag(name, value, line));
      }
    }
  }

  /** The command that is swept. */
  public String command() {
    return command;
  }

  /** How long one cell may run; 0 if there is no limit. */
  public int timeoutSeconds() {
    return timeoutSeconds;
  }

  /** What decides the results, for the manifest. */
  public Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "sweep");
    config.put("of", command);
    if (!arguments.isEmpty()) {
      config.put("arguments", List.copyOf(arguments));
    }
    if (!options.isEmpty()) {
      config.put("options", new LinkedHashMap<>(options));
    }
    config.put("axes", new LinkedHashMap<>(axes));
    if (timeoutSeconds != 0) {
      config.put("timeout_seconds", (long) timeoutSeconds);
    }
    return config;
  }

  /**
   * The grid: the last axis changes fastest.
   *
   * @param seed for cells, unless the spec gives one
   */
  public List<SweepCell> cells(long seed) {
    List<Map<String, String>> grid = List.of(Map.of());
    for (Map.Entry<String, List<String>> axis : axes.entrySet()) {
      List<Map<String, String>> finer = new ArrayList<>();
      for (Map<String, String> coarse : grid) {
        for (String value : axis.getValue()) {
          Map<String, String> cell = new LinkedHashMap<>(coarse);
          cell.put(axis.getKey(), value);
          finer.add(cell);
        }
      }
      grid = finer;
    }
    List<SweepCell> cells = new ArrayList<>();
    for (Map<String, String> cell : grid) {
      cells.add(SweepCell.of(cells.size(), typed(cell), commandLine(cell, seed)));
    }
    return cells;
  }

  private static Map<String, Object> typed(Map<String, String> cell) {
    Map<String, Object> values = new LinkedHashMap<>();
    cell.forEach(
        (name, value) ->
            values.put(
                name.replace('-', '_'),
                value.matches("0|-?[1-9][0-9]{0,17}") ? (Object) Long.valueOf(value) : value));
    return values;
  }

  private List<String> commandLine(Map<String, String> cell, long seed) {
    Map<String, String> values = new LinkedHashMap<>();
    options.forEach((name, value) -> values.put(name, filled(value, cell)));
    cell.forEach(
        (name, value) -> {
          if (!placed.contains(name)) {
            values.put(name, value);
          }
        });
    values.putIfAbsent("seed", Long.toString(seed));
    List<String> line = new ArrayList<>(List.of(command));
    values.forEach(
        (name, value) -> {
          if (shape.valued().contains(name)) {
            line.add("--" + name + "=" + value);
          } else if (value.equals("true")) {
            line.add("--" + name);
          }
        });
    if (shape.flags().contains(RECORD_ANEW)) {
      line.add("--" + RECORD_ANEW);
    }
    arguments.forEach(argument -> line.add(filled(argument, cell)));
    return line;
  }

  private static String filled(String text, Map<String, String> cell) {
    return PLACE
        .matcher(text)
        .replaceAll(place -> Matcher.quoteReplacement(cell.get(place.group(1))));
  }
}
