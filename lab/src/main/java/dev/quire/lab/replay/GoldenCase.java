package dev.quire.lab.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One case of a golden file as it was read: a script, and what a kernel answered to each of its
 * operations. Nothing but the name is checked until {@link #script} is asked for.
 */
public final class GoldenCase {
  /** Operations of a case; recordings have some ten. */
  private static final int MOST_OPS = 10_000;

  private final String file;
  private final int line;
  private final String name;
  private final Map<String, Object> members;

  GoldenCase(String file, int line, String name, Map<String, Object> members) {
    this.file = file;
    this.line = line;
    this.name = name;
    this.members = members;
  }

  public String name() {
    return name;
  }

  public String group() {
    return members.get("group") instanceof String group ? group : "";
  }

  /** As they were read. */
  Map<String, Object> members() {
    return members;
  }

  /**
   * Whether it is a session: it says nothing of the kernel's settings, and observes what calls
   * answer, not the state they leave.
   */
  boolean isSession() {
    return !members.containsKey("config");
  }

  /** Whether it was recorded of what only its host has: another one may answer otherwise. */
  boolean isOfItsHost() {
    return truth("backend_specific", false);
  }

  /**
   * What is to be run and compared, of a case that is no session.
   *
   * @throws BadGoldenException if the case lacks something or an operation is no operation
   */
  Script script() {
    List<ScriptOp> ops = ops();
    List<Map<String, Object>> observed = observed(ops.stream().map(ScriptOp::text).toList());
    boolean stable = truth("stable", true);
    boolean reliable = truth("global_counters_reliable", true);
    Script script = new Script(config(), ops, observed, stable, reliable);
    for (int i = 0; i < ops.size(); i++) {
      for (String field : ObservedFields.required(ops.get(i))) {
        if (!observed.get(i).containsKey(field)) {
          throw bad(i, "what was observed lacks '" + field + "'");
        }
      }
    }
    return script;
  }

  /** The operations as they stand in the file. */
  List<String> texts() {
    if (!(members.get("ops") instanceof List<?> texts) || texts.isEmpty()) {
      throw bad("'ops' is not a list of operations");
    }
    if (texts.size() > MOST_OPS) {
      throw bad("more than " + MOST_OPS + " operations");
    }
    List<String> ops = new ArrayList<>();
    for (Object text : texts) {
      if (!(text instanceof String op)) {
        throw bad(ops.size(), "is not text");
      }
      ops.add(op);
    }
    return ops;
  }

  private List<ScriptOp> ops() {
    List<String> texts = texts();
    List<ScriptOp> ops = new ArrayList<>();
    boolean child = false;
    boolean file = false;
    for (int i = 0; i < texts.size(); i++) {
      String text = texts.get(i);
      ScriptOp op;
      try {
        op = OpParser.parse(text);
      } catch (BadOpException e) {
        throw bad(i, text, e.getMessage());
      }
      ops.add(op);
      boolean needsChild = op.child() || op.call() instanceof ScriptOp.ChildExit;
      if (needsChild && !child) {
        throw bad(i, text, "there is no forked child");
      }
      if (op.call() instanceof ScriptOp.Fork && (child || op.child())) {
        throw bad(i, text, "there is a forked child already");
      }
      if (op.call() instanceof ScriptOp.ChildExit && op.child()) {
        throw bad(i, text, "the parent ends the child");
      }
      if (needsFile(op) && !file) {
        throw bad(i, text, "no file was opened");
      }
      file |= op.call() instanceof ScriptOp.Open;
      child =
          (child || op.call() instanceof ScriptOp.Fork)
              && !(op.call() instanceof ScriptOp.ChildExit);
    }
    return ops;
  }

  private static boolean needsFile(ScriptOp op) {
    return switch (op.call()) {
      case ScriptOp.MapFile _,
          ScriptOp.WriteFile _,
          ScriptOp.ReadFile _,
          ScriptOp.SyncFile _,
          ScriptOp.DropCache _,
          ScriptOp.PunchHole _,
          ScriptOp.AllocateFile _,
          ScriptOp.Truncate _ ->
          true;
      default -> false;
    };
  }

  /** What was observed of each operation. */
  List<Map<String, Object>> observed(List<String> ops) {
    int expected = ops.size();
    if (!(members.get("observed") instanceof List<?> entries)) {
      throw bad("'observed' is not a list");
    }
    if (entries.size() != expected) {
      throw bad("there are " + expected + " operations, but " + entries.size() + " observations");
    }
    List<Map<String, Object>> observed = new ArrayList<>();
    for (int i = 0; i < ops.size(); i++) {
      if (!(entries.get(i) instanceof Map<?, ?> entry) || entry.isEmpty()) {
        throw bad(i, "what was observed is not an object with fields");
      }
      @SuppressWarnings("unchecked") // JSON's objects have texts as keys
      Map<String, Object> fields = (Map<String, Object>) entry;
      Object text = fields.get("op");
      if (text != null && !text.equals(ops.get(i))) {
        throw bad(i, "is '" + ops.get(i) + "', but what was observed is of '" + text + "'");
      }
      observed.add(fields);
    }
    return observed;
  }

  private ReplayConfig config() {
    if (!(members.get("config") instanceof Map<?, ?> settings)) {
      throw bad("'config' is not an object");
    }
    try {
      return ReplayConfig.of(settings);
    } catch (BadOpException e) {
      throw bad("config: " + e.getMessage());
    }
  }

  private boolean truth(String field, boolean without) {
    Object value = members.getOrDefault(field, without);
    if (!(value instanceof Boolean truth)) {
      throw bad("'" + field + "' is neither true nor false");
    }
    return truth;
  }

  private static String shortened(String text) {
    int longest = 60;
    String line = text.replaceAll("\\p{Cntrl}", "?");
    return line.length() <= longest ? line : line.substring(0, longest) + "...";
  }

  /** What is wrong with an operation. */
  BadGoldenException bad(int op, String text, String reason) {
    return bad(op, "'" + shortened(text) + "': " + reason);
  }

  private BadGoldenException bad(String reason) {
    return new BadGoldenException(file + ":" + line + ": case " + name + ": " + reason);
  }

  private BadGoldenException bad(int op, String reason) {
    return bad("op " + op + " " + reason);
  }
}
