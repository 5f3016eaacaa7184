package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Efer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Expected values by hand from SDM vol. 2B, SYSCALL and SYSENTER. */
class SyscallUnitTest {
  private static final int CS = X86RegisterView.CS;
  private static final int SS = X86RegisterView.SS;

  private final FakeX86CpuState state = new FakeX86CpuState();
  private final FakeMsrPort msrs = new FakeMsrPort();
  private final SyscallUnit unit = new SyscallUnit(state, msrs);

  @BeforeEach
  void userCode() {
    state.loadCodeSegment(0x33, 0, -1, 0x00a0_fb00, 3);
    state.loadSegment(SS, 0x2b, 0, -1, 0x00c0_f300);
    state.rip = 0x40_1000;
    state.rflags = 0x1_0247;
    state.gpr[X86RegisterView.RSP] = 0x7ffe_0000;
    msrs.engine.put(X86Msr.STAR, 0x0023_0013_0000_0000L);
    msrs.engine.put(X86Msr.LSTAR, 0xffff_8000_0010_0000L);
    msrs.engine.put(X86Msr.FMASK, 0x4_7702L);
  }

  @Test
  void syscallEntersFlatLevelZeroAndSavesRipAndFlags() {
    assertThat(unit.syscall(2)).isEqualTo(UnitStatus.OK);
    assertThat(state.rip).isEqualTo(0xffff_8000_0010_0000L);
    assertThat(state.gpr[X86RegisterView.RCX]).isEqualTo(0x40_1002);
    assertThat(state.gpr[11]).isEqualTo(0x247);
    assertThat(state.rflags).isEqualTo(0x47 & ~0x2 | 2);
    assertThat(state.cpl).isZero();
    assertThat(state.selectors[CS]).as("RPL of STAR is dropped").isEqualTo(0x10);
    assertThat(state.selectors[SS]).isEqualTo(0x18);
    assertThat(state.attributes[CS]).isEqualTo(0x00a0_9b00);
    assertThat(state.attributes[SS]).isEqualTo(0x00c0_9300);
    assertThat(state.gpr[X86RegisterView.RSP]).isEqualTo(0x7ffe_0000);
  }

  @Test
  void syscallIsUndefinedWithoutSceOrOutside64BitMode() {
    state.efer &= ~Efer.SCE;
    assertThat(unit.syscall(2)).isEqualTo(X86Vector.INVALID_OPCODE);
    state.efer |= Efer.SCE;
    state.loadCodeSegment(0x23, 0, -1, 0x00c0_fb00, 3);
    assertThat(unit.syscall(2)).as("compatibility mode").isEqualTo(X86Vector.INVALID_OPCODE);
    assertThat(state.rip).isEqualTo(0x40_1000);
    assertThat(state.cpl).isEqualTo(3);
  }

  @Test
  void sysenterLoadsStackAndEntryAndClearsInterrupts() {
    msrs.engine.put(X86Msr.SYSENTER_CS, 0x13L);
    msrs.engine.put(X86Msr.SYSENTER_ESP, 0xffff_8000_0000_8000L);
    msrs.engine.put(X86Msr.SYSENTER_EIP, 0xffff_8000_0000_4000L);
    assertThat(unit.sysenter()).isEqualTo(UnitStatus.OK);
    assertThat(state.gpr[X86RegisterView.RSP]).isEqualTo(0xffff_8000_0000_8000L);
    assertThat(state.rip).isEqualTo(0xffff_8000_0000_4000L);
    assertThat(state.selectors[CS]).isEqualTo(0x10);
    assertThat(state.selectors[SS]).isEqualTo(0x18);
    assertThat(state.rflags & X86Flags.RFLAGS_IF).isZero();
  }

  @Test
  void sysenterOutsideLongModeEnters32BitCode() {
    state.efer = 0;
    msrs.engine.put(X86Msr.SYSENTER_CS, 0x10L);
    msrs.engine.put(X86Msr.SYSENTER_EIP, 0x1_0000_4000L);
    unit.sysenter();
    assertThat(state.rip).isEqualTo(0x4000);
    assertThat(state.attributes[CS]).isEqualTo(0x00c0_9b00);
  }

  @Test
  void sysenterNeedsACodeSelectorAndProtectedMode() {
    assertThat(unit.sysenter()).isEqualTo(X86Vector.GENERAL_PROTECTION);
    msrs.engine.put(X86Msr.SYSENTER_CS, 0x10L);
    state.cr0 &= ~Cr0.PE;
    assertThat(unit.sysenter()).isEqualTo(X86Vector.GENERAL_PROTECTION);
  }
}
