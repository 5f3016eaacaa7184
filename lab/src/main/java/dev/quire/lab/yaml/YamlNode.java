package dev.quire.lab.yaml;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * A YAML document as a tree that knows its lines. Less than YAML: one document, no anchors, no key
 * twice, bounded depth. Scalars stay text, whatever their tags.
 */
public abstract sealed class YamlNode {
  private static final int DEEPEST = 12;

  private final int line;

  private YamlNode(int line) {
    this.line = line;
  }

  /** From 1. */
  public int line() {
    return line;
  }

  /** For messages. */
  public abstract String kind();

  /** A single value. */
  public static final class Scalar extends YamlNode {
    private final String text;

    private Scalar(int line, String text) {
      super(line);
      this.text = text;
    }

    public String text() {
      return text;
    }

    @Override
    public String kind() {
      return "'" + (text.length() > 40 ? text.substring(0, 40) + "..." : text) + "'";
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** A list. */
  public static final class Sequence extends YamlNode {
    private final List<YamlNode> items = new ArrayList<>();

    private Sequence(int line) {
      super(line);
    }

    public List<YamlNode> items() {
      return items;
    }

    @Override
    public String kind() {
      return "a list";
    }

    @Override
    public String toString() {
      return items.toString();
    }
  }

  /** Keys and values, in the order of the file. */
  public static final class Mapping extends YamlNode {
    private final Map<String, YamlNode> members = new LinkedHashMap<>();
    private final Map<String, Integer> keyLines = new LinkedHashMap<>();

    private Mapping(int line) {
      super(line);
    }

    public Map<String, YamlNode> members() {
      return members;
    }

    /** The line of a key that is there. */
    public int keyLine(String key) {
      return keyLines.get(key);
    }

    @Override
    public String kind() {
      return "a map";
    }

    @Override
    public String toString() {
      StringBuilder text = new StringBuilder();
      members.forEach(
          (key, value) -> text.append(text.isEmpty() ? "" : ", ").append(key + ": " + value));
      return text.toString();
    }
  }

  /**
   * Reads a document.
   *
   * @param file for messages
   * @throws BadYamlException if it is not YAML of this kind
   */
  public static YamlNode parse(String file, String text) {
    LoadSettings settings = LoadSettings.builder().setLabel(file).build();
    try {
      Iterator<Event> events = new Parse(settings).parseString(text).iterator();
      events.next();
      Event start = events.next();
      if (start.getEventId() != Event.ID.DocumentStart) {
        throw new BadYamlException(file + ": is empty");
      }
      YamlNode root = node(file, events, events.next(), 0);
      events.next();
      if (events.next().getEventId() != Event.ID.StreamEnd) {
        throw new BadYamlException(file + ": holds more than one document");
      }
      return root;
    } catch (MarkedYamlEngineException e) {
      int line = e.getProblemMark().map(mark -> mark.getLine() + 1).orElse(1);
      throw new BadYamlException(
          "%s, line %d: not YAML: %s".formatted(file, line, e.getProblem()), e);
    } catch (YamlEngineException e) {
      throw new BadYamlException(
          file + ": not YAML: " + e.getMessage().lines().findFirst().orElse(""), e);
    }
  }

  private static YamlNode node(String file, Iterator<Event> events, Event event, int depth) {
    int line = event.getStartMark().map(mark -> mark.getLine() + 1).orElse(1);
    boolean anchored = event instanceof NodeEvent node && node.getAnchor().isPresent();
    if (depth > DEEPEST || anchored) {
      throw new BadYamlException(
          "%s, line %d: %s"
              .formatted(file, line, anchored ? "anchors are not used here" : "nested too deep"));
    }
    return switch (event.getEventId()) {
      case Scalar -> new Scalar(line, ((ScalarEvent) event).getValue());
      case SequenceStart -> {
        Sequence sequence = new Sequence(line);
        for (Event next = events.next();
            next.getEventId() != Event.ID.SequenceEnd;
            next = events.next()) {
          sequence.items.add(node(file, events, next, depth + 1));
        }
        yield sequence;
      }
      case MappingStart -> {
        Mapping mapping = new Mapping(line);
        for (Event next = events.next();
            next.getEventId() != Event.ID.MappingEnd;
            next = events.next()) {
          YamlNode key = node(file, events, next, depth + 1);
          if (!(key instanceof Scalar name)) {
            throw new BadYamlException(
                "%s, line %d: a key is %s".formatted(file, key.line(), key.kind()));
          }
          mapping.keyLines.put(name.text(), name.line());
          if (mapping.members.put(name.text(), node(file, events, events.next(), depth + 1))
              != null) {
            throw new BadYamlException(
                "%s, line %d: key %s is here twice".formatted(file, key.line(), key.kind()));
          }
        }
        yield mapping;
      }
      default ->
          throw new BadYamlException(
              "%s, line %d: unexpected %s".formatted(file, line, event.getEventId()));
    };
  }
}
