package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.lab.replay.TouchOrder.Direction;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TouchOrderTest {
  private static final BigInteger WORD = BigInteger.TWO.pow(64);

  @Test
  void straightAndReversed() {
    assertThat(TouchOrder.of(4, Direction.SEQ, 9)).containsExactly(0, 1, 2, 3);
    assertThat(TouchOrder.of(4, Direction.REV, 9)).containsExactly(3, 2, 1, 0);
    assertThat(TouchOrder.of(0, Direction.RAND, 9)).isEmpty();
  }

  /** The same shuffle in unsigned arithmetic of any length, as the format describes it. */
  @Property(tries = 50)
  void shuffledIsFisherYatesFromTheEnd(
      @ForAll @IntRange(min = 1, max = 200) int count, @ForAll long seed) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    BigInteger x = BigInteger.valueOf(seed).mod(WORD);
    for (int i = count - 1; i > 0; i--) {
      x =
          x.multiply(new BigInteger("6364136223846793005"))
              .add(new BigInteger("1442695040888963407"))
              .mod(WORD);
      Collections.swap(order, i, x.shiftRight(33).mod(BigInteger.valueOf(i + 1)).intValueExact());
    }
    assertThat(TouchOrder.of(count, Direction.RAND, seed))
        .containsExactly(order.stream().mapToInt(Integer::intValue).toArray());
  }
}
