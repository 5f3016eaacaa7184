package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TestTime;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CmosRtcTest {
  private static final long SECOND = 1_000_000_000L;
  private static final long START =
      LocalDateTime.of(2024, 2, 28, 23, 59, 57).toEpochSecond(ZoneOffset.UTC);

  private final TestTime time = new TestTime();
  private final RecordingLine irq8 = new RecordingLine(time);
  private final CmosRtc rtc = new CmosRtc(time, time.events(), irq8, START, 64L << 20, 5L << 30);

  private int in(int register) {
    rtc.writeByte(0x70, register);
    return rtc.readByte(0x71);
  }

  private void out(int register, int value) {
    rtc.writeByte(0x70, 0x80 | register); // with NMI masked, as Linux does
    rtc.writeByte(0x71, value);
  }

  private String date() {
    return "%02x%02x-%02x-%02x %02x:%02x:%02x day %x"
        .formatted(in(0x32), in(9), in(8), in(7), in(4), in(2), in(0), in(6));
  }

  @Test
  void timeRunsFromItsStartThroughALeapDay() {
    assertThat(date()).isEqualTo("2024-02-28 23:59:57 day 4");
    time.runTo(3 * SECOND - 1);
    assertThat(date()).isEqualTo("2024-02-28 23:59:59 day 4");
    time.run(1);
    assertThat(date()).isEqualTo("2024-02-29 00:00:00 day 5");
    time.run(86_400 * SECOND);
    assertThat(date()).isEqualTo("2024-03-01 00:00:00 day 6");
  }

  @Test
  void binaryAndTwelveHourFormats() {
    out(0x0b, 0x06);
    assertThat(in(4)).isEqualTo(23);
    out(0x0b, 0x02);
    out(0x0b, 0x82);
    out(4, 0x23);
    out(0x0b, 0x02);
    time.run(0);
    assertThat(in(4)).isEqualTo(0x23);
    out(0x0b, 0x80);
    out(4, 0x91); // 11 pm
    out(0x0b, 0x00);
    time.run(3 * SECOND);
    assertThat(in(4)).isEqualTo(0x12); // midnight is 12 am
    time.run(12 * 3600 * SECOND);
    assertThat(in(4)).isEqualTo(0x92);
  }

  @Test
  void settingTheTimeAsLinuxDoes() {
    time.runTo(SECOND / 4);
    int control = in(0x0b);
    int rate = in(0x0a);
    out(0x0b, control | 0x80);
    out(0x0a, rate | 0x70);
    int[] registers = {0x32, 9, 8, 7, 4, 2, 0};
    int[] values = {0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58};
    for (int i = 0; i < 7; i++) {
      out(registers[i], values[i]);
    }
    time.run(10 * SECOND);
    assertThat(date()).startsWith("1999-12-31 23:59:58");
    out(0x0b, control);
    out(0x0a, rate);
    time.run(SECOND / 2 - 1); // the divider was reset: the first second takes half a second
    assertThat(date()).startsWith("1999-12-31 23:59:58");
    time.run(1);
    assertThat(date()).startsWith("1999-12-31 23:59:59");
    time.run(SECOND);
    assertThat(date()).isEqualTo("2000-01-01 00:00:00 day 7");
  }

  @Test
  void updateInProgressWarnsBeforeEachSecond() {
    time.runTo(SECOND - 2_228_001);
    assertThat(in(0x0a) & 0x80).isZero();
    time.run(1);
    assertThat(in(0x0a) & 0x80).isEqualTo(0x80);
    time.runTo(SECOND);
    assertThat(in(0x0a) & 0x80).isZero();
  }

  @Test
  void thePeriodicInterruptKeepsItsRateWhenRegisterCIsRead() {
    out(0x0b, 0x42);
    for (int i = 1; i <= 2048; i++) {
      time.runTo((i * SECOND + 1023) / 1024);
      assertThat(in(0x0c)).isEqualTo(i % 1024 == 0 ? 0xd0 : 0xc0);
    }
    assertThat(irq8.risings()).hasSize(2048).last().isEqualTo(2 * SECOND);
  }

  @Test
  void anUnreadInterruptKeepsTheLineAndCostsNoEvents() {
    out(0x0b, 0x42);
    time.runTo(10 * SECOND);
    assertThat(irq8.risings()).hasSize(1);
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
    assertThat(in(0x0c)).isEqualTo(0xf0); // midnight matched the alarm cells, all 0
    assertThat(irq8.level()).isFalse();
  }

  @Test
  void updateAndAlarmInterruptsComeAtTheirSeconds() {
    out(5, 0x00);
    out(3, 0x01);
    out(1, 0x05); // 00:01:05
    out(0x0b, 0x22);
    time.runTo(100 * SECOND);
    assertThat(irq8.risings()).containsExactly((3 + 65) * SECOND);
    assertThat(in(0x0c) & 0xb0).isEqualTo(0xb0);
    out(1, 0xff); // every second of that minute
    out(3, 0xff);
    out(5, 0xff);
    out(0x0b, 0x02);
    in(0x0c);
    out(0x0b, 0x12);
    time.runTo(101 * SECOND);
    assertThat(in(0x0c)).isEqualTo(0xf0); // periodic and alarm flags rise without their enables
    assertThat(irq8.risings()).hasSize(2).last().isEqualTo(101 * SECOND);
    out(0x0b, 0x92); // SET clears the update enable
    assertThat(in(0x0b)).isEqualTo(0x82);
  }

  @Test
  void aWaitingInterruptAndASetDateSurviveSavingAndLoading() {
    out(0x0b, 0x42);
    time.run(SECOND / 3);
    StateWriter writer = new StateWriter();
    rtc.save(writer);
    TestTime later = new TestTime(time.nowNanos());
    RecordingLine line = new RecordingLine(later);
    CmosRtc copy = new CmosRtc(later, later.events(), line, 0, 0, 0);
    copy.load(new StateReader(writer.toByteArray()));
    copy.writeByte(0x70, 0x0c);
    assertThat(copy.readByte(0x71)).isEqualTo(in(0x0c)).isEqualTo(0xc0);
    copy.writeByte(0x70, 9);
    assertThat(copy.readByte(0x71)).isEqualTo(0x24);
    later.run(SECOND / 512);
    assertThat(line.risings()).hasSize(1);
  }

  @Test
  void nextAlarmAgreesWithASearchSecondBySecond() {
    Random random = new Random(3);
    for (int round = 0; round < 60; round++) {
      byte[] cells = new byte[128];
      cells[0x0a] = 0x26;
      cells[0x0b] = (byte) (random.nextBoolean() ? 0x06 : 0x02);
      RtcCalendar calendar = new RtcCalendar(cells, START + random.nextInt(100_000));
      boolean binary = cells[0x0b] == 0x06;
      int[] values = {random.nextInt(60), random.nextInt(60), random.nextInt(24)};
      for (int i = 0; i < 3; i++) {
        int coded = binary ? values[i] : values[i] / 10 << 4 | values[i] % 10;
        cells[1 + 2 * i] = (byte) (random.nextInt(3) == 0 ? 0xff : coded);
      }
      long found = calendar.nextAlarmNanos(0);
      long second = 0;
      boolean match;
      do {
        second++;
        match = true;
        for (int i = 0; i < 3; i++) {
          int alarm = cells[1 + 2 * i] & 0xff;
          match &= alarm == 0xff || alarm == calendar.read(2 * i, second * SECOND);
        }
      } while (!match);
      assertThat(found).isEqualTo(second * SECOND);
    }
  }

  @Test
  void impossibleDatesAreCarriedOver() {
    out(0x0b, 0x86);
    for (int register : new int[] {0, 2, 4, 7, 8, 9, 0x32}) {
      out(register, 0xff);
    }
    out(0x0b, 0x06);
    time.run(SECOND);
    assertThat(in(8)).isBetween(1, 12);
    out(1, 99);
    out(0x0b, 0x26); // an alarm that never matches
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
  }

  @Test
  void memorySizesStandWhereFirmwareLooks() {
    assertThat(in(0x15) | in(0x16) << 8).isEqualTo(640);
    assertThat(in(0x17) | in(0x18) << 8).isEqualTo(63 * 1024);
    assertThat(in(0x30) | in(0x31) << 8).isEqualTo(63 * 1024);
    assertThat(in(0x34) | in(0x35) << 8).isEqualTo(48 * 16);
    assertThat(in(0x5b) | in(0x5c) << 8 | in(0x5d) << 16).isEqualTo(5 * 16384);
    assertThat(in(0x0d)).isEqualTo(0x80);
    out(0x40, 0x77);
    assertThat(in(0x40)).isEqualTo(0x77);
    assertThat(rtc.readByte(0x70)).isEqualTo(0xff);
  }
}
