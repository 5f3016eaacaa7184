package dev.quire.lab.preset;

import dev.quire.lab.yaml.YamlNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Takes a preset's tree apart: checks keys, reads {@code {value, source, confidence}}, remembers
 * every field, and turns each mistake into a line of the file.
 */
final class PresetFields {
  private static final int MOST_DIGITS = 9;
  private static final int LONGEST_TEXT = 400;
  private static final List<String> FIELD = List.of("value", "source", "confidence");

  private final String file;
  private final Map<String, String> sources = new LinkedHashMap<>();
  private final List<PresetField> read = new ArrayList<>();

  PresetFields(String file) {
    this.file = file;
  }

  /** Every field read so far. */
  List<PresetField> all() {
    return read;
  }

  BadPresetException bad(int line, String what) {
    return new BadPresetException("%s, line %d: %s".formatted(file, line, what));
  }

  /** A map with these keys and no others. */
  YamlNode.Mapping mapping(YamlNode node, List<String> needed, List<String> optional) {
    if (!(node instanceof YamlNode.Mapping map)) {
      throw bad(
          node.line(),
          "%s where a map of %s was expected".formatted(node.kind(), String.join(", ", needed)));
    }
    for (String key : map.members().keySet()) {
      if (!needed.contains(key) && !optional.contains(key)) {
        List<String> known = new ArrayList<>(needed);
        known.addAll(optional);
        throw bad(
            map.keyLine(key),
            "unknown key '%s'; expected %s".formatted(key, String.join(", ", known)));
      }
    }
    for (String key : needed) {
      if (!map.members().containsKey(key)) {
        throw bad(map.line(), "key '%s' is missing".formatted(key));
      }
    }
    return map;
  }

  /** A text without source. */
  String plain(YamlNode.Mapping map, String key) {
    YamlNode node = map.members().get(key);
    if (node instanceof YamlNode.Scalar scalar
        && !scalar.text().isBlank()
        && scalar.text().length() <= LONGEST_TEXT
        && scalar.text().chars().noneMatch(Character::isISOControl)) {
      return scalar.text();
    }
    throw bad(node.line(), "%s: %s is not a text in one line".formatted(key, node.kind()));
  }

  void readSources(YamlNode node) {
    if (!(node instanceof YamlNode.Mapping map)) {
      throw bad(node.line(), "sources: a map of short names to documents was expected");
    }
    for (String key : map.members().keySet()) {
      sources.put(key, plain(map, key));
    }
  }

  /** The items of a plain list. */
  List<YamlNode> items(YamlNode.Mapping map, String key) {
    return sequence(map.members().get(key), key);
  }

  private List<YamlNode> sequence(YamlNode node, String key) {
    if (node instanceof YamlNode.Sequence sequence) {
      return sequence.items();
    }
    throw bad(node.line(), "%s: %s where a list was expected".formatted(key, node.kind()));
  }

  /** The value of a field with source and confidence. */
  YamlNode value(YamlNode.Mapping map, String path, String key) {
    YamlNode.Mapping field = mapping(map.members().get(key), FIELD, List.of());
    YamlNode value = field.members().get("value");
    String source = plain(field, "source");
    if (!sources.containsKey(source)) {
      throw bad(
          field.keyLine("source"),
          "source '%s' is not among the sources of this file".formatted(source));
    }
    Confidence confidence = choice(field.members().get("confidence"), Confidence.class);
    read.add(new PresetField(path + key, value.toString(), sources.get(source), confidence));
    return value;
  }

  List<YamlNode> list(YamlNode.Mapping map, String path, String key) {
    return sequence(value(map, path, key), key);
  }

  int number(YamlNode.Mapping map, String path, String key) {
    return number(value(map, path, key));
  }

  int number(YamlNode node) {
    if (node instanceof YamlNode.Scalar scalar
        && scalar.text().length() <= MOST_DIGITS
        && scalar.text().chars().allMatch(c -> c >= '0' && c <= '9')
        && !scalar.text().isEmpty()) {
      return Integer.parseInt(scalar.text());
    }
    throw bad(node.line(), node.kind() + " is not a whole number below a thousand million");
  }

  boolean truth(YamlNode.Mapping map, String path, String key) {
    YamlNode node = value(map, path, key);
    String text = node instanceof YamlNode.Scalar scalar ? scalar.text() : "";
    if (!text.equals("true") && !text.equals("false")) {
      throw bad(node.line(), key + ": " + node.kind() + " is neither true nor false");
    }
    return text.equals("true");
  }

  /** A page size as an order. */
  int order(YamlNode node) {
    int order = node instanceof YamlNode.Scalar scalar ? PageSize.parse(scalar.text()) : -1;
    if (order < 0) {
      throw bad(node.line(), node.kind() + " is not a page size such as 4k, 64k, 2m or 1g");
    }
    return order;
  }

  /** A constant of an enum, in lower case with '-' for '_', or as it is. */
  <E extends Enum<E>> E choice(YamlNode node, Class<E> type) {
    List<String> names = new ArrayList<>();
    for (E constant : type.getEnumConstants()) {
      String name = constant.name();
      String lower = name.toLowerCase(Locale.ROOT);
      // x86_64 keeps its underscore, and S, R, E are capitals everywhere.
      String written =
          name.length() == 1 ? name : lower.contains("86_") ? lower : lower.replace('_', '-');
      if (node instanceof YamlNode.Scalar scalar && scalar.text().equals(written)) {
        return constant;
      }
      names.add(written);
    }
    throw bad(node.line(), node.kind() + " is not one of " + String.join(", ", names));
  }

  /** Makes a record whose own checks may refuse it. */
  <T> T checked(YamlNode.Mapping map, Supplier<T> maker) {
    try {
      return maker.get();
    } catch (IllegalArgumentException e) {
      throw new BadPresetException(
          "%s, line %d: %s".formatted(file, map.line(), e.getMessage()), e);
    }
  }
}
