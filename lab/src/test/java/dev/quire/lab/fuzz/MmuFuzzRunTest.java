package dev.quire.lab.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The loop around the judges: which seed goes to whom, when it ends, what a mismatch leaves. */
class MmuFuzzRunTest {
  private static final long NEVER = Long.MIN_VALUE;
  private final List<String> rounds = new ArrayList<>();

  private MmuJudge judge(String name, long wrongSeed) {
    return new MmuJudge() {
      @Override
      public void round(long seed, FuzzTally tally) {
        rounds.add(name + seed);
        tally.count(name, "page");
        if (seed == wrongSeed) {
          throw new FuzzMismatchException("differs");
        }
        tally.count(name, "page");
      }

      @Override
      public void close() {
        rounds.add("closed");
      }
    };
  }

  private static void silent(long rounds, FuzzTally tally) {}

  @Test
  void aSeedAlwaysGoesToTheSameJudgeAndTheRunEndsWithTheTranslationsAskedFor() {
    try (MmuFuzz fuzz =
        new MmuFuzz(MmuFuzz.Arch.ARM64, List.of(judge("a", NEVER), judge("b", NEVER)))) {
      MmuFuzz.Result result = fuzz.run(3, new MmuFuzz.Extent(5, 0, false), MmuFuzzRunTest::silent);
      assertThat(rounds).containsExactly("b3", "a4", "b5");
      assertThat(result.mismatch()).isNull();
      assertThat(result.rounds()).isEqualTo(3);
      assertThat(result.tally().translations()).isEqualTo(6);
      assertThat(result.tally().outcomes())
          .containsEntry("b: page", 4L)
          .containsEntry("a: page", 2L);
      assertThat(fuzz.missing(result.tally())).contains("oracle: PERMISSION 3 stage 2");
    }
    assertThat(rounds).endsWith("closed", "closed");
  }

  @Test
  void aMismatchEndsEvenAnEndlessRunAndItsSeedAloneGivesItAgain() {
    try (MmuFuzz fuzz =
        new MmuFuzz(MmuFuzz.Arch.X86_64, List.of(judge("a", 6), judge("b", NEVER)))) {
      MmuFuzz.Extent extent = new MmuFuzz.Extent(0, 0, true);
      MmuFuzz.Result result = fuzz.run(-2, extent, MmuFuzzRunTest::silent);
      assertThat(result.mismatch()).isEqualTo("differs");
      assertThat(result.seed()).isEqualTo(6);
      rounds.clear();
      assertThat(fuzz.run(6, extent, MmuFuzzRunTest::silent).mismatch()).isEqualTo("differs");
      assertThat(rounds).containsExactly("a6");
    }
  }
}
