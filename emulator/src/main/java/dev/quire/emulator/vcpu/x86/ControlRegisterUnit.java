package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Efer;

/**
 * What MOV to and from control registers, LMSW and CLTS check before the MMU judges the value
 * itself (SDM vol. 2A and 2B; vol. 3A, 10.8.5): privilege, which registers there are, and the rules
 * that depend on the code segment. Reserved bits and combinations of CR0, CR3, CR4 and EFER are the
 * business of {@link dev.quire.mmu.x86.X86Mmu}.
 */
public final class ControlRegisterUnit {
  private static final int LONG_BIT = 1 << 21;
  private static final long LMSW_BITS = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS;

  private final X86CpuState state;

  public ControlRegisterUnit(X86CpuState state) {
    this.state = state;
  }

  /**
   * Checks MOV to or from control register {@code number}, without regard to a value.
   *
   * @return {@link UnitStatus#OK}, #UD or #GP
   */
  public int checkMove(int number) {
    boolean exists = number == 0 || number == 2 || number == 3 || number == 4 || number == 8;
    if (!exists) {
      return X86Vector.INVALID_OPCODE;
    }
    return state.cpl() == 0 ? UnitStatus.OK : X86Vector.GENERAL_PROTECTION;
  }

  /**
   * Checks the value of a MOV to CR0, LMSW or CLTS against the code segment.
   *
   * @return {@link UnitStatus#OK} or #GP
   */
  public int checkCr0(long value) {
    boolean longCode = (state.segmentAttributes(X86RegisterView.CS) & LONG_BIT) != 0;
    boolean paging = (value & Cr0.PG) != 0;
    boolean wasPaging = (state.cr0() & Cr0.PG) != 0;
    boolean in64BitMode = longCode && (state.efer() & Efer.LMA) != 0;
    if (wasPaging && !paging && in64BitMode) {
      return X86Vector.GENERAL_PROTECTION;
    }
    boolean activates = !wasPaging && paging && (state.efer() & Efer.LME) != 0;
    return activates && (longCode || has16BitTss()) ? X86Vector.GENERAL_PROTECTION : UnitStatus.OK;
  }

  /** Activating IA-32e mode with a 16-bit TSS in TR raises #GP (SDM vol. 3A, 10.8.5.1). */
  private boolean has16BitTss() {
    int type = state.trAttributes() >>> 8 & 0x1f;
    return (state.trSelector() & 0xfffc) != 0 && (type == 1 || type == 3);
  }

  /** CR8 holds the task priority in its low four bits; the others are reserved. */
  public static boolean isLegalCr8(long value) {
    return (value & ~0xfL) == 0;
  }

  /** CR0 after LMSW: PE can be set but not cleared, MP, EM and TS are copied. */
  public static long lmsw(long cr0, long source) {
    return cr0 & ~LMSW_BITS | source & LMSW_BITS | cr0 & Cr0.PE;
  }

  /** CR0 after CLTS. */
  public static long clts(long cr0) {
    return cr0 & ~Cr0.TS;
  }
}
