package dev.quire.emulator.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EventQueueTest {
  private final List<String> log = new ArrayList<>();
  private final EventQueue queue = new EventQueue();

  @Test
  void eventsRunByTimeAndAtTheSameTimeByCreation() {
    EventQueue.Event first = queue.create(() -> log.add("first"));
    EventQueue.Event second = queue.create(() -> log.add("second"));
    queue.schedule(5, () -> log.add("early"));
    queue.reschedule(second, 10);
    queue.reschedule(first, 10);
    assertThat(queue.nextDeadlineNanos()).isEqualTo(5);
    queue.runDue(9);
    assertThat(log).containsExactly("early");
    queue.runDue(10);
    assertThat(log).containsExactly("early", "first", "second");
    assertThat(queue.nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
  }

  @Test
  void cancelledEventsDoNotRunAndAnActionMayRearmItself() {
    EventQueue.Event cancelled = queue.schedule(3, () -> log.add("cancelled"));
    queue.cancel(cancelled);
    queue.cancel(cancelled);
    EventQueue.Event[] self = new EventQueue.Event[1];
    self[0] =
        queue.create(
            () -> {
              log.add("tick");
              queue.reschedule(self[0], log.size() * 10L + 10);
            });
    queue.reschedule(self[0], 10);
    queue.runDue(30);
    assertThat(log).containsExactly("tick", "tick", "tick");
    assertThat(self[0].atNanos()).isEqualTo(40);
  }

  @Test
  void randomSchedulesRunInTheOrderOfASortedList() {
    Random random = new Random(42);
    for (int round = 0; round < 200; round++) {
      EventQueue each = new EventQueue();
      List<Integer> ran = new ArrayList<>();
      List<EventQueue.Event> events = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        int number = i;
        events.add(each.create(() -> ran.add(number)));
      }
      long[] at = new long[20];
      java.util.Arrays.fill(at, EventQueue.NEVER);
      for (int i = 0; i < 60; i++) {
        int which = random.nextInt(20);
        at[which] = random.nextInt(4) == 0 ? EventQueue.NEVER : random.nextInt(10);
        each.reschedule(events.get(which), at[which]);
      }
      List<Integer> expected = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        if (at[i] <= 6) {
          expected.add(i);
        }
      }
      expected.sort(Comparator.comparingLong((Integer i) -> at[i]).thenComparing(i -> i));
      each.runDue(6);
      assertThat(ran).isEqualTo(expected);
    }
  }
}
