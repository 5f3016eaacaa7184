package dev.quire.emulator.vcpu.x86;

import static dev.quire.emulator.vcpu.x86.LongModeFixture.HANDLER;
import static dev.quire.emulator.vcpu.x86.LongModeFixture.INTERRUPT_GATE;
import static dev.quire.emulator.vcpu.x86.LongModeFixture.TRAP_GATE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.Access;
import org.junit.jupiter.api.Test;

/** Expected values by hand from SDM vol. 3A 6.13 and 6.14 and vol. 2A, INT n. */
class LongModeDeliveryTest {
  private static final int RSP = X86RegisterView.RSP;
  private static final int CS = X86RegisterView.CS;
  private static final int SS = X86RegisterView.SS;
  private static final int GP = 13;

  private final LongModeFixture guest = new LongModeFixture();
  private final FakeX86CpuState state = guest.state;

  private void assertHandlerOf(int vector) {
    assertThat(state.rip).isEqualTo(HANDLER + vector);
  }

  private void assertFault(int vector, int errorCode) {
    assertHandlerOf(vector);
    assertThat(guest.frame(0)).as("error code").isEqualTo(errorCode);
  }

  @Test
  void anInterruptAtTheSameLevelAlignsTheStackAndPushesFiveSlots() {
    state.gpr[RSP] = 0x5ff9;
    assertThat(guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30))
        .isEqualTo(Delivery.DELIVERED);
    assertHandlerOf(0x30);
    assertThat(state.gpr[RSP]).isEqualTo(0x5ff0 - 40);
    assertThat(guest.frame(0)).isEqualTo(0x40_0000);
    assertThat(guest.frame(1)).isEqualTo(8);
    assertThat(guest.frame(2)).isEqualTo(0x246);
    assertThat(guest.frame(3)).isEqualTo(0x5ff9);
    assertThat(guest.frame(4)).isEqualTo(16);
    assertThat(state.selectors[CS]).isEqualTo(8);
    assertThat(state.selectors[SS]).isEqualTo(16);
    assertThat(state.rflags).isEqualTo(0x46);
  }

  @Test
  void aTrapGateLeavesInterruptsEnabled() {
    guest.gate(0x30, 0x08, TRAP_GATE, 0, 0, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertThat(state.rflags).isEqualTo(0x246);
  }

  @Test
  void deliveryClearsTrapNestedTaskAndResumeFlags() {
    state.rflags = 0x246 | 1 << 8 | 1 << 14 | 1 << 16;
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertThat(state.rflags).isEqualTo(0x46);
    assertThat(guest.frame(2)).isEqualTo(0x246 | 1 << 8 | 1 << 14 | 1 << 16);
  }

  @Test
  void aPageFaultPushesItsErrorCodeSetsCr2AndTheResumeFlag() {
    guest.injector.exception(14, 6, 0xdead_b000L);
    assertFault(14, 6);
    assertThat(state.gpr[RSP]).isEqualTo(0x6000 - 48);
    assertThat(state.cr2).isEqualTo(0xdead_b000L);
    assertThat(guest.frame(3)).isEqualTo(0x246 | 1 << 16);
  }

  @Test
  void aDebugTrapDoesNotPushTheResumeFlag() {
    guest.injector.exception(1, 0, 0);
    assertThat(guest.frame(2)).isEqualTo(0x246);
  }

  @Test
  void fromUserModeTheStackIsRsp0AndSsIsNull() {
    guest.userMode();
    guest.injector.exception(6, 0, 0);
    assertThat(state.cpl).isZero();
    assertThat(state.gpr[RSP]).isEqualTo(0x8000 - 40);
    assertThat(state.selectors[SS]).isZero();
    assertThat(guest.frame(1)).isEqualTo(0x1b);
    assertThat(guest.frame(3)).isEqualTo(0x6000);
    assertThat(guest.frame(4)).isEqualTo(0x23);
  }

  @Test
  void anInterruptStackTableEntryWinsAtAnyLevel() {
    guest.gate(2, 0x08, INTERRUPT_GATE, 0, 1, true);
    guest.injector.interrupt(EventKind.NMI, 2);
    assertThat(state.gpr[RSP]).isEqualTo(0xa000 - 40);
    assertThat(state.selectors[SS]).as("no change of level").isEqualTo(16);
  }

  @Test
  void aConformingHandlerKeepsTheLevelAndTheStack() {
    guest.userMode();
    guest.gate(0x80, 0x30, INTERRUPT_GATE, 3, 0, true);
    guest.injector.software(EventKind.SOFTWARE_INTERRUPT, 0x80, 2);
    assertThat(state.cpl).isEqualTo(3);
    assertThat(state.selectors[CS]).isEqualTo(0x33);
    assertThat(state.gpr[RSP]).isEqualTo(0x6000 - 40);
    assertThat(guest.memory.accesses).contains(Access.USER);
  }

  @Test
  void aSoftwareInterruptReturnsBehindItsInstruction() {
    guest.injector.software(EventKind.SOFTWARE_INTERRUPT, 0x80, 2);
    assertThat(guest.frame(0)).isEqualTo(0x40_0002);
  }

  @Test
  void userCodeMayNotCallAGateOfLevelZeroAndFaultsOnTheInstructionItself() {
    guest.userMode();
    guest.injector.software(EventKind.SOFTWARE_INTERRUPT, 0x80, 2);
    assertFault(GP, 0x80 * 8 + 2);
    assertThat(guest.frame(1)).isEqualTo(0x40_0000);
  }

  @Test
  void hardwareEventsAndInt1IgnoreTheGateLevel() {
    guest.userMode();
    guest.injector.software(EventKind.INT1, 1, 1);
    assertHandlerOf(1);
    assertThat(guest.frame(0)).isEqualTo(0x40_0001);
  }

  @Test
  void aVectorBeyondTheIdtLimitIsAGeneralProtectionFault() {
    state.idtLimit = 0x30 * 16 + 14;
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(GP, 0x30 * 8 + 3);
  }

  @Test
  void anAbsentGateIsSegmentNotPresent() {
    guest.gate(0x30, 0x08, INTERRUPT_GATE, 0, 0, false);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(11, 0x30 * 8 + 3);
  }

  @Test
  void aTaskGateIsAGeneralProtectionFaultInLongMode() {
    guest.gate(0x30, 0x08, 5, 0, 0, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(GP, 0x30 * 8 + 3);
  }

  @Test
  void aNullCodeSelectorNamesNoSelector() {
    guest.gate(0x30, 0x03, INTERRUPT_GATE, 0, 0, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(GP, 1);
  }

  @Test
  void aCodeSelectorBeyondTheTableNamesTheSelector() {
    guest.gate(0x30, 0x60, INTERRUPT_GATE, 0, 0, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(GP, 0x61);
  }

  @Test
  void aLocalSelectorIsLookedUpInTheLdt() {
    state.ldtBase = 0x5000;
    state.ldtLimit = 15;
    guest.memory.poke(0x5008, 8, 0x00af_9b00_0000_ffffL);
    guest.gate(0x30, 0x0c, INTERRUPT_GATE, 0, 0, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertHandlerOf(0x30);
    assertThat(state.selectors[CS]).isEqualTo(0x0c);
  }

  @Test
  void aDataSegmentA32BitSegmentAndAnOuterSegmentAreRefusedAsHandlers() {
    for (int selector : new int[] {0x10, 0x28, 0x40}) {
      LongModeFixture other = new LongModeFixture();
      other.gate(0x30, selector, INTERRUPT_GATE, 0, 0, true);
      other.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
      assertThat(other.state.rip).isEqualTo(HANDLER + GP);
      assertThat(other.frame(0)).isEqualTo(selector | 1);
    }
  }

  @Test
  void anAbsentCodeSegmentIsSegmentNotPresent() {
    guest.gate(0x80, 0x38, INTERRUPT_GATE, 0, 0, true);
    guest.injector.software(EventKind.SOFTWARE_INTERRUPT, 0x80, 2);
    assertFault(11, 0x38);
  }

  @Test
  void aTssTooShortForTheStackIsInvalidTss() {
    guest.userMode();
    state.trLimit = 10;
    guest.gate(10, 0x30, INTERRUPT_GATE, 0, 0, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(10, 0x51);
  }

  @Test
  void aStackPointerThatIsNotCanonicalIsAStackFault() {
    guest.memory.poke(LongModeFixture.TSS + 4, 8, 0x8000_0000_0000_0000L);
    guest.userMode();
    guest.gate(12, 0x08, INTERRUPT_GATE, 0, 1, true);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(12, 1);
  }

  @Test
  void aHandlerThatIsNotCanonicalIsAGeneralProtectionFault() {
    guest.gateTo(0x30, 8, INTERRUPT_GATE, 0, 0, true, 0x0001_0000_0000_0000L);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertFault(GP, 1);
  }

  @Test
  void aFaultOfADeliveryReplacesASoftwareInterruptWithoutTheExternalBit() {
    guest.gate(0x80, 0x08, 0, 3, 0, true);
    guest.injector.software(EventKind.SOFTWARE_INTERRUPT, 0x80, 2);
    assertFault(GP, 0x80 * 8 + 2);
  }

  @Test
  void theAccessedBitOfTheCodeSegmentIsSet() {
    guest.descriptor(0x08, 0x00af_9a00_0000_ffffL);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertThat(guest.memory.peek(LongModeFixture.GDT + 0x0d, 1)).isEqualTo(0x9b);
    assertThat(state.attributes[CS]).isEqualTo(FakeX86CpuState.CODE_64);
  }

  @Test
  void aBaseInTheCodeDescriptorIsIgnored() {
    guest.descriptor(0x08, 0x12af_9b34_5678_ffffL);
    guest.injector.interrupt(EventKind.EXTERNAL_INTERRUPT, 0x30);
    assertHandlerOf(0x30);
    assertThat(state.bases[CS]).isZero();
  }

  @Test
  void tablesAreReadImplicitlyAndKernelStacksAreNotUserAccesses() {
    guest.userMode();
    state.rflags |= 1 << 18;
    guest.injector.exception(6, 0, 0);
    assertThat(guest.memory.accesses).containsExactlyInAnyOrder(Access.IMPLICIT, 0);
  }

  @Test
  void supervisorCodeWithAcMayUseAUserStackUnderSmap() {
    state.rflags |= 1 << 18;
    guest.injector.exception(6, 0, 0);
    assertThat(guest.memory.accesses).contains(Access.USER_DATA_ALLOWED);
  }

  @Test
  void theInterruptShadowEnds() {
    state.shadow = true;
    guest.injector.exception(6, 0, 0);
    assertThat(state.shadow).isFalse();
  }
}
