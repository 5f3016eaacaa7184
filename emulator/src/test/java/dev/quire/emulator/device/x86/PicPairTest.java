package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.TestTime;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PicPairTest {
  private final RecordingLine output = new RecordingLine(new TestTime());
  private final PicPair pic = new PicPair(output);

  /** The classic PC initialization: vectors 0x20 and 0x28, nothing masked. */
  @BeforeEach
  void initialize() {
    initialize(0x01);
  }

  private void initialize(int icw4) {
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 0x04);
    out(0x21, icw4);
    out(0xa0, 0x11);
    out(0xa1, 0x28);
    out(0xa1, 0x02);
    out(0xa1, 0x01);
  }

  private void out(int port, int value) {
    pic.writeByte(port, value);
  }

  private int in(int port) {
    return pic.readByte(port);
  }

  private void pulse(int irq) {
    pic.line(irq).pulse();
  }

  @Test
  void anEdgeIsDeliveredOnceWithItsVector() {
    pulse(4);
    assertThat(output.level()).isTrue();
    assertThat(pic.peekVector()).isEqualTo(0x24);
    assertThat(pic.acknowledge()).isEqualTo(0x24);
    assertThat(output.level()).isFalse();
    out(0x20, 0x20);
    assertThat(output.level()).isFalse();
  }

  @Test
  void aLineThatStaysHighDoesNotRequestAgainInEdgeMode() {
    InterruptLine line = pic.line(5);
    line.set(true);
    pic.acknowledge();
    out(0x20, 0x20);
    assertThat(output.level()).isFalse();
    line.set(false);
    line.set(true);
    assertThat(output.level()).isTrue();
  }

  @Test
  void aLevelTriggeredLineRequestsUntilItFalls() {
    out(0x4d1, 0x04); // IRQ 10
    assertThat(in(0x4d1)).isEqualTo(0x04);
    InterruptLine line = pic.line(10);
    line.set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x2a);
    assertThat(output.level()).isFalse();
    out(0xa0, 0x20);
    out(0x20, 0x20);
    assertThat(output.level()).isTrue();
    line.set(false);
    assertThat(output.level()).isFalse();
  }

  @Test
  void theTimerCascadeAndKeyboardCannotBeLevelTriggered() {
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    assertThat(in(0x4d0)).isEqualTo(0xf8);
    assertThat(in(0x4d1)).isEqualTo(0xde);
  }

  @Test
  void lowerPinsComeFirstAndHigherOnesWaitForTheEnd() {
    pulse(6);
    pulse(3);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
    assertThat(output.level()).isFalse();
    pulse(1);
    assertThat(pic.acknowledge()).isEqualTo(0x21);
    out(0x20, 0x20); // ends 1
    assertThat(output.level()).isFalse();
    out(0x20, 0x20); // ends 3
    assertThat(pic.acknowledge()).isEqualTo(0x26);
  }

  @Test
  void theSlaveCountsAsPinTwo() {
    pulse(3);
    pulse(12);
    assertThat(pic.acknowledge()).isEqualTo(0x2c);
    pulse(9);
    assertThat(output.level()).isFalse(); // master's pin 2 is in service
    out(0xa0, 0x20);
    out(0x20, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x29);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
  }

  @Test
  void specialFullyNestedModeLetsTheSlaveInterruptItselfOnly() {
    initialize(0x11);
    pulse(12);
    pic.acknowledge();
    pulse(9);
    pulse(3);
    assertThat(pic.acknowledge()).isEqualTo(0x29);
    assertThat(output.level()).isFalse();
  }

  @Test
  void maskedPinsWaitAndReadBack() {
    out(0x21, 0xfb & ~1);
    assertThat(in(0x21)).isEqualTo(0xfa);
    pulse(4);
    assertThat(output.level()).isFalse();
    assertThat(in(0x20)).isEqualTo(0x10);
    out(0x21, 0x00);
    assertThat(output.level()).isTrue();
  }

  @Test
  void aRequestThatVanishesGivesSpuriousSevenAndSetsNoBit() {
    out(0x4d0, 0x20);
    pic.line(5).set(true);
    pic.line(5).set(false);
    assertThat(pic.acknowledge()).isEqualTo(0x27);
    out(0x20, 0x0b);
    assertThat(in(0x20)).isZero();
  }

  @Test
  void aSlaveRequestThatVanishesNeverReachesTheCpu() {
    out(0x4d1, 0x02);
    pic.line(9).set(true);
    pic.line(9).set(false);
    assertThat(output.level()).isFalse();
  }

  @Test
  void ocw3SelectsIrrOrIsr() {
    pulse(0);
    pic.acknowledge();
    pulse(5);
    out(0x20, 0x0b);
    assertThat(in(0x20)).isEqualTo(0x01);
    out(0x20, 0x0a);
    assertThat(in(0x20)).isEqualTo(0x20);
  }

  @Test
  void pollingAcknowledges() {
    pulse(6);
    out(0x20, 0x0c);
    assertThat(in(0x20)).isEqualTo(0x86);
    assertThat(output.level()).isFalse();
    out(0x20, 0x0c);
    assertThat(in(0x20)).isZero();
    out(0x20, 0x0b);
    assertThat(in(0x20)).isEqualTo(0x40);
  }

  @Test
  void automaticEndLeavesNothingInService() {
    initialize(0x03);
    pulse(3);
    pulse(6);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
    assertThat(pic.acknowledge()).isEqualTo(0x26);
    out(0x20, 0x0b);
    assertThat(in(0x20)).isZero();
  }

  @Test
  void rotationOnEndMakesTheServedPinLowest() {
    pulse(3);
    pic.acknowledge();
    out(0x20, 0xa0);
    pulse(3);
    pulse(4);
    pulse(0);
    assertThat(pic.acknowledge()).isEqualTo(0x24);
    out(0x20, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x20);
    out(0x20, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
  }

  @Test
  void aSpecificEndAndASetPriorityNameTheirPin() {
    pulse(1);
    pic.acknowledge();
    pulse(0);
    pic.acknowledge();
    out(0x20, 0x61); // ends 1, not the highest
    out(0x20, 0x0b);
    assertThat(in(0x20)).isEqualTo(0x01);
    out(0x20, 0x20);
    out(0x20, 0xc4); // 4 is lowest, so 5 is highest
    pulse(4);
    pulse(5);
    assertThat(pic.acknowledge()).isEqualTo(0x25);
  }

  @Test
  void specialMaskModeLetsLowerPinsThroughWhileTheServedOneIsMasked() {
    pulse(2 + 1);
    pic.acknowledge();
    pulse(6);
    assertThat(output.level()).isFalse();
    out(0x21, 0x08);
    out(0x20, 0x68);
    assertThat(output.level()).isTrue();
    out(0x20, 0x48);
    assertThat(output.level()).isFalse();
  }

  @Test
  void initializationForgetsEdgesAndMasks() {
    pulse(5);
    out(0x21, 0xff);
    out(0x20, 0x11);
    assertThat(in(0x20)).isZero();
    assertThat(in(0x21)).isZero();
    assertThat(output.level()).isFalse();
  }

  /** Priority selection against a search that writes the rules out, on random use. */
  @Test
  void randomUseOfTheMasterAgreesWithTheObviousRules() {
    for (int seed = 0; seed < TestTime.scaled(300); seed++) {
      Random random = new Random(seed);
      Pic8259 chip = new Pic8259(true);
      chip.writeCommand(0x11);
      chip.writeData(0x40);
      chip.writeData(4);
      chip.writeData(1);
      int irr = 0;
      int isr = 0;
      int imr = 0;
      for (int step = 0; step < 200; step++) {
        int pin = random.nextInt(8);
        switch (random.nextInt(4)) {
          case 0 -> {
            chip.setLine(pin, true);
            chip.setLine(pin, false);
            irr |= 1 << pin;
          }
          case 1 -> {
            imr = random.nextInt(256) >>> random.nextInt(8);
            chip.writeData(imr);
          }
          case 2 -> {
            chip.writeCommand(0x20);
            isr &= isr - 1;
          }
          default -> {
            int expected = -1;
            for (int each = 7; each >= 0; each--) {
              boolean requested = (irr & ~imr & 1 << each) != 0;
              boolean blocked = (isr & (1 << each + 1) - 1) != 0;
              expected = requested && !blocked ? each : expected;
            }
            assertThat(chip.pendingPin()).isEqualTo(expected);
            if (expected >= 0) {
              chip.acknowledge(expected);
              irr &= ~(1 << expected);
              isr |= 1 << expected;
            }
          }
        }
      }
    }
  }
}
