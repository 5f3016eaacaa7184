package dev.quire.emulator.device.arm64;

/**
 * The system registers {@link GenericTimer} answers for, by their encoding (Arm ARM DDI 0487,
 * "AArch64 System Registers").
 */
public enum TimerRegister {
  CNTFRQ_EL0(3, 3, 14, 0, 0),
  CNTPCT_EL0(3, 3, 14, 0, 1),
  CNTVCT_EL0(3, 3, 14, 0, 2),
  CNTPCTSS_EL0(3, 3, 14, 0, 5),
  CNTVCTSS_EL0(3, 3, 14, 0, 6),
  CNTP_TVAL_EL0(3, 3, 14, 2, 0),
  CNTP_CTL_EL0(3, 3, 14, 2, 1),
  CNTP_CVAL_EL0(3, 3, 14, 2, 2),
  CNTV_TVAL_EL0(3, 3, 14, 3, 0),
  CNTV_CTL_EL0(3, 3, 14, 3, 1),
  CNTV_CVAL_EL0(3, 3, 14, 3, 2),
  CNTVOFF_EL2(3, 4, 14, 0, 3);

  private static final TimerRegister[] ALL = values();

  private final int encoding;

  TimerRegister(int op0, int op1, int crn, int crm, int op2) {
    encoding = encode(op0, op1, crn, crm, op2);
  }

  /** The fields as bits 20..5 of MRS and MSR hold them, shifted down: o0, op1, CRn, CRm, op2. */
  public static int encode(int op0, int op1, int crn, int crm, int op2) {
    return (op0 & 3) << 14 | (op1 & 7) << 11 | (crn & 15) << 7 | (crm & 15) << 3 | op2 & 7;
  }

  /** The register with this encoding, or null. */
  public static TimerRegister of(int encoding) {
    for (TimerRegister register : ALL) {
      if (register.encoding == encoding) {
        return register;
      }
    }
    return null;
  }

  public int encoding() {
    return encoding;
  }
}
