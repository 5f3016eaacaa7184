package dev.quire.emulator.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class TickRateTest {
  private static final BigInteger NANOS = BigInteger.valueOf(1_000_000_000);

  @Property(seed = "42")
  void ticksAreTheExactQuotient(
      @ForAll @LongRange(min = 0, max = Long.MAX_VALUE / 2) long nanos,
      @ForAll @LongRange(min = 1, max = 1_000_000_000) long hertz) {
    BigInteger exact = BigInteger.valueOf(nanos).multiply(BigInteger.valueOf(hertz)).divide(NANOS);
    assertThat(new TickRate(hertz).ticksAt(nanos)).isEqualTo(exact.longValueExact());
  }

  @Property(seed = "42")
  void aTickHappensAtTheFirstNanosecondThatCountsIt(
      @ForAll @LongRange(min = 1, max = 1_000_000_000_000L) long tick,
      @ForAll @LongRange(min = 1000, max = 1_000_000_000) long hertz) {
    TickRate rate = new TickRate(hertz);
    long nanos = rate.nanosAt(tick);
    assertThat(rate.ticksAt(nanos)).isEqualTo(tick);
    assertThat(rate.ticksAt(nanos - 1)).isEqualTo(tick - 1);
  }

  @Test
  void aTickBeyondTimeIsNever() {
    assertThat(new TickRate(1).nanosAt(Long.MAX_VALUE)).isEqualTo(EventQueue.NEVER);
  }
}
