package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a list of the slots, the oldest first. */
class SlotRingTest {
  private static final int STEPS = 20_000;

  /** The slots; those made the oldest are free, and alike. */
  private static final class Model {
    private final List<Integer> ways = new ArrayList<>();
    private int free;

    Model(int count) {
      for (int way = 0; way < count; way++) {
        ways.add(way);
      }
      free = count;
    }

    boolean isFree(int way) {
      return ways.indexOf(way) < free;
    }

    void touch(int way) {
      free -= isFree(way) ? 1 : 0;
      ways.remove(Integer.valueOf(way));
      ways.add(way);
    }

    void age(int way) {
      free += isFree(way) ? 0 : 1;
      ways.remove(Integer.valueOf(way));
      ways.addFirst(way);
    }

    int oldestOf(int first, int count) {
      return ways.stream()
          .filter(way -> way >= first && way < first + count)
          .findFirst()
          .orElseThrow();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 17, 72})
  void followsAList(int slots) {
    SlotRing ring = new SlotRing(slots);
    Model model = new Model(slots);
    Random random = new Random(slots);
    for (int step = 0; step < STEPS; step++) {
      int slot = random.nextInt(slots);
      switch (random.nextInt(8)) {
        case 0 -> {
          ring.age(slot);
          model.age(slot);
        }
        case 1, 2, 3 -> {
          ring.touch(slot);
          model.touch(slot);
        }
        case 4 -> {
          int count = 1 + random.nextInt(slots - slot);
          int oldest = ring.oldestOf(slot, count);
          assertThat(oldest).isBetween(slot, slot + count - 1);
          int expected = model.oldestOf(slot, count);
          if (!model.isFree(expected)) {
            assertThat(oldest).as("step %d", step).isEqualTo(expected);
          } else {
            assertThat(model.isFree(oldest)).as("step %d", step).isTrue();
          }
        }
        default -> {
          int expected = model.oldestOf(0, slots);
          int oldest = ring.oldest();
          int renewed = ring.renewOldest();
          assertThat(renewed).isEqualTo(oldest);
          if (model.free > 0) {
            assertThat(model.isFree(renewed)).as("step %d", step).isTrue();
          } else {
            assertThat(renewed).as("step %d", step).isEqualTo(expected);
          }
          model.touch(renewed);
        }
      }
    }
  }
}
