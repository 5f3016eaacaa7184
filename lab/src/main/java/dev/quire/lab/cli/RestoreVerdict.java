package dev.quire.lab.cli;

import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.snapshot.SnapshotDescription;
import dev.quire.lab.restore.RestorePoint;
import java.io.PrintStream;

/**
 * Holds restored runs against the uninterrupted one, and their consoles against each other: what a
 * guest prints does not depend on how its memory came back. The worst end of all is the command's.
 */
final class RestoreVerdict {
  private final SnapshotDescription.Expected expected;
  private final PrintStream err;
  private final SameConsole consoles = new SameConsole();
  private int exitCode = ExitCode.DONE;

  /**
   * @param expected null if nobody knows how the uninterrupted run ended
   */
  RestoreVerdict(SnapshotDescription.Expected expected, PrintStream err) {
    this.expected = expected;
    this.err = err;
  }

  int exitCode() {
    return exitCode;
  }

  /** Takes in a run; says what is wrong with it, in one line. */
  void judge(RestorePoint point, CountingConsole console) {
    RestoreResult result = point.result();
    int code = BootCommand.exitCode(result.status());
    String wrong = null;
    if (point.isComparable()) {
      wrong = expected == null ? null : difference(point);
      String otherConsole = consoles.difference(result.strategy(), console);
      wrong = wrong == null ? otherConsole : wrong;
      code = wrong == null ? code : ExitCode.FAILED;
    }
    if (wrong == null && code == ExitCode.FAILED && !(point.isComparable() && expected != null)) {
      wrong = result.status().jsonName() + ": " + result.reason();
    }
    if (wrong != null) {
      err.println("quire restore: strategy " + result.strategy() + ": " + wrong);
    }
    exitCode = worse(exitCode, code);
  }

  /** What is not as in the uninterrupted run; null if nothing. */
  private String difference(RestorePoint point) {
    RestoreResult result = point.result();
    if (!expected.status().equals(result.status().jsonName())) {
      return "ended with %s, the uninterrupted run with %s"
          .formatted(result.status().jsonName(), expected.status());
    }
    if (expected.instructions() != result.run().instructions()) {
      return "ended after %d instructions, the uninterrupted run after %d"
          .formatted(result.run().instructions(), expected.instructions());
    }
    return Boolean.FALSE.equals(point.hashMatches())
        ? "memory hash %s is not that of the uninterrupted run, %s"
            .formatted(result.memoryHash(), expected.memoryHash())
        : null;
  }

  private static int worse(int one, int other) {
    for (int code : new int[] {ExitCode.INTERRUPTED, ExitCode.FAILED, ExitCode.LIMIT}) {
      if (one == code || other == code) {
        return code;
      }
    }
    return ExitCode.DONE;
  }
}
