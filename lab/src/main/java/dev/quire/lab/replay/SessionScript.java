package dev.quire.lab.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A checked session.
 *
 * @param ops to run
 * @param observed what a real kernel answered, one to one with {@code ops}
 * @param unsupported the operation that this version does not run, or null
 */
record SessionScript(List<SessionOp> ops, List<Map<String, Object>> observed, String unsupported) {
  /** What reads the source buffer without naming it. */
  private static final Set<String> FROM_SOURCE =
      Set.of("copy", "fwrite", "fwritebig", "pwrite", "rawwrite");

  private static final Pattern SOURCE = Pattern.compile(".* s(\\+.*)?( .*)?");

  /** Whether anything in it reads or writes the source buffer. */
  boolean usesSource() {
    return ops.stream()
        .anyMatch(op -> FROM_SOURCE.contains(op.name()) || SOURCE.matcher(op.text()).matches());
  }

  /** Whether it needs a machine on which VMs can run. */
  boolean usesKvm() {
    return ops.stream().anyMatch(op -> SessionParser.isKvm(op.name()));
  }

  /**
   * Reads a case that is a session.
   *
   * @throws BadGoldenException if it lacks something or an operation is no operation
   */
  static SessionScript of(GoldenCase goldenCase) {
    List<String> texts = goldenCase.texts();
    List<Map<String, Object>> observed = goldenCase.observed(texts);
    List<SessionOp> ops = new ArrayList<>();
    boolean forked = false;
    for (int i = 0; i < texts.size(); i++) {
      String text = texts.get(i);
      try {
        SessionOp op = SessionParser.parse(text);
        if (op.needsChild() && !forked) {
          throw goldenCase.bad(i, text, "no child was forked");
        }
        forked |= op.forks();
        ops.add(op);
      } catch (BadOpException e) {
        throw goldenCase.bad(i, text, e.getMessage());
      } catch (LaterOpException e) {
        return new SessionScript(
            ops,
            observed,
            "op %d '%s': this version does not run '%s'".formatted(i, text, e.getMessage()));
      }
    }
    return new SessionScript(ops, observed, null);
  }
}
