package dev.quire.emulator.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class RestoreTimelineTest {
  private final RestoreTimeline timeline = new RestoreTimeline();

  @Test
  void aRunIsOneEvent() {
    for (int gfn = 0; gfn < 100; gfn++) {
      timeline.populated(gfn, 1, Populator.EAGER, 0, 10 * gfn);
    }
    assertThat(timeline.size()).isEqualTo(1);
    assertThat(timeline.pages(0)).isEqualTo(100);
    assertThat(timeline.nanos(0)).isEqualTo(990);
  }

  @Test
  void anotherPopulatorOrMomentIsAnotherEvent() {
    timeline.populated(0, 1, Populator.HANDLER, 5, 1);
    timeline.populated(1, 1, Populator.PREFETCH, 5, 2);
    timeline.populated(2, 1, Populator.PREFETCH, 6, 3);
    timeline.faulted(0, 6, 4);
    assertThat(timeline.size()).isEqualTo(4);
    assertThat(timeline.who(3)).isEqualTo(RestoreTimeline.FAULT);
  }

  /** Who came first to a page has it; the sums are those of a plain map. */
  @Test
  void theFirstPopulatorCounts() {
    Random random = new Random(4);
    int[] owner = new int[300];
    for (int i = 0; i < 2000; i++) {
      int gfn = random.nextInt(280);
      int count = 1 + random.nextInt(20);
      Populator by = Populator.values()[random.nextInt(Populator.values().length)];
      timeline.populated(gfn, count, by, i, i);
      for (int page = gfn; page < gfn + count; page++) {
        owner[page] = owner[page] == 0 ? 1 + by.ordinal() : owner[page];
      }
    }
    for (Populator by : Populator.values()) {
      long pages = java.util.Arrays.stream(owner).filter(who -> who == 1 + by.ordinal()).count();
      assertThat(timeline.populatedBy(by)).isEqualTo(pages);
    }
  }
}
