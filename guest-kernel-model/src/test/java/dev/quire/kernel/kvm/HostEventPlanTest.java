package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostEventPlanTest {
  @Test
  void namesWhatIsLeftOut() {
    HostEventPlan plan = HostEventPlan.parse("7");
    assertThat(plan).isEqualTo(new HostEventPlan(7, 100, EnumSet.allOf(HostEvent.class)));
    assertThat(HostEventPlan.parse("7:2.5:split-pmd+zap"))
        .isEqualTo(new HostEventPlan(7, 2.5, EnumSet.of(HostEvent.SPLIT_PMD, HostEvent.ZAP)));
    assertThat(HostEventPlan.parse(plan.toString())).isEqualTo(plan);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "x", "1:", "1:0", "1:-1", "1:NaN", "1:2000000", "1:1:", "1:1:a", "1:1:zap:2"})
  void refusesWhatIsNoPlan(String text) {
    assertThatThrownBy(() -> HostEventPlan.parse(text))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void gapsHaveTheMeanOfTheRate() {
    Random random = new Random(1);
    HostEventPlan plan = HostEventPlan.parse("1:1000");
    double sum = 0;
    for (int i = 0; i < 10_000; i++) {
      long gap = plan.nextGap(random);
      assertThat(gap).isBetween(1L, 1999L);
      sum += gap;
    }
    assertThat(sum / 10_000).isBetween(980.0, 1020.0);
  }
}
