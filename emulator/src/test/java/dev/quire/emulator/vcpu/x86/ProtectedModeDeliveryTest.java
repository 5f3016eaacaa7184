package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.x86.Cr0;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Expected values by hand from SDM vol. 3A 6.12.1 and vol. 2A, INT n; 32-bit protected mode. */
class ProtectedModeDeliveryTest {
  private static final int RSP = X86RegisterView.RSP;
  private static final int SS = X86RegisterView.SS;
  private static final int DS = X86RegisterView.DS;
  private static final long IDT = 0x1000;
  private static final long GDT = 0x3000;
  private static final long TSS = 0x4000;
  private static final int INTERRUPT_32 = 14;
  private static final int TRAP_16 = 7;

  private final FakeX86CpuState state = new FakeX86CpuState();
  private final FakeLinearMemory memory = new FakeLinearMemory();
  private final X86ExceptionInjector injector = new X86ExceptionInjector(state, memory);

  @BeforeEach
  void protectedMode() {
    state.cr0 = Cr0.PE | Cr0.ET;
    state.cr4 = 0;
    state.efer = 0;
    state.idtBase = IDT;
    state.idtLimit = 0x7ff;
    state.gdtBase = GDT;
    state.gdtLimit = 0x4f;
    state.trSelector = 0x28;
    state.trBase = TSS;
    state.trLimit = 0x67;
    state.trAttributes = 0x8b00;
    descriptor(0x08, 0x00cf_9b00_0000_ffffL);
    descriptor(0x10, 0x00cf_9300_0000_ffffL);
    descriptor(0x18, 0x00cf_fb00_0000_ffffL);
    descriptor(0x20, 0x00cf_f300_0000_ffffL);
    descriptor(0x30, 0x0040_9301_0000_0fffL);
    descriptor(0x38, 0x0000_9301_0000_ffffL);
    memory.poke(TSS + 4, 4, 0x8000);
    memory.poke(TSS + 8, 2, 0x10);
    state.loadCodeSegment(8, 0, -1, 0x00c0_9b00, 0);
    state.gpr[RSP] = 0x6000;
    state.rip = 0x10_0000;
    state.rflags = 0x202;
    for (int vector = 0; vector < 256; vector++) {
      gate(vector, 0x08, INTERRUPT_32, 0, true);
    }
  }

  private void descriptor(int selector, long value) {
    memory.poke(GDT + selector, 8, value);
  }

  private void gate(int vector, int selector, int type, int dpl, boolean present) {
    long target = 0x0020_0000L + vector;
    long value =
        target & 0xffff
            | (long) selector << 16
            | (long) (type | dpl << 5 | (present ? 0x80 : 0)) << 40
            | (target & 0xffff_0000L) << 32;
    memory.poke(IDT + 8L * vector, 8, value);
  }

  private void userMode() {
    state.loadCodeSegment(0x1b, 0, -1, 0x00c0_fb00, 3);
    state.loadSegment(SS, 0x23, 0, -1, 0x00c0_f300);
  }

  private long frame(int slot) {
    return memory.peek(state.bases[SS] + state.gpr[RSP] + 4L * slot, 4);
  }

  @Test
  void anExceptionAtTheSameLevelPushesFourSlotsWithItsErrorCode() {
    assertThat(injector.exception(13, 0x18, 0)).isEqualTo(Delivery.DELIVERED);
    assertThat(state.rip).isEqualTo(0x20_000d);
    assertThat(state.gpr[RSP]).isEqualTo(0x6000 - 16);
    assertThat(frame(0)).isEqualTo(0x18);
    assertThat(frame(1)).isEqualTo(0x10_0000);
    assertThat(frame(2)).isEqualTo(8);
    assertThat(frame(3)).isEqualTo(0x202 | 1 << 16);
    assertThat(state.rflags).isEqualTo(2);
  }

  @Test
  void fromUserModeTheStackComesFromTheTss() {
    userMode();
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.cpl).isZero();
    assertThat(state.selectors[SS]).isEqualTo(0x10);
    assertThat(state.gpr[RSP]).isEqualTo(0x8000 - 20);
    assertThat(frame(0)).isEqualTo(0x10_0000);
    assertThat(frame(1)).isEqualTo(0x1b);
    assertThat(frame(3)).isEqualTo(0x6000);
    assertThat(frame(4)).isEqualTo(0x23);
  }

  @Test
  void a16BitTssHoldsWords() {
    userMode();
    state.trAttributes = 0x8300;
    memory.poke(TSS + 2, 2, 0x7000);
    memory.poke(TSS + 4, 2, 0x10);
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.gpr[RSP]).isEqualTo(0x7000 - 20);
    assertThat(state.selectors[SS]).isEqualTo(0x10);
  }

  @Test
  void a16BitTrapGatePushesWordsTruncatesTheTargetAndKeepsInterrupts() {
    gate(0x40, 0x08, TRAP_16, 0, true);
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.gpr[RSP]).isEqualTo(0x6000 - 6);
    assertThat(memory.peek(0x6000 - 6, 2)).isZero();
    assertThat(memory.peek(0x6000 - 4, 2)).isEqualTo(8);
    assertThat(state.rip).isEqualTo(0x40);
    assertThat(state.rflags).isEqualTo(0x202);
  }

  @Test
  void aTooSmallStackSegmentIsAStackFaultWithItsSelector() {
    userMode();
    memory.poke(TSS + 8, 2, 0x30);
    gate(12, 0x18, INTERRUPT_32, 0, true);
    // The new stack ends at offset 0x1000 but ESP0 is 0x8000.
    assertThat(injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40))
        .isEqualTo(Delivery.DELIVERED);
    assertThat(state.rip).isEqualTo(0x20_000c);
    assertThat(frame(0)).isEqualTo(0x31);
  }

  @Test
  void aStackOfTheWrongLevelIsInvalidTss() {
    userMode();
    memory.poke(TSS + 8, 2, 0x23);
    gate(10, 0x18, INTERRUPT_32, 0, true);
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.rip).isEqualTo(0x20_000a);
    assertThat(frame(0)).isEqualTo(0x21);
  }

  @Test
  void a16BitStackMovesOnlySp() {
    state.loadSegment(SS, 0x38, 0x1_0000, 0xffff, 0x9300);
    state.gpr[RSP] = 0xabcd_0008L;
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.gpr[RSP]).isEqualTo(0xabcd_fffcL);
    assertThat(memory.peek(0x1_fffc, 4)).isEqualTo(0x10_0000);
    assertThat(memory.peek(0x1_0004, 4)).isEqualTo(0x202);
  }

  @Test
  void anExpandDownStackMustLieAboveItsLimit() {
    state.loadSegment(SS, 0x10, 0, 0x5fff, 0x00c0_9700);
    // The handlers of #SS and of the double fault would use the same stack.
    assertThat(injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40))
        .isEqualTo(Delivery.TRIPLE_FAULT);
    state.gpr[RSP] = 0x7000;
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.rip).isEqualTo(0x20_0040);
  }

  @Test
  void aTargetBeyondTheCodeLimitIsAGeneralProtectionFault() {
    descriptor(0x40, 0x0040_9b00_0000_ffffL);
    gate(0x40, 0x40, INTERRUPT_32, 0, true);
    injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x40);
    assertThat(state.rip).isEqualTo(0x20_000d);
    assertThat(frame(0)).isEqualTo(1);
  }

  @Test
  void virtual8086CodeEntersLevelZeroWithItsSegmentsOnTheStack() {
    userMode();
    state.rflags |= 1 << 17 | 3 << 12;
    state.loadSegment(DS, 0x1111, 0x1_1110, 0xffff, 0xf300);
    state.loadSegment(X86RegisterView.GS, 0x2222, 0x2_2220, 0xffff, 0xf300);
    gate(0x40, 0x08, INTERRUPT_32, 3, true);
    injector.software(EventKind.SOFTWARE_INTERRUPT, 0x40, 2);
    assertThat(state.gpr[RSP]).isEqualTo(0x8000 - 36);
    assertThat(frame(6)).isEqualTo(0x1111);
    assertThat(frame(8)).isEqualTo(0x2222);
    assertThat(state.selectors[DS]).isZero();
    assertThat(state.rflags & 1 << 17).isZero();
  }

  @Test
  void intNInVirtual8086ModeNeedsIopl3() {
    userMode();
    state.rflags |= 1 << 17;
    gate(0x40, 0x08, INTERRUPT_32, 3, true);
    injector.software(EventKind.SOFTWARE_INTERRUPT, 0x40, 2);
    assertThat(state.rip).isEqualTo(0x20_000d);
    assertThat(frame(0)).isZero();
  }
}
