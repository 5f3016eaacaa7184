package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.lab.fuzz.MmuFuzz;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Both MMUs against the second reading of the manuals and against Unicorn's own MMU: what {@code
 * quire bench fuzz-mmu} does, a little in the test command, a million translations and a minute an
 * architecture in the full profile.
 */
class MmuFuzzTest {
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final boolean FULL = SCALE > 1;
  private static final long SEED = 20260101;
  private static final MmuFuzz.Extent EXTENT =
      FULL ? new MmuFuzz.Extent(1_000_000, 60, false) : new MmuFuzz.Extent(200_000, 0, false);

  /** Combinations that a short run may not meet: rare levels of the rarest faults. */
  private static final int MISSING_IN_A_SHORT_RUN = 20;

  @ParameterizedTest
  @EnumSource
  void noTranslationDiffersFromItsJudge(MmuFuzz.Arch arch) {
    try (MmuFuzz fuzz = MmuFuzz.open(arch)) {
      MmuFuzz.Result result = fuzz.run(SEED, EXTENT, (rounds, tally) -> {});
      assertThat(result.mismatch()).as("seed %d", result.seed()).isNull();
      assertThat(result.tally().translations()).isGreaterThanOrEqualTo(EXTENT.translations());
      assertThat(fuzz.missing(result.tally()))
          .as("kinds not seen in %s", result.tally().outcomes())
          .hasSizeLessThanOrEqualTo(FULL ? 0 : MISSING_IN_A_SHORT_RUN);
    }
  }
}
