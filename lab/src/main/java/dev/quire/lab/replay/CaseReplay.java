package dev.quire.lab.replay;

import dev.quire.kernel.mm.KernelProfile;
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
    return run(goldenCase, KernelProfile.LINUX_6_18);
  }

  /** The same on another kernel, of which only sessions know. */
  public static CaseResult run(GoldenCase goldenCase, KernelProfile profile) {
    return goldenCase.isSession() ? session(goldenCase, profile) : states(goldenCase);
  }

  private static CaseResult session(GoldenCase goldenCase, KernelProfile profile) {
    SessionScript script = SessionScript.of(goldenCase);
    if (script.unsupported() != null) {
      return ended(goldenCase, Outcome.UNSUPPORTED, script.unsupported());
    }
    CaseResult result = compared(goldenCase, replay(script, profile));
    return goldenCase.isOfItsHost() ? result.ofTheHost() : result;
  }

  private static CaseResult states(GoldenCase goldenCase) {
    Script script = goldenCase.script();
    if (!script.stable()) {
      return ended(goldenCase, Outcome.SKIPPED, "its recordings did not agree (stable is false)");
    }
    return compared(goldenCase, replay(script));
  }

  private static CaseResult compared(GoldenCase goldenCase, List<Difference> differences) {
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

  private static List<Difference> replay(SessionScript script, KernelProfile profile) {
    try (SessionRunner runner = new SessionRunner(profile, script)) {
      return replay(script, runner);
    }
  }

  private static List<Difference> replay(SessionScript script, SessionRunner runner) {
    List<Difference> differences = new ArrayList<>();
    int ops = script.ops().size();
    for (int i = 0; i < ops; i++) {
      SessionOp op = script.ops().get(i);
      try {
        new AnswerComparison(i, op, differences).compare(script.observed().get(i), runner.run(op));
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
