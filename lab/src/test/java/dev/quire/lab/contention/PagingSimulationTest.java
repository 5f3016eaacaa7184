package dev.quire.lab.contention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** vCPUs that page in: by hand where they share nothing, and each thing they share switched off. */
class PagingSimulationTest {
  private static final double WORK = 3000;
  private static final double UFFD_WORK = 1000;
  private static final PagingCosts COSTS =
      new PagingCosts(WORK, UFFD_WORK, 1700, 8, 25, 95, 190, 15);
  private static final PagingCosts NOTHING_SHARED =
      new PagingCosts(WORK, UFFD_WORK, 0, 0, 0, 0, 0, 0);

  private static double rate(PagingCosts costs, PagingMode mode, int vcpus) {
    return PagingSimulation.pagesPerSecond(Topology.EPYC_7B13, costs, mode, vcpus, 1);
  }

  @Test
  void oneVcpuThatExitsTakesItsWorkAndTwelveTouchesOfLinesItHas() {
    assertThat(1e9 / rate(COSTS, PagingMode.EXITS, 1)).isCloseTo(WORK + 12 * 8, within(60.0));
  }

  /** Two wake-ups besides the work and what moves between the vCPU and its reader. */
  @Test
  void oneVcpuThatSleepsTakesTwoWakeUpsMore() {
    double nanos = 1e9 / rate(COSTS, PagingMode.ONE_UFFD, 1);
    double nothingMoves =
        1e9 / rate(new PagingCosts(WORK, UFFD_WORK, 1700, 0, 0, 0, 0, 0), PagingMode.ONE_UFFD, 1);
    assertThat(nothingMoves).isCloseTo(UFFD_WORK + 2 * 1700, within(100.0));
    assertThat(nanos).isGreaterThan(nothingMoves + 100);
  }

  @ParameterizedTest
  @EnumSource(PagingMode.class)
  void whoSharesNothingScales(PagingMode mode) {
    double one = rate(NOTHING_SHARED, mode, 1);
    for (int vcpus : new int[] {4, 32, 128}) {
      assertThat(rate(NOTHING_SHARED, mode, vcpus)).isCloseTo(vcpus * one, within(one * vcpus / 8));
    }
  }

  @Test
  void wakeUpsPassOneAtATime() {
    PagingCosts costs = new PagingCosts(WORK, UFFD_WORK, 1700, 0, 0, 0, 0, 0);
    assertThat(rate(costs, PagingMode.UFFD_EACH, 64)).isCloseTo(1e9 / 3400, within(3e3));
  }

  /** A mechanism less, and the rate moves by more than a factor. */
  @ParameterizedTest
  @CsvSource({
    "ONE_UFFD, 4, wake-up, 1.2",
    "UFFD_EACH, 64, wake-up, 4",
    "ONE_UFFD, 256, lines, 3",
    "EXITS, 16, lines, 2",
    "EXITS_EACH, 2, lines, 1.2"
  })
  void withoutWhatIsSharedThereIsMore(String mode, int vcpus, String what, double factor) {
    PagingCosts without =
        what.equals("lines")
            ? new PagingCosts(WORK, UFFD_WORK, 1700, 0, 0, 0, 0, 0)
            : new PagingCosts(WORK, UFFD_WORK, 0, 8, 25, 95, 190, 15);
    PagingMode paging = PagingMode.valueOf(mode);
    assertThat(rate(without, paging, vcpus)).isGreaterThan(factor * rate(COSTS, paging, vcpus));
  }

  @Test
  void whatOneQueueCostsGrowsWithThoseThatWaitInIt() {
    double few = rate(COSTS, PagingMode.ONE_UFFD, 4);
    double many = rate(COSTS, PagingMode.ONE_UFFD, 128);
    assertThat(many).isLessThan(few / 2);
    assertThat(rate(COSTS, PagingMode.UFFD_EACH, 128)).isGreaterThan(2 * many);
  }

  @Test
  void aRunIsTheSameAgain() {
    assertThat(rate(COSTS, PagingMode.ONE_UFFD, 16))
        .isEqualTo(rate(COSTS, PagingMode.ONE_UFFD, 16));
    assertThatThrownBy(() -> rate(COSTS, PagingMode.EXITS, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
