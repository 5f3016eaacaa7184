package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each of the three representations against a list, the oldest first. */
class RecencyOrderTest {
  private static final int STEPS = 20_000;

  /** The ways of one set; those made the oldest are free, and alike. */
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
  @CsvSource({"1, 1", "4, 4", "2, 12", "8, 16", "1, 17", "1, 72", "2, 17", "4, 24"})
  void followsAList(int sets, int ways) {
    RecencyOrder order = new RecencyOrder(sets, ways);
    Random random = new Random(ways);
    List<Model> models = new ArrayList<>();
    for (int set = 0; set < sets; set++) {
      models.add(new Model(ways));
    }
    for (int step = 0; step < STEPS; step++) {
      int set = random.nextInt(sets);
      int way = random.nextInt(ways);
      int slot = set * ways + way;
      Model model = models.get(set);
      switch (random.nextInt(8)) {
        case 0 -> {
          order.age(set, slot);
          model.age(way);
        }
        case 1, 2, 3 -> {
          order.touch(set, slot);
          model.touch(way);
        }
        case 4 -> {
          int count = 1 + random.nextInt(ways - way);
          int oldest = order.oldestOf(set, way, count) - set * ways;
          assertThat(oldest).isBetween(way, way + count - 1);
          int expected = model.oldestOf(way, count);
          if (!model.isFree(expected)) {
            assertThat(oldest).as("step %d", step).isEqualTo(expected);
          } else {
            assertThat(model.isFree(oldest)).as("step %d", step).isTrue();
          }
        }
        default -> {
          int expected = model.oldestOf(0, ways);
          int renewed = order.renewOldest(set) - set * ways;
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
