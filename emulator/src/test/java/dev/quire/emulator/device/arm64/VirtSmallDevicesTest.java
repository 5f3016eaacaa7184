package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.RecordingMachine;
import dev.quire.emulator.device.TestTime;
import org.junit.jupiter.api.Test;

class VirtSmallDevicesTest {
  private static final long SECOND = 1_000_000_000L;
  private final TestTime time = new TestTime();
  private final RecordingLine irq = new RecordingLine(time);
  private final Pl031 rtc = new Pl031(time, time.events(), irq, 1_700_000_000L);
  private final RecordingMachine machine = new RecordingMachine();

  @Test
  void theClockCountsSecondsFromItsStartAndCanBeSet() {
    assertThat(rtc.readWord(0xfe0)).isEqualTo(0x31);
    time.runTo(3 * SECOND - 1);
    assertThat(rtc.readWord(0)).isEqualTo(1_700_000_002);
    time.run(1);
    assertThat(rtc.readWord(0)).isEqualTo(1_700_000_003);
    rtc.writeWord(8, 100);
    assertThat(rtc.readWord(0)).isEqualTo(100);
    time.run(SECOND);
    assertThat(rtc.readWord(0)).isEqualTo(101);
    assertThat(rtc.readWord(8)).isEqualTo(100);
    assertThat(rtc.readWord(0x0c)).isEqualTo(1);
  }

  @Test
  void theMatchInterruptComesAtItsSecond() {
    time.runTo(SECOND / 2);
    rtc.writeWord(0x10, 1);
    rtc.writeWord(0x04, 1_700_000_010);
    time.run(20 * SECOND);
    assertThat(irq.risings()).containsExactly(10 * SECOND);
    assertThat(rtc.readWord(0x18)).isEqualTo(1);
    rtc.writeWord(0x1c, 1);
    assertThat(irq.level()).isFalse();
    rtc.writeWord(0x10, 0);
    rtc.writeWord(0x04, rtc.readWord(0));
    assertThat(rtc.readWord(0x14)).isEqualTo(1); // equal already: at once
    assertThat(irq.level()).isFalse();
  }

  @Test
  void debugExitTakesCodesAndMarkerLines() {
    DebugExitDevice device = new DebugExitDevice(machine);
    for (char each : "hello\r\nyou\t\n".toCharArray()) {
      device.write(4, each == 'y' ? 4 : 1, each);
    }
    device.write(0, 4, 3);
    device.write(8, 4, 1);
    assertThat(device.read(0, 4)).isZero();
    assertThat(machine.requests()).containsExactly("marker hello", "marker you?", "exit 3");
  }

  @Test
  void anEndlessMarkerLineIsCut() {
    DebugExitDevice device = new DebugExitDevice(machine);
    for (int i = 0; i < 3000; i++) {
      device.write(4, 1, 'x');
    }
    assertThat(machine.requests()).hasSize(2).allMatch(line -> line.length() == 7 + 1024);
  }
}
