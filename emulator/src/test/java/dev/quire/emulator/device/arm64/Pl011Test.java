package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.TestTime;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class Pl011Test {
  private static final int DR = 0x00;
  private static final int FR = 0x18;
  private static final int IBRD = 0x24;
  private static final int LCR_H = 0x2c;
  private static final int CR = 0x30;
  private static final int IFLS = 0x34;
  private static final int IMSC = 0x38;
  private static final int RIS = 0x3c;
  private static final int MIS = 0x40;
  private static final int ICR = 0x44;

  private final TestTime time = new TestTime();
  private final ByteArrayOutputStream console = new ByteArrayOutputStream();
  private final RecordingLine irq = new RecordingLine(time);
  private final Pl011 uart = new Pl011(time, time.events(), console::write, irq);

  private int in(int offset) {
    return uart.readWord(offset);
  }

  private void out(int offset, int value) {
    uart.writeWord(offset, value);
  }

  private void type(String text) {
    for (byte each : text.getBytes(StandardCharsets.US_ASCII)) {
      uart.receive(each);
    }
  }

  @Test
  void itIsAPl011() {
    int[] ids = new int[8];
    for (int i = 0; i < 8; i++) {
      ids[i] = in(0xfe0 + 4 * i);
    }
    assertThat(ids).containsExactly(0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1);
    assertThat(in(CR)).isEqualTo(0x300);
    assertThat(in(IFLS)).isEqualTo(0x12);
    assertThat(in(FR)).isEqualTo(0x97); // TXFE, RXFE, and the modem inputs asserted
  }

  @Test
  void bytesAreTransmittedByWordAndByByteStores() {
    uart.write(DR, 4, 'h');
    uart.write(DR, 1, 'i');
    assertThat(console).hasToString("hi");
    assertThat(in(FR) & 0x28).isZero(); // neither busy nor full
  }

  @Test
  void eachTransmittedByteRaisesTheTransmitInterruptUntilCleared() {
    out(IMSC, 0x20);
    assertThat(irq.level()).isFalse();
    out(DR, 'x');
    assertThat(in(MIS)).isEqualTo(0x20);
    assertThat(irq.level()).isTrue();
    out(ICR, 0x20);
    assertThat(irq.level()).isFalse();
    assertThat(in(RIS)).isZero();
  }

  @Test
  void withoutFifosOneByteIsHeld() {
    out(IMSC, 0x10);
    type("ab");
    assertThat(in(FR) & 0x50).isEqualTo(0x40);
    assertThat(irq.level()).isTrue();
    assertThat(in(DR)).isEqualTo('a');
    assertThat(in(DR)).isEqualTo('b');
    assertThat(irq.level()).isFalse();
    assertThat(in(FR) & 0x50).isEqualTo(0x10);
    assertThat(in(DR)).isZero();
  }

  @Test
  void theReceiveInterruptFollowsItsTriggerLevel() {
    out(LCR_H, 0x70);
    out(IFLS, 1 << 3); // a quarter of 16
    out(IMSC, 0x10);
    type("abc");
    assertThat(irq.level()).isFalse();
    type("d");
    assertThat(irq.level()).isTrue();
    in(DR);
    assertThat(irq.level()).isFalse();
    type("0123456789abcdefXY");
    assertThat(in(FR) & 0x40).isNotZero(); // full, two bytes wait outside
    for (char expected : "bcd0123456789abcdefXY".toCharArray()) {
      assertThat(in(DR)).isEqualTo(expected);
    }
  }

  @Test
  void aFewBytesTimeOutAfter32BitTimes() {
    out(IBRD, 13); // 24 MHz / (16 * 13) = 115384 baud
    out(LCR_H, 0x70);
    out(IMSC, 0x50);
    time.runTo(1000);
    type("a");
    time.run(1_000_000);
    long bitNanos = 16L * 13 * 64 * 1_000_000_000L / (64 * 24_000_000L);
    assertThat(irq.risings()).containsExactly(1000 + 32 * bitNanos);
    assertThat(in(MIS)).isEqualTo(0x40);
    in(DR);
    assertThat(irq.level()).isFalse();
  }

  @Test
  void loopbackComesBackAndReportsModemChanges() {
    out(CR, 0x381);
    in(RIS);
    out(ICR, 0x7ff);
    out(DR, 'q');
    assertThat(console.size()).isZero();
    assertThat(in(DR)).isEqualTo('q');
    out(CR, 0x381 | 0x400 | 0x800); // DTR and RTS
    assertThat(in(FR) & 0x107).isEqualTo(0x003);
    assertThat(in(RIS) & 0x0f).isEqualTo(0x0a); // CTS and DSR changed
    out(DR, 'x');
    out(DR, 'y');
    assertThat(in(RIS) & 0x400).isEqualTo(0x400);
    assertThat(in(0x04)).isEqualTo(8);
    out(0x04, 0);
    assertThat(in(0x04)).isZero();
  }
}
