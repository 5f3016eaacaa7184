package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The combination of both stages against the manual's words, for every pair of attributes. */
class MemoryAttributesTest {
  private static final List<String> DEVICES = List.of("nGnRnE", "nGnRE", "nGRE", "GRE");
  private static final List<String> CACHING = List.of("NC", "WT", "WB");

  /** "nGRE", or "outer WB inner NC" without hints. */
  private static String stage1(int mair) {
    if (mair < 0x10) {
      return DEVICES.get(mair / 4);
    }
    return half(mair / 16) + " " + half(mair % 16);
  }

  private static String half(int nibble) {
    if (nibble == 4) {
      return "NC";
    }
    return List.of(1, 2, 3, 8, 9, 10, 11).contains(nibble) ? "WT" : "WB";
  }

  private static String stage2(int memAttr) {
    return memAttr < 4
        ? DEVICES.get(memAttr)
        : CACHING.get(memAttr / 4 - 1) + " " + CACHING.get(memAttr % 4 - 1);
  }

  private static String weaker(List<String> order, String one, String two) {
    return order.get(Math.min(order.indexOf(one), order.indexOf(two)));
  }

  private static String combined(String one, String two) {
    boolean device1 = DEVICES.contains(one);
    boolean device2 = DEVICES.contains(two);
    if (device1 && device2) {
      return weaker(DEVICES, one, two);
    }
    if (device1 || device2) {
      return device1 ? one : two;
    }
    String outer = weaker(CACHING, one.split(" ")[0], two.split(" ")[0]);
    return outer + " " + weaker(CACHING, one.split(" ")[1], two.split(" ")[1]);
  }

  @Test
  void theStrongerTypeAndTheLesserCachingWin() {
    int pairs = 0;
    for (int mair = 0; mair < 256; mair++) {
      boolean reserved = mair < 0x10 ? mair % 4 != 0 : mair % 16 == 0;
      for (int memAttr = 0; memAttr < 16 && !reserved; memAttr++) {
        if (memAttr >= 4 && memAttr % 4 == 0) {
          continue;
        }
        assertThat(stage1(MemoryAttributes.combined(mair, memAttr)))
            .as("MAIR 0x%x, MemAttr 0x%x", mair, memAttr)
            .isEqualTo(combined(stage1(mair), stage2(memAttr)));
        pairs++;
      }
    }
    assertThat(pairs).isEqualTo((15 * 15 + 4) * 13);
    assertThat(MemoryAttributes.combined(0xfd, 0xf)).as("stage 1's hints stay").isEqualTo(0xfd);
    assertThat(MemoryAttributes.combined(0xfd, 0xa)).isEqualTo(0xb9);
  }

  @Test
  void theLargerShareabilityDomainWins() {
    int[][] expected = {{0, 0, 2, 3}, {0, 0, 2, 3}, {2, 2, 2, 2}, {3, 3, 2, 3}};
    for (int sh1 = 0; sh1 < 4; sh1++) {
      for (int sh2 = 0; sh2 < 4; sh2++) {
        assertThat(MemoryAttributes.combinedShareability(sh1, sh2)).isEqualTo(expected[sh1][sh2]);
      }
    }
  }
}
