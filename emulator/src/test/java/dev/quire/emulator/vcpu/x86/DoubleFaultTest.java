package dev.quire.emulator.vcpu.x86;

import static dev.quire.emulator.vcpu.x86.LongModeFixture.HANDLER;
import static dev.quire.emulator.vcpu.x86.LongModeFixture.INTERRUPT_GATE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Escalation by SDM vol. 3A tables 6-4 and 6-5, and restarts after the host resolved a fault. */
class DoubleFaultTest {
  private static final int RSP = X86RegisterView.RSP;
  private static final Set<Integer> CONTRIBUTORY = Set.of(0, 10, 11, 12, 13, 21);

  /** The outcome of a first exception whose delivery raises a second: the vector delivered. */
  private static long deliveredVector(int first, int second) {
    LongModeFixture guest = new LongModeFixture();
    switch (second) {
      case 11 -> guest.gate(first, 0x08, INTERRUPT_GATE, 0, 0, false);
      case 13 -> guest.gate(first, 0x10, INTERRUPT_GATE, 0, 0, true);
      case 14 -> {
        // Only the first one's handler uses this absent stack.
        guest.gate(first, 0x08, INTERRUPT_GATE, 0, 2, true);
        guest.memory.poke(LongModeFixture.TSS + 44, 8, 0xc000);
        guest.memory.fate(0xbfff, FakeLinearMemory.Fate.ABSENT);
      }
      default -> throw new IllegalArgumentException();
    }
    assertThat(guest.injector.exception(first, 0, 0x77)).isEqualTo(Delivery.DELIVERED);
    return guest.state.rip - HANDLER;
  }

  @Test
  void pairsOfExceptionsFollowTheTable() {
    for (int first = 0; first < 32; first++) {
      for (int second : new int[] {11, 13, 14}) {
        if (first == 8 || first == second) {
          continue;
        }
        boolean pageFaultFirst = first == 14 || first == 20;
        boolean doubleFault =
            pageFaultFirst || CONTRIBUTORY.contains(first) && CONTRIBUTORY.contains(second);
        assertThat(deliveredVector(first, second))
            .as("%d then %d", first, second)
            .isEqualTo(doubleFault ? 8 : second);
      }
    }
  }

  @Test
  void aDoubleFaultPushesZeroAndReturnsToTheOriginalInstruction() {
    LongModeFixture guest = new LongModeFixture();
    guest.gate(14, 0x08, INTERRUPT_GATE, 0, 0, false);
    guest.injector.exception(14, 2, 0x1234);
    assertThat(guest.frame(0)).isZero();
    assertThat(guest.frame(1)).isEqualTo(0x40_0000);
    assertThat(guest.state.cr2).isEqualTo(0x1234);
  }

  @Test
  void cr2HoldsTheLastPageFaultOfTheChain() {
    LongModeFixture guest = new LongModeFixture();
    guest.gate(8, 0x08, INTERRUPT_GATE, 0, 1, true);
    guest.state.gpr[RSP] = 0xb010;
    guest.memory.fate(0xb000, FakeLinearMemory.Fate.ABSENT);
    guest.memory.fate(0xafff, FakeLinearMemory.Fate.ABSENT);
    guest.memory.fate(0x9fff, FakeLinearMemory.Fate.READ_ONLY);
    guest.memory.poke(LongModeFixture.TSS + 36, 8, 0xd000);
    guest.injector.exception(14, 0, 0x1234);
    assertThat(guest.state.rip).isEqualTo(HANDLER + 8);
    // SS is pushed first.
    assertThat(guest.state.cr2).isEqualTo(0xb010 - 8);
  }

  @Test
  void aFrameThatCrossesIntoAnAbsentPageFaultsAtItsHighestSlotThere() {
    LongModeFixture guest = new LongModeFixture();
    guest.gate(8, 0x08, INTERRUPT_GATE, 0, 1, true);
    guest.state.gpr[RSP] = 0xb010;
    guest.memory.fate(0xafff, FakeLinearMemory.Fate.ABSENT);
    guest.memory.poke(LongModeFixture.TSS + 36, 8, 0xd000);
    guest.injector.exception(14, 0, 0x1234);
    assertThat(guest.state.rip).isEqualTo(HANDLER + 8);
    assertThat(guest.state.cr2).isEqualTo(0xaff8);
  }

  @Test
  void aFaultOfTheDoubleFaultHandlerIsATripleFaultThatLeavesTheState() {
    LongModeFixture guest = new LongModeFixture();
    guest.state.idtLimit = 0;
    String before = guest.state.snapshot();
    assertThat(guest.injector.exception(6, 0, 0)).isEqualTo(Delivery.TRIPLE_FAULT);
    assertThat(guest.state.snapshot()).isEqualTo(before);
    assertThat(guest.memory.writes).isZero();
  }

  @Test
  void anExternalInterruptOnVector8IsNoDoubleFault() {
    LongModeFixture guest = new LongModeFixture();
    guest.gate(8, 0x08, INTERRUPT_GATE, 0, 0, false);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 8);
    assertThat(guest.state.rip).isEqualTo(HANDLER + 11);
    assertThat(guest.frame(0)).isEqualTo(8 * 8 + 3);
  }

  @Test
  void aSecondStageFaultAnywhereChangesNothingAndTheRetryDelivers() {
    long[] pages = {LongModeFixture.IDT, LongModeFixture.GDT, LongModeFixture.TSS, 0x7fff};
    for (long page : pages) {
      LongModeFixture guest = new LongModeFixture();
      guest.userMode();
      guest.descriptor(0x08, 0x00af_9a00_0000_ffffL);
      guest.memory.fate(page, FakeLinearMemory.Fate.HOST);
      String state = guest.state.snapshot();
      Map<Long, Integer> memory = guest.memory.snapshot();
      assertThat(guest.injector.exception(14, 4, 0x99)).isEqualTo(Delivery.NEEDS_HOST);
      assertThat(guest.state.snapshot()).isEqualTo(state);
      assertThat(guest.memory.snapshot()).isEqualTo(memory);
      guest.memory.resolve();
      assertThat(guest.injector.exception(14, 4, 0x99)).isEqualTo(Delivery.DELIVERED);

      LongModeFixture undisturbed = new LongModeFixture();
      undisturbed.userMode();
      undisturbed.descriptor(0x08, 0x00af_9a00_0000_ffffL);
      undisturbed.injector.exception(14, 4, 0x99);
      assertThat(guest.state.snapshot()).isEqualTo(undisturbed.state.snapshot());
      assertThat(guest.memory.snapshot()).isEqualTo(undisturbed.memory.snapshot());
    }
  }
}
