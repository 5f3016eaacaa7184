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
    /** It holds an operation that this version does not run. */
    UNSUPPORTED
  }

  public boolean passed() {
    return outcome == Outcome.PASSED;
  }
}
