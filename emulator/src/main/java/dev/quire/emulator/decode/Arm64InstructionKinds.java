package dev.quire.emulator.decode;

/**
 * Kinds of A64 instruction that traps of EL1 are about (Arm ARM DDI 0487, C4.1). Stateless; an
 * unallocated word may be taken for a kind of its group.
 */
public final class Arm64InstructionKinds {
  private static final int SP = 31;
  private static final int STACK_ALIGNMENT = 16;

  private Arm64InstructionKinds() {}

  /**
   * Whether the word is in the groups that FP and SIMD access traps cover: data processing and
   * loads and stores of SIMD and floating-point registers, MRS and MSR of FPCR and FPSR.
   */
  public static boolean isFloatingPoint(int word) {
    boolean dataProcessing = (word & 0x0e00_0000) == 0x0e00_0000;
    boolean loadOrStore = (word & 0x0e00_0000) == 0x0c00_0000;
    boolean statusRegister = (word & 0xffdf_ffc0) == 0xd51b_4400;
    return dataProcessing
        || loadOrStore && Arm64AccessDecoder.decode(word) != Arm64Access.NONE
        || statusRegister;
  }

  /** MRS of RNDR or RNDRRS (FEAT_RNG). */
  public static boolean isRandomNumber(int word) {
    return (word & 0xffff_ffc0) == 0xd53b_2400;
  }

  /** ERET, ERETAA, ERETAB. */
  public static boolean isExceptionReturn(int word) {
    return word == 0xd69f_03e0 || (word & 0xffff_fbff) == 0xd69f_0bff;
  }

  /** What SCTLR_EL1.A wants the access aligned to: the size of one element; 1 if nothing. */
  public static int alignmentBytes(int word) {
    long access = Arm64AccessDecoder.decode(word);
    if (access == Arm64Access.NONE || Arm64Access.isZeroBlock(access)) {
      return 1;
    }
    boolean multipleStructures = (word & 0xbf00_0000) == 0x0c00_0000;
    return multipleStructures
        ? 1 << (word >>> 10 & 3)
        : Arm64Access.bytes(access) / Arm64Access.registers(access);
  }

  /** Whether the word accesses memory at an address based on the stack pointer. */
  public static boolean accessesThroughStackPointer(int word) {
    long access = Arm64AccessDecoder.decode(word);
    return access != Arm64Access.NONE
        && !Arm64Access.isZeroBlock(access)
        && !Arm64Access.isLiteral(access)
        && Arm64Access.base(access) == SP;
  }

  /**
   * Whether a stack pointer that was 16-byte aligned may not be so after the word has executed;
   * exception returns ({@link #isExceptionReturn}) apart.
   */
  public static boolean mayMisalignStackPointer(int word) {
    return (word & SP) == SP && mayComputeMisaligned(word)
        || (word >>> 5 & SP) == SP && writesBackMisaligned(word)
        || selectsStackPointer(word);
  }

  /** ADD and SUB (immediate and extended register), AND, ORR and EOR (immediate), into SP. */
  private static boolean mayComputeMisaligned(int word) {
    if ((word & 0x3f80_0000) == 0x1100_0000) {
      boolean fromStackPointer = (word >>> 5 & SP) == SP;
      boolean shifted = (word >>> 22 & 1) != 0;
      boolean multiple = shifted || (word >>> 10 & 0xfff) % STACK_ALIGNMENT == 0;
      return !(fromStackPointer && multiple);
    }
    boolean extended = (word & 0x3fe0_0000) == 0x0b20_0000;
    boolean logical = (word & 0x1f80_0000) == 0x1200_0000 && (word >>> 29 & 3) != 3;
    return extended || logical;
  }

  /** Pre- and post-indexed loads and stores that move SP by no multiple of 16. */
  private static boolean writesBackMisaligned(int word) {
    long access = Arm64AccessDecoder.decode(word);
    if (access == Arm64Access.NONE) {
      return false;
    }
    boolean pair = (word & 0x3a00_0000) == 0x2800_0000;
    if (pair) {
      boolean indexed = (word >>> 23 & 1) != 0;
      int element = Arm64Access.bytes(access) / 2;
      return indexed && (word << 10 >> 25) * element % STACK_ALIGNMENT != 0;
    }
    boolean structures = (word & 0xbe00_0000) == 0x0c00_0000;
    if (structures) {
      return (word >>> 23 & 1) != 0;
    }
    boolean single = (word & 0x3b20_0000) == 0x3800_0000;
    if (single) {
      boolean indexed = (word >>> 10 & 1) != 0;
      return indexed && (word << 11 >> 23) % STACK_ALIGNMENT != 0;
    }
    boolean authenticated = (word & 0xff20_0c00) == 0xf820_0c00;
    return authenticated;
  }

  /** MSR SPSel, immediate or register. */
  private static boolean selectsStackPointer(int word) {
    return (word & 0xffff_f0ff) == 0xd500_40bf || (word & 0xffff_ffe0) == 0xd518_4200;
  }
}
