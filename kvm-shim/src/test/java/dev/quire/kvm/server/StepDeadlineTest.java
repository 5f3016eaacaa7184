package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;

/** Steps of 60 seconds at most, looked at once a second. Times are nanoseconds. */
class StepDeadlineTest {
  private static final long SECOND = 1_000_000_000;
  private static final long SINCE = 5 * SECOND;

  /** The second at which it is passed, 0 if not within 1000; by what the thread has computed. */
  private static long passedAfter(StepDeadline deadline, LongUnaryOperator cpu) {
    for (long second = 1; second < 1000; second++) {
      if (deadline.isPassed(SINCE + second * SECOND, SINCE, cpu.applyAsLong(second))) {
        return second;
      }
    }
    return 0;
  }

  @Test
  void whoComputesForEverIsPassed() {
    assertThat(passedAfter(new StepDeadline(60 * SECOND), second -> second * SECOND)).isEqualTo(61);
  }

  @Test
  void whoStandsStillIsPassed() {
    assertThat(passedAfter(new StepDeadline(60 * SECOND), second -> 7)).isEqualTo(61);
  }

  @Test
  void whoStandsStillAfterAWhileIsPassedLater() {
    assertThat(passedAfter(new StepDeadline(60 * SECOND), second -> Math.min(second, 50)))
        .isEqualTo(81);
  }

  /** A hundredth of a processor, on a machine with too much to do. */
  @Test
  void whoGetsNoProcessorIsNot() {
    assertThat(passedAfter(new StepDeadline(60 * SECOND), second -> second * SECOND / 100))
        .isZero();
  }

  @Test
  void whereNobodyKnowsWhatAThreadComputedTimeDecides() {
    assertThat(passedAfter(new StepDeadline(60 * SECOND), second -> -1)).isEqualTo(61);
  }

  @Test
  void anotherStepHasADeadlineOfItsOwn() {
    StepDeadline deadline = new StepDeadline(60 * SECOND);
    assertThat(passedAfter(deadline, second -> 7)).isEqualTo(61);
    long since = SINCE + 62 * SECOND;
    assertThat(deadline.isPassed(since + SECOND, since, 7)).isFalse();
    assertThat(deadline.isPassed(since + 62 * SECOND, since, 7)).isTrue();
  }
}
