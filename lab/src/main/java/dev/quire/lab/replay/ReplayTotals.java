package dev.quire.lab.replay;

/** Cases of one or more files by outcome. Mutable; one thread. */
public final class ReplayTotals {
  private final int[] cases = new int[CaseResult.Outcome.values().length];
  private int bad;

  public void add(CaseResult result) {
    cases[result.outcome().ordinal()]++;
  }

  public void add(ReplayTotals other) {
    for (int i = 0; i < cases.length; i++) {
      cases[i] += other.cases[i];
    }
    bad += other.bad;
  }

  /** A case, or the rest of a file, that could not be read. */
  public void addBad() {
    bad++;
  }

  public int of(CaseResult.Outcome outcome) {
    return cases[outcome.ordinal()];
  }

  public int bad() {
    return bad;
  }

  /** Whether cases were compared and none of them differed or could not be run. */
  public boolean passed() {
    return of(CaseResult.Outcome.PASSED) > 0
        && of(CaseResult.Outcome.FAILED) == 0
        && of(CaseResult.Outcome.UNSUPPORTED) == 0
        && bad == 0;
  }

  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(
            "%,d passed, %,d failed"
                .formatted(of(CaseResult.Outcome.PASSED), of(CaseResult.Outcome.FAILED)));
    append(text, of(CaseResult.Outcome.UNSUPPORTED), "not supported");
    append(text, of(CaseResult.Outcome.SKIPPED), "skipped");
    append(text, of(CaseResult.Outcome.BACKEND), "of their host alone");
    append(text, bad, "unusable");
    return text.toString();
  }

  private static void append(StringBuilder text, int count, String what) {
    if (count > 0) {
      text.append(", %,d %s".formatted(count, what));
    }
  }
}
