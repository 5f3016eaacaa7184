package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.x86.oracle.X86Comparison;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The whole MMU, registers and TLB around the walkers, against the oracles. */
class X86ComparisonTest {
  private static final int ADDRESSES = 6_000;

  @ParameterizedTest
  @EnumSource(PagingMode.class)
  void everyTranslationOfTheMmuIsTheOraclesOne(PagingMode mode) {
    Map<String, Integer> seen = new TreeMap<>();
    run(new X86Comparison(), mode, seen);
    run(new X86Comparison(4, false, true), mode, seen);
    run(new X86Comparison(5, true, false), mode, seen);
    run(new X86Comparison(4, true, true), mode, seen);
    assertThat(seen).containsKeys("page of order " + smallest(mode), "EPT violation");
    if (mode.isIa32e()) {
      assertThat(seen).containsKeys("#PF 39", "#PF 33", "page of order 18", "#GP");
      assertThat(seen).containsKeys("EPT violation of a table", "EPT misconfiguration");
    }
  }

  private static int smallest(PagingMode mode) {
    return mode == PagingMode.NONE ? 18 : 0;
  }

  private static void run(X86Comparison comparison, PagingMode mode, Map<String, Integer> seen) {
    SplittableRandom random = new SplittableRandom(mode.ordinal());
    for (int i = 0; i < ADDRESSES; i++) {
      String difference = comparison.difference(random, mode);
      if (difference != null) {
        throw new AssertionError("address " + i + ": " + difference);
      }
      for (String outcome : comparison.outcomes()) {
        seen.merge(outcome, 1, Integer::sum);
      }
    }
  }
}
