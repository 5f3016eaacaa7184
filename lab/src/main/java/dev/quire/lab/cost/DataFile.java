package dev.quire.lab.cost;

import dev.quire.lab.yaml.BadYamlException;
import dev.quire.lab.yaml.YamlNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Takes a data file's tree apart: every mistake, an unknown key among them, is a {@link
 * BadCostException} that names file and line.
 */
public final class DataFile {
  private static final int LONGEST_TEXT = 400;

  private final String file;
  private final YamlNode.Mapping root;

  private DataFile(String file, YamlNode root) {
    this.file = file;
    this.root = mapping(root, "the file");
  }

  /** Reads a text; {@code file} is for messages. */
  public static DataFile parse(String file, String text) {
    try {
      return new DataFile(file, YamlNode.parse(file, text));
    } catch (BadYamlException e) {
      throw new BadCostException(e.getMessage(), e);
    }
  }

  /** Reads a file that ships with Quire. */
  public static DataFile shipped(String folder, String name) {
    String text = shippedText(folder, name);
    if (text == null) {
      throw new IllegalStateException("this build lacks " + folder + name);
    }
    return parse(name, text);
  }

  /** The text of a file that ships with Quire; null if there is none of this name. */
  public static String shippedText(String folder, String name) {
    try (InputStream input = DataFile.class.getResourceAsStream(folder + name)) {
      return input == null ? null : new String(input.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + folder + name, e);
    }
  }

  public YamlNode.Mapping root() {
    return root;
  }

  public BadCostException bad(YamlNode node, String what) {
    return bad(node.line(), what);
  }

  private BadCostException bad(int line, String what) {
    return new BadCostException("%s, line %d: %s".formatted(file, line, what));
  }

  /** A node that must be a map. */
  public YamlNode.Mapping mapping(YamlNode node, String what) {
    if (node instanceof YamlNode.Mapping map) {
      return map;
    }
    throw bad(node, "%s: %s where a map was expected".formatted(what, node.kind()));
  }

  /** Refuses keys that are neither needed nor allowed, and the lack of one that is needed. */
  public void keys(YamlNode.Mapping map, List<String> needed, List<String> allowed) {
    for (String key : map.members().keySet()) {
      if (!needed.contains(key) && !allowed.contains(key)) {
        List<String> known = new ArrayList<>(needed);
        known.addAll(allowed);
        throw bad(
            map.keyLine(key),
            "unknown key '%s': one of %s was expected".formatted(key, String.join(", ", known)));
      }
    }
    for (String key : needed) {
      if (!map.members().containsKey(key)) {
        throw bad(map, "key '%s' is missing".formatted(key));
      }
    }
  }

  /** A member that must be there. */
  public YamlNode member(YamlNode.Mapping map, String key) {
    YamlNode node = map.members().get(key);
    if (node == null) {
      throw bad(map, "key '%s' is missing".formatted(key));
    }
    return node;
  }

  public List<YamlNode> items(YamlNode.Mapping map, String key) {
    if (member(map, key) instanceof YamlNode.Sequence sequence) {
      return sequence.items();
    }
    throw bad(map.keyLine(key), "%s: a list was expected".formatted(key));
  }

  /** A text in one line. */
  public String text(YamlNode.Mapping map, String key) {
    return text(member(map, key));
  }

  public String text(YamlNode node) {
    if (node instanceof YamlNode.Scalar scalar
        && !scalar.text().isBlank()
        && scalar.text().length() <= LONGEST_TEXT
        && scalar.text().chars().noneMatch(Character::isISOControl)) {
      return scalar.text();
    }
    throw bad(node, node.kind() + " is not a text in one line");
  }

  /** A text, or null if the key is not there. */
  public String textOrNull(YamlNode.Mapping map, String key) {
    return map.members().containsKey(key) ? text(map, key) : null;
  }

  public List<String> texts(YamlNode.Mapping map, String key) {
    return items(map, key).stream().map(this::text).toList();
  }

  /** A finite number. */
  public double number(YamlNode.Mapping map, String key) {
    YamlNode node = member(map, key);
    String text = text(node);
    if (text.matches("-?[0-9]{1,12}(\\.[0-9]{1,20})?([eE]-?[0-9]{1,2})?")) {
      return Double.parseDouble(text);
    }
    throw bad(node, "%s: %s is not a number".formatted(key, node.kind()));
  }

  /** A constant of an enum, written in lower case with '-' for '_'. */
  public <E extends Enum<E>> E choice(YamlNode.Mapping map, String key, Class<E> type, E usual) {
    if (!map.members().containsKey(key)) {
      return usual;
    }
    String text = text(map, key);
    List<String> names = new ArrayList<>();
    for (E constant : type.getEnumConstants()) {
      String written = constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
      if (written.equals(text) || constant.name().equals(text)) {
        return constant;
      }
      names.add(written);
    }
    throw bad(
        member(map, key),
        "%s: '%s' is not one of %s".formatted(key, text, String.join(", ", names)));
  }
}
