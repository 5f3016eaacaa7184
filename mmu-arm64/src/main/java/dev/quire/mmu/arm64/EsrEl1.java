package dev.quire.mmu.arm64;

/**
 * ESR_EL1 for instruction and data aborts. Source: Arm ARM DDI 0487, D19.2 ESR_EL1, "ISS encoding
 * for an exception from a Data Abort" and "... from an Instruction Abort".
 *
 * <pre>
 *  31  26 25 24  23      11  10   9   8     7    6   5    0
 * +------+--+---+------------+---+---+---+-------+----+------+
 * |  EC  |IL|ISV|     0      |FnV| EA| CM| S1PTW |WnR | DFSC |
 * +------+--+---+------------+---+---+---+-------+----+------+
 * </pre>
 *
 * Aborts taken to EL1 never have a valid instruction syndrome (ISV = 0). An instruction abort has
 * no CM and no WnR.
 */
public final class EsrEl1 {
  public static final int EC_INSTRUCTION_ABORT_LOWER_EL = 0x20;
  public static final int EC_INSTRUCTION_ABORT_SAME_EL = 0x21;
  public static final int EC_PC_ALIGNMENT = 0x22;
  public static final int EC_DATA_ABORT_LOWER_EL = 0x24;
  public static final int EC_DATA_ABORT_SAME_EL = 0x25;

  public static final long WNR = 1L << 6;
  public static final long S1PTW = 1L << 7;
  public static final long CM = 1L << 8;
  public static final long EA = 1L << 9;
  public static final long FNV = 1L << 10;

  /** The trapped instruction has 32 bits; also set for every instruction abort. */
  public static final long IL = 1L << 25;

  private static final int EC_SHIFT = 26;
  private static final int EC_MASK = 0x3f;
  private static final int FSC_MASK = 0x3f;

  private EsrEl1() {}

  /**
   * @param faultStatus {@link FaultStatus#code}
   * @param iss of the bits above, those that hold
   */
  public static long dataAbort(boolean fromEl0, int faultStatus, long iss) {
    int ec = fromEl0 ? EC_DATA_ABORT_LOWER_EL : EC_DATA_ABORT_SAME_EL;
    return (long) ec << EC_SHIFT | IL | iss | faultStatus;
  }

  public static long instructionAbort(boolean fromEl0, int faultStatus, long iss) {
    int ec = fromEl0 ? EC_INSTRUCTION_ABORT_LOWER_EL : EC_INSTRUCTION_ABORT_SAME_EL;
    return (long) ec << EC_SHIFT | IL | iss | faultStatus;
  }

  public static int ec(long esr) {
    return (int) (esr >>> EC_SHIFT) & EC_MASK;
  }

  public static int faultStatus(long esr) {
    return (int) esr & FSC_MASK;
  }
}
