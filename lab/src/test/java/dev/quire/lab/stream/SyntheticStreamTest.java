package dev.quire.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SyntheticStreamTest {
  private static final long BASE = 1L << 40;

  /** All accesses of a stream, read in pieces of an odd size. */
  static long[] all(String spec) {
    List<long[]> pieces = new ArrayList<>();
    long[] buffer = new long[7];
    try (AccessStream stream = StreamSpec.parse(spec).open(1)) {
      for (int count; (count = stream.read(buffer, buffer.length)) > 0; ) {
        pieces.add(Arrays.copyOf(buffer, count));
      }
    }
    return pieces.stream().flatMapToLong(Arrays::stream).toArray();
  }

  private static long[] offsets(String spec) {
    return Arrays.stream(all(spec)).map(access -> PackedAccess.va(access) - BASE).toArray();
  }

  @Test
  void sequentialAndStrideRiseAndStartAgain() {
    assertThat(offsets("sequential:bytes=24,count=5")).containsExactly(0, 8, 16, 0, 8);
    assertThat(offsets("sequential:bytes=16,step=4,count=5")).containsExactly(0, 4, 8, 12, 0);
    assertThat(offsets("stride:pages=3,count=4")).containsExactly(0, 4096, 8192, 0);
    assertThat(offsets("stride:bytes=10K,stride=4K,count=4")).containsExactly(0, 4096, 8192, 0);
  }

  @Test
  void aGridIsWalkedByRowsColumnsOrTiles() {
    assertThat(offsets("grid:rows=2,cols=3,order=rows,count=7"))
        .containsExactly(0, 8, 16, 24, 32, 40, 0);
    assertThat(offsets("grid:rows=2,cols=3,count=7")).containsExactly(0, 24, 8, 32, 16, 40, 0);
    assertThat(offsets("grid:rows=3,cols=3,order=tiles,tile=2,pitch=4K,count=10"))
        .containsExactly(0, 8, 4096, 4104, 16, 4112, 8192, 8200, 8208, 0);
  }

  @Test
  void aChaseVisitsEachNodeOnceARound() {
    long[] round = offsets("chase:pages=100,count=200");
    assertThat(Arrays.stream(round, 0, 100).distinct().count()).isEqualTo(100);
    assertThat(Arrays.copyOfRange(round, 100, 200)).isEqualTo(Arrays.copyOf(round, 100));
    assertThat(Arrays.stream(round).allMatch(at -> at % 4096 == 0 && at < 100 * 4096)).isTrue();
    assertThat(Arrays.copyOf(round, 3)).isNotEqualTo(new long[] {0, 4096, 8192});
  }

  @Test
  void uniformIsUniform() {
    int[] hits = new int[16];
    for (long offset : offsets("uniform:bytes=64K,align=4K,count=160000")) {
      hits[(int) (offset >> 12)]++;
    }
    // Four standard deviations of a binomial count.
    assertThat(Arrays.stream(hits).allMatch(count -> Math.abs(count - 10_000) < 390)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.5, 0.99, 1, 2})
  void zipfFollowsItsLaw(double exponent) {
    int units = 50;
    int draws = 200_000;
    int[] hits = new int[units];
    String spec = "zipf:pages=%d,s=%s,count=%d".formatted(units, exponent, draws);
    for (long offset : offsets(spec)) {
      hits[(int) (offset >> 12)]++;
    }
    double sum = 0;
    for (int rank = 1; rank <= units; rank++) {
      sum += Math.pow(rank, -exponent);
    }
    Arrays.sort(hits);
    for (int rank = 1; rank <= 5; rank++) {
      double expected = draws * Math.pow(rank, -exponent) / sum;
      assertThat((double) hits[units - rank])
          .as("rank %d", rank)
          .isBetween(expected - 4 * Math.sqrt(expected), expected + 4 * Math.sqrt(expected) + 60);
    }
  }

  @Test
  void theShareOfWritesIsKept() {
    assertThat(writes("stride:pages=4,count=50")).isZero();
    assertThat(writes("stride:pages=4,count=50,write=1")).isEqualTo(50);
    assertThat(writes("stride:pages=4,count=40000,write=0.25")).isBetween(9_650L, 10_350L);
  }

  private static long writes(String spec) {
    return Arrays.stream(all(spec)).filter(a -> PackedAccess.type(a) == Access.WRITE).count();
  }

  @ParameterizedTest
  @ValueSource(strings = {"uniform:count=50", "chase:count=50", "zipf:count=50", "grid:count=50"})
  void theSameSeedGivesTheSameStream(String spec) {
    assertThat(all(spec)).isEqualTo(all(spec)).hasSize(50);
    assertThat(Arrays.stream(all(spec)).allMatch(PackedAccess::startsInstruction)).isTrue();
    if (!spec.startsWith("grid")) {
      assertThat(all(spec + ",seed=9")).isNotEqualTo(all(spec));
    }
  }

  @Test
  void largeRangesStayInside() {
    for (long offset : offsets("uniform:bytes=64G,count=2000")) {
      assertThat(offset).isBetween(0L, (64L << 30) - 8);
    }
  }
}
