package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.RecordingMachine;
import org.junit.jupiter.api.Test;

class PcControlPortsTest {
  private final RecordingMachine machine = new RecordingMachine();

  @Test
  void debugExitPassesTheWrittenCode() {
    DebugExitPort port = new DebugExitPort(machine);
    port.write(0xf4, 4, 0);
    port.write(0xf4, 1, 5);
    assertThat(machine.requests()).containsExactly("exit 0", "exit 5");
    assertThat(port.read(0xf4, 4)).isZero();
  }

  @Test
  void theDebugConsoleCollectsMarkers() {
    DebugConsolePort port = new DebugConsolePort(machine);
    for (char each : "roi start\nend".toCharArray()) {
      port.writeByte(0xe9, each);
    }
    port.writeByte(0xe9, '\n');
    assertThat(port.readByte(0xe9)).isEqualTo(0xe9);
    assertThat(machine.requests()).containsExactly("marker roi start", "marker end");
  }

  @Test
  void sleepEnableWithTypeZeroSwitchesOff() {
    AcpiPowerPort port = new AcpiPowerPort(machine);
    port.write(0x604, 2, 0x0001);
    port.write(0x604, 2, 0x3c00); // another sleep type
    assertThat(machine.requests()).isEmpty();
    port.write(0x604, 2, 0x2000);
    assertThat(machine.requests()).containsExactly("power off");
    assertThat(port.read(0x604, 2)).isEqualTo(1);
  }

  @Test
  void theKeyboardControllerResetsAndPassesItsSelfTest() {
    KeyboardController keyboard = new KeyboardController(machine);
    assertThat(keyboard.readByte(0x64)).isEqualTo(0x14);
    keyboard.writeByte(0x64, 0xaa);
    assertThat(keyboard.readByte(0x64)).isEqualTo(0x1d);
    assertThat(keyboard.readByte(0x60)).isEqualTo(0x55);
    assertThat(keyboard.readByte(0x64) & 1).isZero();
    keyboard.writeByte(0x64, 0x60);
    keyboard.writeByte(0x60, 0x30);
    keyboard.writeByte(0x64, 0x20);
    assertThat(keyboard.readByte(0x60)).isEqualTo(0x30);
    keyboard.writeByte(0x64, 0xff); // pulses nothing
    keyboard.writeByte(0x64, 0xd1);
    keyboard.writeByte(0x60, 0xdf); // A20 on, no reset
    assertThat(machine.requests()).isEmpty();
    keyboard.writeByte(0x64, 0xfe);
    keyboard.writeByte(0x64, 0xd1);
    keyboard.writeByte(0x60, 0xfe);
    assertThat(machine.requests()).containsExactly("reset", "reset");
  }

  @Test
  void thePostPortKeepsItsCode() {
    PostPort port = new PostPort();
    port.writeByte(0x80, 0x42);
    assertThat(port.readByte(0x80)).isEqualTo(0x42);
  }
}
