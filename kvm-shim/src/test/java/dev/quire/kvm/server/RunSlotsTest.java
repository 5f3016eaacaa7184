package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who gets a slot, who loses it, and when; time is the test's. */
class RunSlotsTest {
  private static final long LONG_NS = 1_000_000_000;

  /** Between looks at who waits, in the long random runs. */
  private static final long PERIOD_NS = RunSlots.QUANTUM_NS / 4;

  private long now = 1;
  private final List<Integer> granted = new ArrayList<>();

  private List<RunSlot> processes(RunSlots slots, int count) {
    List<RunSlot> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int number = i;
      all.add(new RunSlot(slots, () -> granted.add(number)));
    }
    return all;
  }

  private List<RunSlot> processes(int most, int count) {
    return processes(new RunSlots(most, () -> now), count);
  }

  @Test
  void noSlotsWouldMeanThatNothingEverRuns() {
    assertThatThrownBy(() -> new RunSlots(0, () -> now))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whileSlotsAreLeftNobodyWaitsAndNobodyLosesOne() {
    RunSlots slots = new RunSlots(2, () -> now);
    List<RunSlot> all = processes(slots, 2);
    for (int i = 0; i < 100; i++) {
      assertThat(all.get(0).take()).isTrue();
      assertThat(all.get(1).take()).isTrue();
      all.get(i % 2).rest();
      now += LONG_NS;
      slots.rotate();
      assertThat(slots.isContended()).isFalse();
    }
    assertThat(granted).isEmpty();
  }

  @Test
  void whoHasItForLongEnoughGoesBehindThoseWhoWait() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 3);
    assertThat(all.get(0).take()).isTrue();
    assertThat(all.get(1).take()).isFalse();
    assertThat(all.get(2).take()).isFalse();
    assertThat(slots.waiting()).isEqualTo(2);
    now += RunSlots.QUANTUM_NS - 1;
    slots.rotate();
    assertThat(granted).isEmpty();
    now++;
    slots.rotate();
    assertThat(granted).containsExactly(1);
    assertThat(all.get(0).take()).isFalse();
    assertThat(all.get(1).take()).isTrue();
    for (int i = 0; i < 5; i++) {
      now += RunSlots.QUANTUM_NS;
      slots.rotate();
      all.forEach(RunSlot::take);
    }
    assertThat(granted).containsExactly(1, 2, 0, 1, 2, 0);
  }

  @Test
  void noMoreLoseTheirsThanWait() {
    RunSlots slots = new RunSlots(3, () -> now);
    List<RunSlot> all = processes(slots, 4);
    all.forEach(RunSlot::take);
    now += LONG_NS;
    slots.rotate();
    assertThat(granted).containsExactly(3);
    RunSlot.State[] states = {
      RunSlot.State.AWAY, RunSlot.State.HELD, RunSlot.State.HELD, RunSlot.State.HELD
    };
    assertThat(all).extracting(RunSlot::state).containsExactly(states);
    slots.rotate();
    assertThat(all).extracting(RunSlot::state).containsExactly(states);
  }

  @Test
  void whoHasNothingToExecuteGivesWayAtOnceToWhoComes() {
    List<RunSlot> all = processes(1, 2);
    all.get(0).take();
    all.get(0).rest();
    now += RunSlots.RESTING_NS + 2;
    assertThat(all.get(1).take()).isTrue();
    assertThat(all.get(0).take()).isFalse();
  }

  @Test
  void andSoonToWhoWaits() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 2);
    all.get(0).take();
    assertThat(all.get(1).take()).isFalse();
    all.get(0).rest();
    slots.rotate();
    assertThat(granted).isEmpty();
    now += RunSlots.RESTING_NS + 2;
    slots.rotate();
    assertThat(granted).containsExactly(1);
  }

  @Test
  void whoHadItForLongEnoughGivesWayAtOnceToWhoComes() {
    List<RunSlot> all = processes(1, 2);
    all.get(0).take();
    now += RunSlots.QUANTUM_NS - 1;
    assertThat(all.get(1).take()).isFalse();
    all.get(1).rest();
    now++;
    assertThat(all.get(1).take()).isTrue();
    assertThat(all.get(0).take()).isFalse();
  }

  /** Those who wait are not overtaken by one who comes while a slot rests. */
  @Test
  void whoComesGoesBehindThoseWhoWait() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 3);
    now += RunSlots.RESTING_NS + 2;
    all.get(0).take();
    all.get(1).take();
    all.get(0).rest();
    now += RunSlots.RESTING_NS + 2;
    assertThat(all.get(2).take()).isFalse();
    slots.rotate();
    assertThat(granted).containsExactly(1);
  }

  /** A guest that computes all the time goes behind one whose client comes now and then. */
  @Test
  void whoRestedGoesBeforeThoseThatDidNot() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 4);
    all.get(0).take();
    all.get(1).take();
    all.get(2).take();
    now += RunSlots.RESTING_NS + 2;
    assertThat(all.get(3).take()).isFalse();
    now += RunSlots.QUANTUM_NS;
    slots.rotate();
    assertThat(granted).containsExactly(3);
  }

  @Test
  void butNotForEver() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 7);
    all.get(0).take();
    all.get(1).take();
    now += RunSlots.RESTING_NS + 2;
    all.forEach(RunSlot::take);
    for (int i = 0; i < 7; i++) {
      now += RunSlots.QUANTUM_NS;
      slots.rotate();
      all.get(0).take();
    }
    assertThat(granted).containsExactly(2, 3, 4, 1, 5, 6, 0);
  }

  private void exit(RunSlot slot, long until) {
    assertThat(slot.take()).isTrue();
    slot.rest();
    now += until;
  }

  @Test
  void clientThatStaysAwayEachTimeGivesItsSlotBackAtItsExits() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 2);
    for (int i = 0; i < 9; i++) {
      exit(all.get(0), RunSlots.SOON_NS + 2);
    }
    assertThat(all.get(0).take()).isTrue();
    assertThat(all.get(1).take()).isFalse();
    all.get(0).rest();
    assertThat(granted).containsExactly(1);
  }

  @Test
  void clientThatWasSoonBackOnceOfItsLastTimesKeepsIt() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 2);
    exit(all.get(0), 10);
    for (int i = 0; i < 6; i++) {
      exit(all.get(0), RunSlots.SOON_NS + 2);
    }
    assertThat(all.get(0).take()).isTrue();
    assertThat(all.get(1).take()).isFalse();
    all.get(0).rest();
    assertThat(granted).isEmpty();
    assertThat(all.get(0).take()).isTrue();
  }

  @Test
  void whoWantsNoneAnyMoreIsNotInTheQueue() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 3);
    all.forEach(RunSlot::take);
    all.get(1).rest();
    assertThat(slots.waiting()).isEqualTo(1);
    now += RunSlots.QUANTUM_NS;
    slots.rotate();
    assertThat(granted).containsExactly(2);
    assertThat(slots.isContended()).isFalse();
  }

  @Test
  void whatEndsLeavesItsSlotToTheNextAndItsPlaceToNobody() {
    RunSlots slots = new RunSlots(1, () -> now);
    List<RunSlot> all = processes(slots, 3);
    all.forEach(RunSlot::take);
    all.get(1).end();
    all.get(0).end();
    assertThat(granted).containsExactly(2);
    assertThat(all.get(2).take()).isTrue();
    all.get(2).end();
    assertThat(all.get(0).take()).isTrue();
  }

  /**
   * Random processes over a long time: no more slots than there are, nobody waits while one is
   * free, each of the two lines gets them in the order in which it asked, and in time.
   */
  @Property(tries = 300)
  void slotsAreGivenInTurnAndInTime(
      @ForAll @IntRange(min = 1, max = 5) int most,
      @ForAll @IntRange(min = 1, max = 12) int count,
      @ForAll long seed) {
    Random random = new Random(seed);
    now = 1;
    granted.clear();
    RunSlots slots = new RunSlots(most, () -> now);
    List<RunSlot> all = processes(slots, count);
    List<Integer> rested = new ArrayList<>();
    List<Integer> busy = new ArrayList<>();
    long[] latest = new long[count];
    for (int step = 0; step < 400; step++) {
      int number = random.nextInt(count);
      RunSlot slot = all.get(number);
      boolean hasRested = slot.restedNs(now) > RunSlots.RESTING_NS;
      boolean waited = slot.state() == RunSlot.State.QUEUED;
      switch (random.nextInt(4)) {
        case 0 -> slot.rest();
        case 1 -> {
          now += PERIOD_NS;
          slots.rotate();
        }
        default -> {
          if (!slot.take() && !waited) {
            (hasRested ? rested : busy).add(number);
            latest[number] = now + mostWaitNs(most, hasRested, rested.size(), busy.size());
          }
        }
      }
      for (Integer next : granted) {
        List<Integer> line = rested.contains(next) ? rested : busy;
        assertThat(line.removeFirst()).isEqualTo(next);
        assertThat(now).isLessThanOrEqualTo(latest[next]);
      }
      granted.clear();
      rested.removeIf(waiting -> all.get(waiting).state() == RunSlot.State.AWAY);
      busy.removeIf(waiting -> all.get(waiting).state() == RunSlot.State.AWAY);
      check(most, all, rested, busy, slots);
    }
  }

  /** For the last of a line: of those that rested three go, and then one of the others. */
  private static long mostWaitNs(int most, boolean hasRested, int rested, int busy) {
    int before =
        hasRested
            ? rested + rested / RunSlots.MOST_FAVOURS + 1
            : busy * (RunSlots.MOST_FAVOURS + 1);
    return (before + most - 1) / most * RunSlots.QUANTUM_NS;
  }

  private static void check(
      int most, List<RunSlot> all, List<Integer> rested, List<Integer> busy, RunSlots slots) {
    long held = all.stream().filter(slot -> slot.state() == RunSlot.State.HELD).count();
    List<Integer> line = new ArrayList<>(rested);
    line.addAll(busy);
    assertThat(held).isLessThanOrEqualTo(most);
    assertThat(slots.waiting()).isEqualTo(line.size());
    assertThat(slots.isContended()).isEqualTo(!line.isEmpty());
    assertThat(line)
        .allSatisfy(n -> assertThat(all.get(n).state()).isEqualTo(RunSlot.State.QUEUED));
    if (!line.isEmpty()) {
      assertThat(held).isEqualTo(most);
    }
  }

  /** A wake-up that is lost would stop a thread for ever. */
  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void threadsThatTakeAndLoseThemAllComeToTheirEnd() throws Exception {
    RunSlots slots = new RunSlots(2, System::nanoTime);
    // One more than there are slots: from now on everybody waits until they go round.
    List<RunSlot> first = processes(slots, 3);
    first.forEach(RunSlot::take);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      Random random = new Random(i);
      threads.add(Thread.ofPlatform().start(() -> work(slots, random)));
    }
    while (slots.waiting() <= threads.size()) {
      Thread.sleep(1);
    }
    try (SlotRotation _ = new SlotRotation(slots)) {
      first.forEach(RunSlot::end);
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(slots.waiting()).isZero();
  }

  private static void work(RunSlots slots, Random random) {
    Semaphore woken = new Semaphore(0);
    RunSlot slot = new RunSlot(slots, woken::release);
    for (int i = 0; i < 2_000; i++) {
      while (!slot.take()) {
        woken.acquireUninterruptibly();
      }
      if (random.nextInt(3) != 0) {
        slot.rest();
      }
      if (random.nextInt(500) == 0) {
        slot.end();
      }
    }
    slot.end();
  }
}
