package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Ranges against a bit a page. */
class MemoryAttributesTest {
  @Property(tries = 200)
  void rangesAreWhatABitMapSays(@ForAll long seed) {
    Random random = new Random(seed);
    MemoryAttributes attributes = new MemoryAttributes();
    BitSet naive = new BitSet();
    for (int step = 0; step < 60; step++) {
      int first = random.nextInt(100);
      int end = first + 1 + random.nextInt(30);
      boolean isPrivate = random.nextBoolean();
      attributes.set(first, end, isPrivate);
      naive.set(first, end, isPrivate);
      for (int gfn = 0; gfn < 140; gfn++) {
        assertThat(attributes.isPrivate(gfn)).isEqualTo(naive.get(gfn));
      }
      int low = random.nextInt(120);
      int high = low + random.nextInt(16);
      int set = naive.get(low, high + 1).cardinality();
      assertThat(attributes.isUniform(low, high)).isEqualTo(set == 0 || set == high - low + 1);
    }
  }
}
