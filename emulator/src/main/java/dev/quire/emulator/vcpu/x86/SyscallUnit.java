package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Efer;

/** SYSCALL and SYSENTER (SDM vol. 2B), which the engine leaves to its host. */
public final class SyscallUnit {
  private static final long LOW_32 = 0xffff_ffffL;
  private static final int CODE_64 = 0x00a0_9b00;
  private static final int CODE_32 = 0x00c0_9b00;
  private static final int DATA = 0x00c0_9300;
  private static final int LONG_BIT = 1 << 21;

  private final X86CpuState state;
  private final EngineMsrPort msrs;

  public SyscallUnit(X86CpuState state, EngineMsrPort msrs) {
    this.state = state;
    this.msrs = msrs;
  }

  /**
   * Performs SYSCALL; {@link X86CpuState#rip()} is its own address before and the entry point
   * after. Intel's rules: outside 64-bit mode it is undefined.
   *
   * @param instructionBytes its length, for RCX
   * @return {@link UnitStatus#OK} or #UD
   */
  public int syscall(int instructionBytes) {
    long efer = state.efer();
    boolean longCode = (state.segmentAttributes(X86RegisterView.CS) & LONG_BIT) != 0;
    if ((efer & Efer.LMA) == 0 || !longCode || (efer & Efer.SCE) == 0) {
      return X86Vector.INVALID_OPCODE;
    }
    long flags = state.rflags();
    int selector = (int) (msrs.engineMsr(X86Msr.STAR) >>> 32) & 0xfffc;
    state.setGpr(X86RegisterView.RCX, state.rip() + instructionBytes);
    state.setGpr(11, flags & ~X86Flags.RFLAGS_RF);
    long masked = flags & ~msrs.engineMsr(X86Msr.FMASK);
    state.setRflags(masked & ~X86Flags.RFLAGS_RF | X86Flags.RFLAGS_FIXED);
    enter(selector, CODE_64);
    state.setRip(msrs.engineMsr(X86Msr.LSTAR));
    return UnitStatus.OK;
  }

  /**
   * Performs SYSENTER.
   *
   * @return {@link UnitStatus#OK} or #GP
   */
  public int sysenter() {
    int selector = (int) msrs.engineMsr(X86Msr.SYSENTER_CS) & 0xfffc;
    if ((state.cr0() & Cr0.PE) == 0 || selector == 0) {
      return X86Vector.GENERAL_PROTECTION;
    }
    boolean longMode = (state.efer() & Efer.LMA) != 0;
    long mask = longMode ? -1L : LOW_32;
    state.setRflags(state.rflags() & ~(X86Flags.RFLAGS_VM | X86Flags.RFLAGS_IF));
    enter(selector, longMode ? CODE_64 : CODE_32);
    state.setGpr(X86RegisterView.RSP, msrs.engineMsr(X86Msr.SYSENTER_ESP) & mask);
    state.setRip(msrs.engineMsr(X86Msr.SYSENTER_EIP) & mask);
    return UnitStatus.OK;
  }

  /** Flat code at CPL 0 and the stack segment behind it, without a look at the GDT. */
  private void enter(int selector, int codeAttributes) {
    state.loadCodeSegment(selector, 0, -1, codeAttributes, 0);
    state.loadSegment(X86RegisterView.SS, selector + 8 & 0xffff, 0, -1, DATA);
    state.setInterruptShadow(false);
  }
}
