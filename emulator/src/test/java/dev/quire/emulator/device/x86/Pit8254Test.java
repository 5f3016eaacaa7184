package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TestTime;
import java.math.BigInteger;
import java.util.List;
import org.junit.jupiter.api.Test;

class Pit8254Test {
  private final TestTime time = new TestTime();
  private final RecordingLine irq0 = new RecordingLine(time);
  private final Pit8254 pit = new Pit8254(time, time.events(), irq0);

  private void out(int port, int value) {
    (port == 0x61 ? pit.controlPortB() : pit.counterPorts()).writeByte(port, value);
  }

  private int in(int port) {
    return (port == 0x61 ? pit.controlPortB() : pit.counterPorts()).readByte(port);
  }

  /** First nanosecond at which {@code tick} clocks of 1193182 Hz have passed. */
  private static long nanosOf(long tick) {
    BigInteger hertz = BigInteger.valueOf(1_193_182);
    BigInteger product = BigInteger.valueOf(tick).multiply(BigInteger.valueOf(1_000_000_000));
    return product.add(hertz).subtract(BigInteger.ONE).divide(hertz).longValueExact();
  }

  @Test
  void modeTwoInterruptsEveryPeriodToTheNanosecondWithoutDrift() {
    out(0x43, 0x34);
    out(0x40, 11932 & 0xff);
    out(0x40, 11932 >>> 8);
    time.runTo(10_000_000_000L);
    // Programmed at tick 0, loaded at tick 1, OUT rises every 11932 clocks after that.
    assertThat(irq0.risings().get(0)).isZero();
    for (int i = 1; i < irq0.risings().size(); i++) {
      assertThat(irq0.risings().get(i)).isEqualTo(nanosOf(1 + 11932L * i));
      assertThat(irq0.fallings().get(i - 1)).isEqualTo(nanosOf(11932L * i));
    }
    assertThat(irq0.risings()).hasSize(1 + 999);
  }

  @Test
  void modeZeroInterruptsOnceAtTerminalCount() {
    time.runTo(5_000_000);
    out(0x43, 0x30);
    assertThat(irq0.fallings()).containsExactly(5_000_000L);
    out(0x40, 100);
    out(0x40, 0);
    long tick = Pit8254.CLOCK.ticksAt(5_000_000);
    time.run(1_000_000_000);
    assertThat(irq0.risings()).containsExactly(0L, nanosOf(tick + 101));
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void readBackLatchesSeveralCountersAtOnce() {
    out(0x43, 0x34);
    out(0x40, 0);
    out(0x40, 1);
    out(0x61, 1);
    out(0x43, 0xb0);
    out(0x42, 0);
    out(0x42, 1);
    time.runTo(nanosOf(11));
    out(0x43, 0xc0 | 0x02 | 0x08); // count and status of 0 and 2
    time.runTo(nanosOf(50));
    assertThat(in(0x40)).isEqualTo(0x80 | 0x34);
    assertThat(in(0x40) | in(0x40) << 8).isEqualTo(246);
    assertThat(in(0x42)).isEqualTo(0x30);
    assertThat(in(0x42) | in(0x42) << 8).isEqualTo(246);
  }

  /** How Linux calibrates the TSC: gate up, mode 0, poll OUT2 in port 0x61. */
  @Test
  void counterTwoIsGatedAndSeenThroughPort61() {
    out(0x61, 0);
    out(0x43, 0xb0);
    out(0x42, 100);
    out(0x42, 0);
    time.runTo(nanosOf(500));
    assertThat(in(0x61) & 0x23).isZero();
    out(0x61, 1);
    time.runTo(nanosOf(599));
    assertThat(in(0x61) & 0x20).isZero();
    time.runTo(nanosOf(600));
    assertThat(in(0x61) & 0x23).isEqualTo(0x21);
  }

  @Test
  void aRunningPeriodGoesOnAfterSavingAndLoading() {
    out(0x43, 0x34);
    out(0x40, 0xe8);
    out(0x40, 0x03);
    time.runTo(12_345_678);
    StateWriter writer = new StateWriter();
    pit.save(writer);
    TestTime later = new TestTime(time.nowNanos());
    RecordingLine line = new RecordingLine(later);
    Pit8254 copy = new Pit8254(later, later.events(), line);
    copy.load(new StateReader(writer.toByteArray()));
    int before = irq0.risings().size();
    time.run(50_000_000);
    later.run(50_000_000);
    List<Long> expected = irq0.risings().subList(before, irq0.risings().size());
    // The copy's wire was up from its birth; each later rise must come at the same nanosecond.
    assertThat(line.risings().subList(1, line.risings().size()))
        .isEqualTo(expected)
        .hasSizeGreaterThan(50);
  }

  @Test
  void theRefreshBitToggles() {
    int first = in(0x61) & 0x10;
    time.runTo(nanosOf(18));
    assertThat(in(0x61) & 0x10).isNotEqualTo(first);
    time.runTo(nanosOf(36));
    assertThat(in(0x61) & 0x10).isEqualTo(first);
  }
}
