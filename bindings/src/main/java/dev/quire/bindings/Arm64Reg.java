package dev.quire.bindings;

import java.util.Objects;

/** Unicorn's arm64 register numbers ({@code uc_arm64_reg}). */
public final class Arm64Reg {
  public static final int X29 = 1;
  public static final int X30 = 2;
  public static final int NZCV = 3;
  public static final int SP = 4;
  public static final int XZR = 7;
  public static final int X0 = 199;
  public static final int V0 = 228;
  public static final int PC = 260;
  public static final int CPACR_EL1 = 261;
  public static final int TPIDR_EL0 = 262;
  public static final int TPIDRRO_EL0 = 263;
  public static final int TPIDR_EL1 = 264;
  public static final int PSTATE = 265;
  public static final int ELR_EL1 = 267;
  public static final int SP_EL0 = 270;
  public static final int SP_EL1 = 271;
  public static final int TTBR0_EL1 = 274;
  public static final int TTBR1_EL1 = 275;
  public static final int ESR_EL1 = 277;
  public static final int FAR_EL1 = 281;
  public static final int PAR_EL1 = 284;
  public static final int MAIR_EL1 = 285;
  public static final int VBAR_EL1 = 287;
  public static final int CP_REG = 290;
  public static final int FPCR = 291;
  public static final int FPSR = 292;

  private Arm64Reg() {}

  /** The register number of general register {@code index}, 0 to 30. */
  public static int x(int index) {
    Objects.checkIndex(index, 31);
    return index == 29 ? X29 : index == 30 ? X30 : X0 + index;
  }

  /** The register number of vector register {@code index}, 0 to 31. */
  public static int v(int index) {
    return V0 + Objects.checkIndex(index, 32);
  }

  /** The hardware index of a register number given to a hook; 31 is XZR. */
  static int indexOf(int register) {
    return switch (register) {
      case X29 -> 29;
      case X30 -> 30;
      case XZR -> 31;
      default -> register - X0;
    };
  }
}
