package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.TestTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LapicTimerTest {
  private static final int[] DIVIDE = {2, 4, 8, 16, 0, 0, 0, 0, 32, 64, 128, 1};
  private final TestTime time = new TestTime();
  private final List<Long> fired = new ArrayList<>();
  private final LapicTimer timer =
      new LapicTimer(time, time.events(), () -> fired.add(time.nowNanos()));

  @Test
  void oneShotFiresOnceAtTheExactNanosecondForEveryDivider() {
    for (int register : new int[] {0, 1, 2, 3, 8, 9, 10, 11}) {
      fired.clear();
      timer.setMode(0, false);
      timer.setDivide(register);
      timer.setInitialCount(1000);
      long start = time.nowNanos();
      time.run(1000L * DIVIDE[register] - 1);
      assertThat(fired).isEmpty();
      assertThat(timer.currentCount()).isEqualTo(1);
      time.run(1_000_000);
      assertThat(fired).containsExactly(start + 1000L * DIVIDE[register]);
      assertThat(timer.currentCount()).isZero();
      assertThat(timer.initialCount()).isEqualTo(1000);
    }
  }

  @Test
  void periodicFiresEveryPeriodAndTheCountWrapsToTheInitialValue() {
    timer.setMode(1, false);
    timer.setDivide(0x0b);
    time.runTo(17);
    timer.setInitialCount(100);
    time.runTo(17 + 1000);
    assertThat(fired).hasSize(10).startsWith(117L, 217L).endsWith(1017L);
    assertThat(timer.currentCount()).isEqualTo(100);
    time.run(30);
    assertThat(timer.currentCount()).isEqualTo(70);
  }

  @Test
  void aMaskedTimerCountsWithoutEventsAndUnmaskingKeepsItsPhase() {
    timer.setMode(1, true);
    timer.setDivide(0x0b);
    timer.setInitialCount(100);
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
    time.runTo(12_345);
    assertThat(timer.currentCount()).isEqualTo(55);
    timer.setMode(1, false);
    time.runTo(12_600);
    assertThat(fired).containsExactly(12_400L, 12_500L, 12_600L);
  }

  @Test
  void theLargestCountAndDividerDoNotOverflow() {
    timer.setMode(0, false);
    timer.setDivide(0x0a);
    timer.setInitialCount(-1);
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(0xffff_ffffL * 128);
    assertThat(timer.currentCount()).isEqualTo(-1);
  }

  @Test
  void writingZeroStops() {
    timer.setMode(1, false);
    timer.setInitialCount(10);
    timer.setInitialCount(0);
    time.run(1000);
    assertThat(fired).isEmpty();
  }

  @Test
  void changingTheDividerGoesOnFromTheCurrentCount() {
    timer.setMode(0, false);
    timer.setDivide(0x0b);
    timer.setInitialCount(100);
    time.runTo(40);
    timer.setDivide(0x00);
    assertThat(timer.currentCount()).isEqualTo(60);
    time.run(1000);
    assertThat(fired).containsExactly(40 + 120L);
  }

  @Test
  void tscDeadlineFiresAtItsTscAndDisarms() {
    time.runTo(600);
    timer.setMode(2, false);
    timer.setTscOffset(-500);
    timer.setInitialCount(50);
    assertThat(timer.initialCount()).isZero();
    timer.setTscDeadline(1000);
    assertThat(timer.tscDeadline()).isEqualTo(1000);
    time.runTo(5000);
    assertThat(fired).containsExactly(1500L);
    assertThat(timer.tscDeadline()).isZero();
    timer.setTscDeadline(1); // in the past: at once
    time.run(0);
    assertThat(fired).containsExactly(1500L, 5000L);
    timer.setTscDeadline(10_000);
    timer.setTscDeadline(0);
    time.run(100_000);
    assertThat(fired).hasSize(2);
    timer.setTscDeadline(-1L);
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
  }

  @Test
  void aWriteOfTheTscMovesTheDeadline() {
    timer.setMode(2, false);
    timer.setTscDeadline(1000);
    timer.setTscOffset(600);
    time.run(2000);
    assertThat(fired).containsExactly(400L);
  }

  @Test
  void leavingOrEnteringDeadlineModeDisarms() {
    timer.setMode(2, false);
    timer.setTscDeadline(1000);
    timer.setMode(0, false);
    assertThat(timer.tscDeadline()).isZero();
    timer.setTscDeadline(1000); // ignored outside the mode
    timer.setInitialCount(100);
    timer.setMode(2, false);
    time.run(10_000);
    assertThat(fired).isEmpty();
  }

  @Test
  void anExpiryThatIsDueIsNotLostByAWriteAtTheSameInstant() {
    long[] now = {0};
    EventQueue events = new EventQueue();
    LapicTimer late = new LapicTimer(() -> now[0], events, () -> fired.add(now[0]));
    late.setMode(0, false);
    late.setDivide(0x0b);
    late.setInitialCount(10);
    now[0] = 10; // the event has not been run yet
    late.setDivide(0);
    events.runDue(10);
    assertThat(fired).containsExactly(10L);
  }

  /** A countdown that really counts, one input clock at a time, with random reprogramming. */
  @Test
  void randomUseAgreesWithACounterThatStepsEveryNanosecond() {
    for (int seed = 0; seed < TestTime.scaled(300); seed++) {
      Random random = new Random(seed);
      TestTime each = new TestTime();
      long[] fires = {0};
      LapicTimer fast = new LapicTimer(each, each.events(), () -> fires[0]++);
      boolean periodic = false;
      boolean masked = true;
      int divide = 2;
      int initial = 0;
      int count = 0;
      int prescale = 0;
      long expectedFires = 0;
      for (int nano = 0; nano < 2000; nano++) {
        if (nano > 0) {
          each.runTo(nano);
          prescale++;
          if (prescale >= divide) {
            prescale = 0;
            if (count > 0 && --count == 0) {
              expectedFires += masked ? 0 : 1;
              count = periodic ? initial : 0;
            }
          }
        }
        assertThat(fast.currentCount()).as("seed %d at %d", seed, nano).isEqualTo(count);
        assertThat(fires[0]).as("seed %d at %d", seed, nano).isEqualTo(expectedFires);
        switch (random.nextInt(60)) {
          case 0 -> {
            periodic = random.nextBoolean();
            masked = random.nextInt(3) == 0;
            fast.setMode(periodic ? 1 : 0, masked);
          }
          case 1 -> {
            initial = random.nextInt(40);
            count = initial;
            prescale = 0;
            fast.setInitialCount(initial);
          }
          case 2 -> {
            if (prescale == 0) { // a change amid a tick is the model's own choice
              int register = new int[] {0, 1, 2, 11}[random.nextInt(4)];
              divide = DIVIDE[register];
              fast.setDivide(register);
            }
          }
          default -> {
            // Just count.
          }
        }
      }
    }
  }
}
