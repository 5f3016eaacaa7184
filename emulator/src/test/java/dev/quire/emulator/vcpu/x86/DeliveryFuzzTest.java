package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.x86.Cr0;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Random tables, stacks and page fates: delivery always ends, and never half-way. */
class DeliveryFuzzTest {
  private static final int RUNS = 10_000 * Integer.getInteger("quire.test.scale", 1);
  private static final FakeLinearMemory.Fate[] FATES = FakeLinearMemory.Fate.values();

  private final Random random = new Random(6);

  private long descriptor() {
    // Mostly plausible descriptors, so that every check is reached, with a few random bits.
    long[] plausible = {
      0x00af_9b00_0000_ffffL,
      0x00cf_9b00_0000_ffffL,
      0x00cf_9300_0000_ffffL,
      0x00af_fb00_0000_ffffL,
      0x00cf_f300_0000_ffffL,
      0x00af_9f00_0000_ffffL,
      0x0000_8e00_0008_0000L,
      0x0000_ee00_0008_1000L,
      0x0000_8f00_0018_2000L,
      0,
    };
    long value = plausible[random.nextInt(plausible.length)];
    int flips = random.nextInt(4);
    for (int i = 0; i < flips; i++) {
      value ^= 1L << random.nextInt(64);
    }
    return random.nextInt(20) == 0 ? random.nextLong() : value;
  }

  private LongModeFixture guest(int mode) {
    LongModeFixture guest = new LongModeFixture();
    FakeX86CpuState state = guest.state;
    if (mode == 1) {
      state.efer = 0;
    } else if (mode == 2) {
      state.efer = 0;
      state.cr0 = Cr0.ET;
    }
    for (int selector = 0; selector < 0x60; selector += 8) {
      if (random.nextBoolean()) {
        guest.descriptor(selector, descriptor());
      }
    }
    int step = mode == 0 ? 16 : 8;
    for (int vector = 0; vector < 32; vector++) {
      if (mode != 0 || random.nextInt(3) == 0) {
        long gate = descriptor() & ~(0xffffL << 16) | (long) random.nextInt(0x70) << 16;
        guest.memory.poke(LongModeFixture.IDT + (long) step * vector, 8, gate);
      }
    }
    for (int offset = 0; offset < 0x68; offset += 4) {
      if (random.nextInt(4) == 0) {
        guest.memory.poke(LongModeFixture.TSS + offset, 4, random.nextInt(0x1_0000));
      }
    }
    if (random.nextBoolean()) {
      guest.userMode();
    }
    if (mode != 0 && random.nextInt(8) == 0) {
      state.rflags |= X86Flags.RFLAGS_VM;
    }
    state.gpr[X86RegisterView.RSP] = random.nextInt(10) == 0 ? random.nextLong() : 0x6000;
    state.idtLimit = random.nextInt(5) == 0 ? random.nextInt(0x200) : 0xfff;
    state.trLimit = random.nextInt(5) == 0 ? random.nextInt(0x70) : 0x67;
    for (int i = random.nextInt(3); i > 0; i--) {
      guest.memory.fate(0x1000L * random.nextInt(11), FATES[random.nextInt(FATES.length)]);
    }
    return guest;
  }

  private static Delivery deliver(LongModeFixture guest, int kind, int vector) {
    return switch (kind) {
      case 0 -> guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, vector);
      case 1 -> guest.injector.software(EventKind.SOFTWARE_INTERRUPT, vector, 2);
      default -> guest.injector.exception(vector, 4, 0x1234);
    };
  }

  @Test
  void everyDeliveryEndsAndOnlyADeliveredOneChangesAnything() {
    Map<Delivery, Integer> outcomes = new EnumMap<>(Delivery.class);
    for (int run = 0; run < RUNS; run++) {
      LongModeFixture guest = guest(random.nextInt(3));
      int kind = random.nextInt(3);
      int vector = random.nextInt(kind == 2 ? 22 : 40);
      guest.state.cr2 = 0x1234;
      String state = guest.state.snapshot();
      Map<Long, Integer> memory = guest.memory.snapshot();
      Delivery outcome = deliver(guest, kind, vector);
      outcomes.merge(outcome, 1, Integer::sum);
      if (outcome == Delivery.NEEDS_HOST) {
        assertThat(guest.state.snapshot()).isEqualTo(state);
        assertThat(guest.memory.snapshot()).isEqualTo(memory);
        guest.memory.resolve();
        assertThat(deliver(guest, kind, vector)).isNotEqualTo(Delivery.NEEDS_HOST);
      } else if (outcome == Delivery.TRIPLE_FAULT) {
        guest.state.cr2 = 0x1234;
        assertThat(guest.state.snapshot()).isEqualTo(state);
        assertThat(guest.memory.snapshot()).isEqualTo(memory);
      } else {
        assertThat(guest.memory.writes).isPositive();
      }
    }
    assertThat(outcomes.values()).hasSize(3).allMatch(count -> count > RUNS / 100);
  }
}
