package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.Pacing;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The guest {@code irq-arm64} prints after each of its cases how many interrupts it took; together
 * they are the machine's count, also when every instruction is stepped.
 */
class InterruptCountTest {
  private static final Pattern COUNT = Pattern.compile("(?m): (\\d+)$");

  @ParameterizedTest
  @ValueSource(longs = {50_000_000, 10_000, 1})
  void interruptsTakenNativelyAreCounted(long turn) {
    Guests.Run run =
        Guests.run(Guests.plan("irq-arm64", 1, ""), Guests.ENOUGH_INSTRUCTIONS, Pacing.even(turn));
    long printed =
        COUNT
            .matcher(run.console().replace("\r", ""))
            .results()
            .mapToLong(match -> Long.parseLong(match.group(1)))
            .sum();
    assertThat(printed).isGreaterThan(20);
    assertThat(run.result().vcpus().getFirst().interrupts()).isEqualTo(printed);
  }
}
