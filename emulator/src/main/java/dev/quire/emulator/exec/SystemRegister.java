package dev.quire.emulator.exec;

/**
 * The number of an arm64 system register or instruction, as in bits 20:5 of MRS, MSR and SYS (Arm
 * ARM C5.1).
 *
 * <pre>
 *  15 14  13 11  10  7  6   3  2  0
 * +-----+------+------+------+-----+
 * | op0 | op1  | CRn  | CRm  | op2 |
 * +-----+------+------+------+-----+
 * </pre>
 */
public final class SystemRegister {
  public static final int ID_AA64PFR0_EL1 = of(3, 0, 0, 4, 0);
  public static final int ID_AA64PFR1_EL1 = of(3, 0, 0, 4, 1);
  public static final int ID_AA64ZFR0_EL1 = of(3, 0, 0, 4, 4);
  public static final int ID_AA64DFR0_EL1 = of(3, 0, 0, 5, 0);
  public static final int ID_AA64ISAR0_EL1 = of(3, 0, 0, 6, 0);
  public static final int ID_AA64MMFR0_EL1 = of(3, 0, 0, 7, 0);
  public static final int ID_AA64MMFR1_EL1 = of(3, 0, 0, 7, 1);
  public static final int MPIDR_EL1 = of(3, 0, 0, 0, 5);
  public static final int SCTLR_EL1 = of(3, 0, 1, 0, 0);
  public static final int CPACR_EL1 = of(3, 0, 1, 0, 2);
  public static final int TTBR0_EL1 = of(3, 0, 2, 0, 0);
  public static final int TTBR1_EL1 = of(3, 0, 2, 0, 1);
  public static final int TCR_EL1 = of(3, 0, 2, 0, 2);
  public static final int SPSR_EL1 = of(3, 0, 4, 0, 0);
  public static final int ESR_EL1 = of(3, 0, 5, 2, 0);
  public static final int FAR_EL1 = of(3, 0, 6, 0, 0);
  public static final int PAR_EL1 = of(3, 0, 7, 4, 0);
  public static final int MAIR_EL1 = of(3, 0, 10, 2, 0);
  public static final int VBAR_EL1 = of(3, 0, 12, 0, 0);
  public static final int CONTEXTIDR_EL1 = of(3, 0, 13, 0, 1);
  public static final int TPIDR_EL1 = of(3, 0, 13, 0, 4);
  public static final int TPIDR_EL0 = of(3, 3, 13, 0, 2);
  public static final int TPIDRRO_EL0 = of(3, 3, 13, 0, 3);
  public static final int CSSELR_EL1 = of(3, 2, 0, 0, 0);
  public static final int OSLAR_EL1 = of(2, 0, 1, 0, 4);
  public static final int OSLSR_EL1 = of(2, 0, 1, 1, 4);
  public static final int CNTKCTL_EL1 = of(3, 0, 14, 1, 0);
  public static final int CNTPCTSS_EL0 = of(3, 3, 14, 0, 5);
  public static final int CNTVCTSS_EL0 = of(3, 3, 14, 0, 6);
  public static final int MDSCR_EL1 = of(2, 0, 0, 2, 2);
  public static final int HCR_EL2 = of(3, 4, 1, 1, 0);
  public static final int MDCR_EL2 = of(3, 4, 1, 1, 1);
  public static final int VMPIDR_EL2 = of(3, 4, 0, 0, 5);
  public static final int SCR_EL3 = of(3, 6, 1, 1, 0);

  public static final int DC_ZVA = of(1, 3, 7, 4, 1);

  /** OSLSR_EL1.OSLK: the OS lock is held. */
  public static final int OSLSR_OSLK = 1 << 1;

  /** Low and high halves of APIA, APIB, APDA, APDB and APGA. */
  public static final int POINTER_KEY_REGISTERS = 10;

  private static final int POINTER_KEYS_CRN = 2;

  private SystemRegister() {}

  /** The register of half a pointer authentication key: APIAKeyLo_EL1 is 0, APIAKeyHi_EL1 1. */
  public static int pointerKey(int index) {
    return of(3, 0, POINTER_KEYS_CRN, 1 + index / 4, index % 4);
  }

  public static int of(int op0, int op1, int crn, int crm, int op2) {
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
  }

  public static int op0(int register) {
    return register >>> 14 & 3;
  }

  public static int op1(int register) {
    return register >>> 11 & 7;
  }

  public static int crn(int register) {
    return register >>> 7 & 15;
  }

  public static int crm(int register) {
    return register >>> 3 & 15;
  }

  public static int op2(int register) {
    return register & 7;
  }
}
