package dev.quire.lab.replay;

import dev.quire.emulator.json.JsonValues;
import java.util.HashMap;
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
  private static final String REGISTERS = "regs";
  private static final String FLAGS = "rflags";
  private static final String EXIT = "exit";
  private static final int SHUTDOWN = 8;
  private static final String NUMBER = "0x[0-9a-f]{1,16}";

  /** The resume flag. */
  private static final long RF = 1 << 16;

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
      Object expected = recorded.get(name);
      Object got = seen.get(name);
      if (name.equals(REGISTERS)) {
        expected = registers(expected, got, recorded.get(EXIT));
      }
      if (!Objects.equals(expected, got)) {
        differences.add(
            new Difference(index, op.text(), name, text(recorded, name), text(seen, name)));
      }
    }
  }

  /**
   * What is expected of a vCPU's registers. Where the processor of the recording had finished an
   * instruction that others have still before them, both values are there, and either will do. A
   * triple fault leaves RF to the processor.
   */
  private static Object registers(Object recorded, Object seen, Object exit) {
    if (!(recorded instanceof Map<?, ?> expected && seen instanceof Map<?, ?> got)) {
      return recorded;
    }
    Map<Object, Object> either = new HashMap<>(expected);
    Object other = either.remove("rip_hw");
    if (other != null && other.equals(got.get("rip"))) {
      either.put("rip", other);
    }
    if (Long.valueOf(SHUTDOWN).equals(exit) && sameButRf(either.get(FLAGS), got.get(FLAGS))) {
      either.put(FLAGS, got.get(FLAGS));
    }
    return either;
  }

  private static boolean sameButRf(Object one, Object other) {
    return one instanceof String first
        && other instanceof String second
        && first.matches(NUMBER)
        && second.matches(NUMBER)
        && ((Long.parseUnsignedLong(first.substring(2), 16)
                    ^ Long.parseUnsignedLong(second.substring(2), 16))
                & ~RF)
            == 0;
  }

  private static String text(Map<String, Object> fields, String name) {
    return fields.containsKey(name) ? JsonValues.text(fields.get(name)) : "none";
  }
}
