package dev.quire.lab.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.RunStatus;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SummaryTextTest {
  @Test
  void figuresAlignAndEachSaysHowItCameAbout() {
    Map<String, Long> exits = new LinkedHashMap<>();
    exits.put("io", 1_040L);
    exits.put("mmio", 0L);
    exits.put("hlt", 2L);
    RunOutcome.Counts one = new RunOutcome.Counts(1_000_000, 5, 300, 3, exits, Map.of(), Map.of());
    RunOutcome.Counts two = new RunOutcome.Counts(500_000, 7, 45, 4, Map.of(), Map.of(), Map.of());
    RunOutcome.Counts total =
        new RunOutcome.Counts(1_500_000, 12, 345, 7, exits, Map.of(), Map.of());
    Map<String, Long> pages = new LinkedHashMap<>();
    pages.put("4k", 333L);
    pages.put("2m", 12L);
    RunOutcome outcome =
        new RunOutcome(
            RunStatus.PASS,
            "wrote 0",
            List.of(one, two),
            total,
            pages,
            Map.of("resident_pages", 345L),
            1_750_000,
            50_000_000);

    assertThat(SummaryText.of("smp-arm64", outcome))
        .containsExactly(
            "smp-arm64: pass, wrote 0",
            "  instructions           1,500,000  counted (by vCPU: 1,000,000, 500,000)",
            "  virtual time             1.75 ms  modelled: 1 instruction = 1 ns, idle time skipped",
            "  guest faults                  12  counted",
            "  stage-2 faults               345  counted",
            "  interrupts                     7  counted",
            "  exits                      1,042  counted (io 1,040, hlt 2)",
            "  pages touched                345  counted (4k 333, 2m 12)",
            "  wall time               50.00 ms  measured, 30.0 MIPS");
  }

  @Test
  void durationsHaveAUnitThatFits() {
    assertThat(SummaryText.duration(999)).isEqualTo("999 ns");
    assertThat(SummaryText.duration(1_500)).isEqualTo("1.50 us");
    assertThat(SummaryText.duration(2_345_678)).isEqualTo("2.35 ms");
    assertThat(SummaryText.duration(61_000_000_000L)).isEqualTo("61.000 s");
  }
}
