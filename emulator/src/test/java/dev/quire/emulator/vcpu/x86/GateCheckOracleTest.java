package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The checks on a 64-bit gate and its code segment against a second reading of SDM vol. 2A, INT n,
 * "IA-32e mode", written as one table of conditions over decoded fields.
 */
class GateCheckOracleTest {
  private static final int RUNS = 30_000 * Integer.getInteger("quire.test.scale", 1);

  /** Null, free slots of the fixture's GDT, and two beyond its limit. */
  private static final int[] SELECTORS = {0, 0x48, 0x48, 0x50, 0x58, 0x58, 0x60, 0x78};

  /** The fields of one case, drawn independently of their encoding. */
  private record Case(
      int gateType,
      int gateDpl,
      boolean gatePresent,
      int selector,
      boolean isCode,
      boolean conforming,
      int dpl,
      boolean present,
      boolean l,
      boolean d,
      int cpl,
      boolean software) {}

  /** Vector and error code of the fault, packed; or the new privilege level, below 4. */
  private static int expected(Case c) {
    int ext = c.software ? 0 : 1;
    int idt = 0x30 * 8 + 2 + ext;
    int selector = (c.selector & ~3) + ext;
    if (c.gateType != 0b01110 && c.gateType != 0b01111) {
      return 13 << 16 | idt;
    } else if (c.software && c.gateDpl < c.cpl) {
      return 13 << 16 | idt;
    } else if (!c.gatePresent) {
      return 11 << 16 | idt;
    } else if ((c.selector & ~3) == 0) {
      return 13 << 16 | ext;
    } else if (c.selector >> 3 > 11) {
      return 13 << 16 | selector;
    } else if (!c.isCode || c.dpl > c.cpl || !c.l || c.d) {
      return 13 << 16 | selector;
    } else if (!c.present) {
      return 11 << 16 | selector;
    }
    return c.conforming ? c.cpl : c.dpl;
  }

  private static Case draw(Random random) {
    boolean usual = random.nextInt(3) > 0;
    return new Case(
        usual ? 14 + random.nextInt(2) : random.nextInt(32),
        random.nextInt(4),
        random.nextInt(8) > 0,
        SELECTORS[random.nextInt(SELECTORS.length)] + random.nextInt(4),
        random.nextInt(8) > 0,
        random.nextInt(4) == 0,
        random.nextInt(4),
        random.nextInt(8) > 0,
        random.nextInt(8) > 0,
        random.nextInt(8) == 0,
        random.nextBoolean() ? 3 : random.nextInt(4),
        random.nextBoolean());
  }

  private static int actual(Case c) {
    LongModeFixture guest = new LongModeFixture();
    long type = 3 | (c.conforming ? 4 : 0) | (c.isCode ? 0x18 : 0x10);
    long descriptor =
        0xffffL
            | type << 40
            | (long) c.dpl << 45
            | (c.present ? 1L << 47 : 0)
            | (c.l ? 1L << 53 : 0)
            | (c.d ? 1L << 54 : 0);
    if (c.selector >> 3 <= 11) {
      guest.descriptor(c.selector, descriptor);
    }
    guest.gate(0x30, c.selector, c.gateType, c.gateDpl, 0, c.gatePresent);
    // Handlers of faults run on IST 1 whatever the level.
    guest.gate(11, 0x08, 14, 0, 1, true);
    guest.gate(13, 0x08, 14, 0, 1, true);
    guest.memory.poke(LongModeFixture.TSS + 20, 8, 0x7000);
    guest.state.cpl = c.cpl;
    Delivery outcome =
        c.software
            ? guest.injector.software(EventKind.SOFTWARE_INTERRUPT, 0x30, 2)
            : guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    if (outcome != Delivery.DELIVERED) {
      return -1;
    }
    int vector = (int) (guest.state.rip - LongModeFixture.HANDLER);
    return vector == 0x30 ? guest.state.cpl : vector << 16 | (int) guest.frame(0);
  }

  @Test
  void randomGatesAndSegmentsAgreeWithTheSecondReading() {
    Random random = new Random(14);
    Map<Integer, Integer> outcomes = new HashMap<>();
    for (int run = 0; run < RUNS; run++) {
      Case c = draw(random);
      int expected = expected(c);
      assertThat(actual(c)).as(c.toString()).isEqualTo(expected);
      outcomes.merge(expected < 4 ? expected : expected >> 16, 1, Integer::sum);
    }
    assertThat(outcomes.keySet()).contains(0, 1, 2, 3, 11, 13);
  }
}
