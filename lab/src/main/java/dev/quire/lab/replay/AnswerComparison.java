package dev.quire.lab.replay;

import dev.quire.emulator.json.JsonValues;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Compares what was recorded of one operation of a session with what the model answered: every
 * field of either, exactly.
 */
final class AnswerComparison {
  private final int index;
  private final SessionOp op;
  private final List<Difference> differences;

  AnswerComparison(int index, SessionOp op, List<Difference> differences) {
    this.index = index;
    this.op = op;
    this.differences = differences;
  }

  /** Adds what differs to the differences. */
  void compare(Map<String, Object> recorded, Map<String, Object> seen) {
    Set<String> names = new LinkedHashSet<>(recorded.keySet());
    names.addAll(seen.keySet());
    names.remove(ObservedFields.OP);
    for (String name : names) {
      if (!Objects.equals(recorded.get(name), seen.get(name))) {
        differences.add(
            new Difference(index, op.text(), name, text(recorded, name), text(seen, name)));
      }
    }
  }

  private static String text(Map<String, Object> fields, String name) {
    return fields.containsKey(name) ? JsonValues.text(fields.get(name)) : "none";
  }
}
