package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.TestTime;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PitCounterTest {
  private static void program(PitCounter fast, SteppedPitCounter slow, int mode) {
    fast.program(0x30 | mode << 1);
    slow.program(mode);
  }

  private static void write(PitCounter fast, SteppedPitCounter slow, int count, long tick) {
    fast.writeByte(count & 0xff, tick);
    fast.writeByte(count >>> 8, tick);
    slow.writeCount(count);
  }

  private static int liveCount(PitCounter fast, long tick) {
    fast.latchCount(tick);
    return fast.readByte(tick) | fast.readByte(tick) << 8;
  }

  /** At most one change per clock, as software on a PC cannot do more. */
  @Test
  void randomUseAgreesWithACounterThatStepsEveryClock() {
    for (int seed = 0; seed < TestTime.scaled(3000); seed++) {
      Random random = new Random(seed);
      PitCounter fast = new PitCounter();
      SteppedPitCounter slow = new SteppedPitCounter();
      program(fast, slow, random.nextInt(6));
      long transition = EventQueue.NEVER;
      boolean before = fast.out(0);
      for (long tick = 0; tick < 300; tick++) {
        if (tick > 0) {
          slow.pulse();
        }
        String where = "seed %d mode %d tick %d".formatted(seed, slow.mode(), tick);
        assertThat(fast.out(tick)).as("OUT, " + where).isEqualTo(slow.out());
        if (slow.counting() && (slow.gate() || slow.mode() != 2 && slow.mode() != 3)) {
          assertThat(liveCount(fast, tick)).as("count, " + where).isEqualTo(slow.count());
        }
        if (fast.out(tick) != before) {
          assertThat(transition).as("announced change, " + where).isEqualTo(tick);
        }
        switch (random.nextInt(40)) {
          case 0 -> program(fast, slow, random.nextInt(6));
          case 1, 2, 3 -> write(fast, slow, 1 + random.nextInt(12), tick);
          case 4, 5, 6 -> {
            boolean level = random.nextBoolean();
            fast.setGate(level, tick);
            slow.setGate(level);
          }
          default -> {
            // Just count.
          }
        }
        before = fast.out(tick);
        transition = fast.nextTransition(tick);
      }
    }
  }

  @Test
  void aCountOfZeroIsTheLargest() {
    PitCounter counter = new PitCounter();
    counter.program(0x34);
    counter.writeByte(0, 0);
    counter.writeByte(0, 0);
    assertThat(counter.nextTransition(0)).isEqualTo(1 + 65535);
    assertThat(liveCount(counter, 2)).isEqualTo(0xffff);
    counter.program(0x35); // BCD
    counter.writeByte(0, 0);
    counter.writeByte(0, 0);
    assertThat(counter.nextTransition(0)).isEqualTo(1 + 9999);
    assertThat(liveCount(counter, 2)).isEqualTo(0x9999);
  }

  @Test
  void bcdCountsInDecimal() {
    PitCounter counter = new PitCounter();
    counter.program(0x31); // mode 0
    counter.writeByte(0x00, 0);
    counter.writeByte(0x10, 0); // 1000
    assertThat(liveCount(counter, 2)).isEqualTo(0x0999);
    assertThat(counter.out(1000)).isFalse();
    assertThat(counter.out(1001)).isTrue();
  }

  @Test
  void aLatchedCountStaysUntilItIsReadAndStatusComesFirst() {
    PitCounter counter = new PitCounter();
    counter.program(0x34);
    counter.writeByte(0x00, 0);
    counter.latchStatus(0);
    assertThat(counter.readByte(0)).isEqualTo(0x80 | 0x40 | 0x34); // no count yet: NULL COUNT
    counter.writeByte(0x01, 0);
    counter.latchCount(11);
    counter.latchCount(50);
    counter.latchStatus(50);
    assertThat(counter.readByte(60)).isEqualTo(0x80 | 0x34);
    assertThat(counter.readByte(60)).isEqualTo(256 - 10);
    assertThat(counter.readByte(60)).isZero();
    assertThat(counter.readByte(61)).isEqualTo(256 - 60);
  }

  @Test
  void singleByteAccessModesReadAndWriteOneByte() {
    PitCounter counter = new PitCounter();
    counter.program(0x10); // low byte only, mode 0
    counter.writeByte(5, 0);
    assertThat(counter.readByte(2)).isEqualTo(4);
    assertThat(counter.readByte(3)).isEqualTo(3);
    counter.program(0x20); // high byte only
    counter.writeByte(2, 0);
    assertThat(counter.readByte(2)).isEqualTo(1);
    assertThat(counter.out(512)).isFalse();
    assertThat(counter.out(513)).isTrue();
  }
}
