package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TestTime;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class Uart16550Test {
  private static final int BASE = 0x3f8;
  private final TestTime time = new TestTime();
  private final ByteArrayOutputStream console = new ByteArrayOutputStream();
  private final RecordingLine irq = new RecordingLine(time);
  private final Uart16550 uart = new Uart16550(BASE, time, time.events(), console::write, irq);

  private int in(int register) {
    return uart.readByte(BASE + register);
  }

  private void out(int register, int value) {
    uart.writeByte(BASE + register, value);
  }

  private void type(String text) {
    for (byte each : text.getBytes(StandardCharsets.US_ASCII)) {
      uart.receive(each);
    }
  }

  @Test
  void writtenBytesReachTheConsoleAndTheTransmitterIsAlwaysEmpty() {
    for (char each : "hello".toCharArray()) {
      assertThat(in(5) & 0x60).isEqualTo(0x60);
      out(0, each);
    }
    assertThat(console).hasToString("hello");
    assertThat(irq.risings()).isEmpty();
  }

  @Test
  void theDivisorLatchHidesBehindDlab() {
    out(3, 0x83);
    out(0, 0x34);
    out(1, 0x12);
    assertThat(in(0)).isEqualTo(0x34);
    assertThat(in(1)).isEqualTo(0x12);
    out(3, 0x03);
    out(1, 0xff);
    assertThat(in(1)).isEqualTo(0x0f);
    assertThat(console.size()).isZero();
  }

  @Test
  void theScratchRegisterKeepsAByteAndIirTellsOfTheFifo() {
    out(7, 0xa5);
    assertThat(in(7)).isEqualTo(0xa5);
    assertThat(in(2)).isEqualTo(0x01);
    out(2, 0x01);
    assertThat(in(2)).isEqualTo(0xc1);
  }

  @Test
  void enablingThreInterruptsAtOnceAndReadingIirClearsIt() {
    out(1, 0x02);
    assertThat(irq.level()).isTrue();
    assertThat(in(2)).isEqualTo(0x02);
    assertThat(irq.level()).isFalse();
    assertThat(in(2)).isEqualTo(0x01);
    out(0, 'x');
    assertThat(irq.level()).isTrue();
  }

  @Test
  void aWriteWhileThreInterruptsGivesAFreshEdge() {
    out(1, 0x02);
    out(0, 'x');
    assertThat(irq.risings()).hasSize(2);
    assertThat(irq.fallings()).hasSize(1);
  }

  @Test
  void withoutFifoOneByteIsHeldAndTheRestWaits() {
    type("abc");
    out(1, 0x01);
    assertThat(in(2)).isEqualTo(0x04);
    assertThat(in(5) & 0x03).isEqualTo(0x01);
    assertThat(in(0)).isEqualTo('a');
    assertThat(irq.level()).isTrue();
    assertThat(in(0)).isEqualTo('b');
    assertThat(in(0)).isEqualTo('c');
    assertThat(irq.level()).isFalse();
    assertThat(in(5) & 0x01).isZero();
  }

  @Test
  void theFifoInterruptsAtItsTriggerLevel() {
    out(2, 0x81); // trigger at 8
    out(1, 0x01);
    type("1234567");
    assertThat(irq.level()).isFalse();
    type("8");
    assertThat(in(2)).isEqualTo(0xc4);
    in(0);
    assertThat(irq.level()).isFalse();
  }

  @Test
  void bytesBelowTheTriggerTimeOutAfterFourCharacterTimes() {
    out(3, 0x83);
    out(0, 1); // 115200 baud
    out(1, 0);
    out(3, 0x03); // 8N1: 10 bits
    out(2, 0xc1); // trigger at 14
    out(1, 0x01);
    time.runTo(1000);
    type("ab");
    long character = 10 * 16 * 1_000_000_000L / 1_843_200;
    time.run(4 * character + 10);
    assertThat(irq.risings()).containsExactly(1000 + 4 * character);
    assertThat(in(2)).isEqualTo(0xcc);
    in(0);
    assertThat(irq.level()).isFalse();
    time.run(4 * character + 10);
    assertThat(in(2)).isEqualTo(0xcc);
    in(0);
    time.run(10 * character);
    assertThat(in(2)).isEqualTo(0xc1);
  }

  @Test
  void loopbackFeedsTheReceiverAndTheModemStatus() {
    out(3, 0x03);
    out(4, 0x10);
    out(0, 'z');
    assertThat(console.size()).isZero();
    assertThat(in(0)).isEqualTo('z');
    in(6);
    out(4, 0x1a); // RTS and OUT2 come back as CTS and DCD
    assertThat(in(6)).isEqualTo(0x90 | 0x09);
    assertThat(in(6)).isEqualTo(0x90);
    out(4, 0x1f);
    assertThat(in(6)).isEqualTo(0xf0 | 0x02); // DSR changed; RI only tells of its trailing edge
    out(4, 0x10);
    assertThat(in(6)).isEqualTo(0x0f);
  }

  @Test
  void loopbackOverrunIsALineStatusInterruptUntilLsrIsRead() {
    out(3, 0x03);
    out(4, 0x10);
    out(1, 0x04);
    out(0, 'a');
    out(0, 'b');
    assertThat(in(2)).isEqualTo(0x06);
    assertThat(in(5) & 0x02).isEqualTo(0x02);
    assertThat(irq.level()).isFalse();
    assertThat(in(0)).isEqualTo('a');
  }

  @Test
  void fcrClearsTheReceiver() {
    out(2, 0x01);
    out(4, 0x10);
    out(0, 'a');
    out(2, 0x03);
    assertThat(in(5) & 1).isZero();
  }

  @Test
  void theWaitingTimeOutSurvivesSavingAndLoading() {
    out(2, 0xc1);
    out(1, 0x01);
    type("q");
    time.run(1000);
    StateWriter writer = new StateWriter();
    uart.save(writer);
    TestTime later = new TestTime(time.nowNanos());
    RecordingLine line = new RecordingLine(later);
    Uart16550 copy = new Uart16550(BASE, later, later.events(), console::write, line);
    copy.load(new StateReader(writer.toByteArray()));
    time.run(100_000_000);
    later.run(100_000_000);
    assertThat(line.risings()).isEqualTo(irq.risings()).hasSize(1);
    assertThat(copy.readByte(BASE)).isEqualTo('q');
  }
}
