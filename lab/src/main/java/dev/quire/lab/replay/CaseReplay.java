package dev.quire.lab.replay;

import dev.quire.lab.replay.CaseResult.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Replays cases: each on a kernel of its own, operation by operation. */
public final class CaseReplay {
  private static final int MOST_DIFFERENCES = 10;

  private CaseReplay() {}

  /**
   * Replays one case.
   *
   * @throws BadGoldenException if it is not one
   */
  public static CaseResult run(GoldenCase goldenCase) {
    Script script = goldenCase.script();
    ScriptOp.Unsupported later = script.unsupported();
    if (later != null) {
      int index = script.ops().size() - 1;
      return ended(
          goldenCase,
          Outcome.UNSUPPORTED,
          "op %d '%s': this version does not run '%s'"
              .formatted(index, script.ops().get(index).text(), later.name()));
    }
    if (!script.stable()) {
      return ended(goldenCase, Outcome.SKIPPED, "its recordings did not agree (stable is false)");
    }
    List<Difference> differences = replay(script);
    return new CaseResult(
        goldenCase.name(),
        differences.isEmpty() ? Outcome.PASSED : Outcome.FAILED,
        null,
        List.copyOf(differences.subList(0, Math.min(MOST_DIFFERENCES, differences.size()))),
        differences.size());
  }

  private static CaseResult ended(GoldenCase goldenCase, Outcome outcome, String reason) {
    return new CaseResult(goldenCase.name(), outcome, reason, List.of(), 0);
  }

  private static List<Difference> replay(Script script) {
    List<Difference> differences = new ArrayList<>();
    ScriptRunner runner = new ScriptRunner(script.config());
    int ops = script.ops().size();
    for (int i = 0; i < ops; i++) {
      ScriptOp op = script.ops().get(i);
      boolean spuriousFaults = runner.spuriousFaults(op);
      try {
        Map<String, Object> seen = runner.run(op);
        new Comparison(i, op, differences)
            .compare(
                script.observed().get(i), seen, script.globalCountersReliable(), spuriousFaults);
      } catch (RuntimeException e) {
        differences.add(noAnswer(i, op.text(), e));
        return differences;
      }
    }
    try {
      runner.end();
    } catch (RuntimeException e) {
      differences.add(noAnswer(ops, "end of the script", e));
    }
    return differences;
  }

  /** What the model cannot do, and its defects, are differences of the case. */
  private static Difference noAnswer(int op, String text, RuntimeException failure) {
    return new Difference(op, text, "model", "an answer", failure.toString());
  }
}
