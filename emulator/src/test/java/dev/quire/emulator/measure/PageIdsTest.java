package dev.quire.emulator.measure;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageIdsTest {
  @Test
  void itIsAMap() {
    Random random = new Random(7);
    PageIds ids = new PageIds();
    Map<Long, Integer> model = new HashMap<>();
    for (int i = 0; i < 20_000; i++) {
      long key = random.nextInt(4) == 0 ? 0xf_ffff_8000_0000L + random.nextInt(3000) : i % 4000;
      assertThat(ids.page(key)).isEqualTo(model.getOrDefault(key, PageIds.NONE));
      if (random.nextBoolean()) {
        int id = random.nextInt(1 << 20) - 1;
        ids.put(key, id);
        model.put(key, id);
      }
    }
    assertThat(model).hasSizeGreaterThan(4000);
    model.forEach((key, id) -> assertThat(ids.page(key)).isEqualTo(id));
  }
}
