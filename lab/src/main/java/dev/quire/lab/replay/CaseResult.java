package dev.quire.lab.replay;

import java.util.List;

/**
 * What became of one case.
 *
 * @param name of the case
 * @param reason one line for what was skipped, unsupported or broken; null otherwise
 * @param differences the first of them
 * @param differing how many there were
 */
public record CaseResult(
    String name, Outcome outcome, String reason, List<Difference> differences, int differing) {
  /** How a case can end; only the first is a pass. */
  public enum Outcome {
    PASSED,
    FAILED,
    /** Recordings did not agree about it. */
    SKIPPED,
    /** It was recorded as what its host alone answers, and need not agree. */
    BACKEND,
    /** It holds an operation that this version does not run. */
    UNSUPPORTED
  }

  public boolean passed() {
    return outcome == Outcome.PASSED;
  }

  /** The same of a case that says of itself that other hosts may answer otherwise. */
  CaseResult ofTheHost() {
    return new CaseResult(
        name,
        Outcome.BACKEND,
        "recorded of its host alone (backend_specific), "
            + (outcome == Outcome.PASSED ? "and agrees" : "and differs"),
        differences,
        differing);
  }
}
