package dev.quire.lab.replay;

import dev.quire.emulator.json.JsonValues;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Compares what was recorded of one operation with what the model answered, field by field. Not
 * compared are counters of the whole machine that recordings do not agree about.
 */
final class Comparison {
  /** Minor faults that a recording on a host with shadow paging may have counted too many. */
  private static final long MOST_SPURIOUS_FAULTS = 1;

  private static final String THP_EVENTS = "thp_";

  /** The huge zero page is one for the machine: who needs it first is not the process's doing. */
  private static final String HUGE_ZERO_EVENTS = "thp_zero_page_alloc";

  /** Of shmem and files only: recordings that list the sizes of anonymous memory lack it. */
  private static final String SMALLEST_SIZE = "8kB.";

  private final int index;
  private final ScriptOp op;
  private final List<Difference> differences;

  Comparison(int index, ScriptOp op, List<Difference> differences) {
    this.index = index;
    this.op = op;
    this.differences = differences;
  }

  /** Adds what differs to the differences. */
  void compare(
      Map<String, Object> recorded,
      Map<String, Object> seen,
      boolean globalCountersReliable,
      boolean spuriousFaults) {
    for (Map.Entry<String, Object> field : recorded.entrySet()) {
      String name = field.getKey();
      Object expected = field.getValue();
      switch (name) {
        case ObservedFields.OP -> {}
        case ObservedFields.THP, ObservedFields.VMSTAT -> {
          if (globalCountersReliable) {
            counters(name, expected, seen.get(name));
          }
        }
        case ObservedFields.SEGS, ObservedFields.VMAS, ObservedFields.INCORE ->
            list(name, expected, seen.get(name));
        case ObservedFields.RET, ObservedFields.ERRNO -> {
          // A recording may give mincore's answer in members of its own alone.
          boolean elsewhere =
              recorded.containsKey(ObservedFields.MINCORE_RET) && Long.valueOf(0).equals(expected);
          if (!elsewhere) {
            value(name, expected, seen);
          }
        }
        case ObservedFields.MINFLT -> minorFaults(expected, seen.get(name), spuriousFaults);
        default -> value(name, expected, seen);
      }
    }
    for (String name : ObservedFields.OCCASIONAL) {
      if (seen.containsKey(name) && !recorded.containsKey(name)) {
        differ(name, "none", text(seen.get(name)));
      }
    }
  }

  private void value(String name, Object expected, Map<String, Object> seen) {
    if (!seen.containsKey(name)) {
      boolean known = ObservedFields.OCCASIONAL.contains(name);
      differ(name, text(expected), known ? "none" : "nothing: the field is not modelled");
    } else if (!Objects.equals(expected, seen.get(name))) {
      differ(name, text(expected), text(seen.get(name)));
    }
  }

  private void minorFaults(Object expected, Object got, boolean spuriousFaults) {
    boolean tolerated =
        spuriousFaults
            && expected instanceof Long recorded
            && got instanceof Long counted
            && recorded >= counted
            && recorded - counted <= MOST_SPURIOUS_FAULTS;
    if (!tolerated && !Objects.equals(expected, got)) {
      differ(ObservedFields.MINFLT, text(expected), text(got));
    }
  }

  /** Counters that are not named are 0 on both sides. */
  private void counters(String field, Object expected, Object got) {
    if (!(expected instanceof Map<?, ?> recorded)) {
      differ(field, text(expected), text(got));
      return;
    }
    Map<?, ?> counted = (Map<?, ?>) got;
    TreeSet<String> names = new TreeSet<>();
    recorded.keySet().forEach(name -> names.add((String) name));
    for (Object key : counted.keySet()) {
      String name = (String) key;
      boolean always =
          field.equals(ObservedFields.THP)
              ? !name.startsWith(SMALLEST_SIZE)
              : name.startsWith(THP_EVENTS) && !name.startsWith(HUGE_ZERO_EVENTS);
      if (always) {
        names.add(name);
      }
    }
    for (String name : names) {
      Object before = recorded.containsKey(name) ? recorded.get(name) : Long.valueOf(0);
      Object after = counted.containsKey(name) ? counted.get(name) : Long.valueOf(0);
      if (!Objects.equals(before, after)) {
        differ(field + "." + name, text(before), text(after));
      }
    }
  }

  private void list(String field, Object expected, Object got) {
    if (!(expected instanceof List<?> recorded) || !(got instanceof List<?> found)) {
      differ(field, text(expected), got == null ? "nothing" : text(got));
      return;
    }
    int common = Math.min(recorded.size(), found.size());
    for (int i = 0; i < common; i++) {
      if (!Objects.equals(recorded.get(i), found.get(i))) {
        differ(
            "%s[%d of %d]".formatted(field, i, recorded.size()),
            text(recorded.get(i)),
            text(found.get(i)) + (found.size() == recorded.size() ? "" : of(found.size())));
        return;
      }
    }
    if (recorded.size() != found.size()) {
      differ(
          "%s[%d of %d]".formatted(field, common, recorded.size()),
          common < recorded.size() ? text(recorded.get(common)) : "no more",
          (common < found.size() ? text(found.get(common)) : "no more") + of(found.size()));
    }
  }

  private static String of(int size) {
    return " (of " + size + ")";
  }

  private void differ(String field, String expected, String got) {
    differences.add(new Difference(index, op.text(), field, expected, got));
  }

  /** A value in one line: members of an object as name value pairs. */
  private static String text(Object value) {
    if (value instanceof Map<?, ?> members) {
      StringBuilder text = new StringBuilder();
      for (Map.Entry<?, ?> member : new TreeMap<>(members).entrySet()) {
        text.append(text.isEmpty() ? "" : " ")
            .append(member.getKey())
            .append(' ')
            .append(member.getValue());
      }
      return "{" + text + "}";
    }
    return JsonValues.text(value);
  }
}
