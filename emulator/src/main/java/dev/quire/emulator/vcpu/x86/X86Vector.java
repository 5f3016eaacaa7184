package dev.quire.emulator.vcpu.x86;

/** Exception vectors and what kind of exception each is (SDM vol. 3A, tables 6-1 and 6-5). */
public final class X86Vector {
  public static final int DIVIDE_ERROR = 0;
  public static final int DEBUG = 1;
  public static final int NMI = 2;
  public static final int BREAKPOINT = 3;
  public static final int OVERFLOW = 4;
  public static final int BOUND_RANGE = 5;
  public static final int INVALID_OPCODE = 6;
  public static final int DEVICE_NOT_AVAILABLE = 7;
  public static final int DOUBLE_FAULT = 8;
  public static final int INVALID_TSS = 10;
  public static final int SEGMENT_NOT_PRESENT = 11;
  public static final int STACK_FAULT = 12;
  public static final int GENERAL_PROTECTION = 13;
  public static final int PAGE_FAULT = 14;
  public static final int X87_ERROR = 16;
  public static final int ALIGNMENT_CHECK = 17;
  public static final int MACHINE_CHECK = 18;
  public static final int SIMD_ERROR = 19;
  public static final int VIRTUALIZATION = 20;
  public static final int CONTROL_PROTECTION = 21;

  private static final String[] MNEMONICS = {
    "de", "db", "nmi", "bp", "of", "br", "ud", "nm", "df", "9", "ts", "np", "ss", "gp", "pf", "15",
    "mf", "ac", "mc", "xm", "ve", "cp"
  };

  private X86Vector() {}

  /** The manual's name of an exception without its number sign, in lower case. */
  public static String mnemonic(int vector) {
    return vector < MNEMONICS.length ? MNEMONICS[vector] : Integer.toString(vector);
  }

  /** Whether the exception pushes an error code in protected mode. */
  public static boolean hasErrorCode(int vector) {
    return switch (vector) {
      case DOUBLE_FAULT,
          INVALID_TSS,
          SEGMENT_NOT_PRESENT,
          STACK_FAULT,
          GENERAL_PROTECTION,
          PAGE_FAULT,
          ALIGNMENT_CHECK,
          CONTROL_PROTECTION ->
          true;
      default -> false;
    };
  }

  /** Contributory exceptions of table 6-5. */
  static boolean isContributory(int vector) {
    return switch (vector) {
      case DIVIDE_ERROR,
          INVALID_TSS,
          SEGMENT_NOT_PRESENT,
          STACK_FAULT,
          GENERAL_PROTECTION,
          CONTROL_PROTECTION ->
          true;
      default -> false;
    };
  }

  static boolean isPageFault(int vector) {
    return vector == PAGE_FAULT || vector == VIRTUALIZATION;
  }

  /** Faults restart their instruction and push RF set (SDM vol. 3B, 18.3.1.1); traps do not. */
  static boolean isFault(int vector) {
    return switch (vector) {
      case DEBUG, NMI, BREAKPOINT, OVERFLOW, MACHINE_CHECK -> false;
      default -> vector < 32;
    };
  }
}
