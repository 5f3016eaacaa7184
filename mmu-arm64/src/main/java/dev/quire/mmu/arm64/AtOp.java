package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;

/**
 * The address translation instructions on the EL1&0 regime. Those with both stages exist at EL2
 * only. Source: Arm ARM DDI 0487, C5.4.
 */
public enum AtOp {
  S1E1R(0, 8, 0, Access.READ),
  S1E1W(0, 8, 1, Access.WRITE),
  S1E0R(0, 8, 2, Access.READ | Access.USER),
  S1E0W(0, 8, 3, Access.WRITE | Access.USER),
  S1E1RP(0, 9, 0, Access.READ),
  S1E1WP(0, 9, 1, Access.WRITE),
  S12E1R(4, 8, 4, Access.READ),
  S12E1W(4, 8, 5, Access.WRITE),
  S12E0R(4, 8, 6, Access.READ | Access.USER),
  S12E0W(4, 8, 7, Access.WRITE | Access.USER);

  private static final int CRN = 7;
  private static final int CRM_WITH_PAN = 9;
  private static final AtOp[] VALUES = values();

  private final int op1;
  private final int crm;
  private final int op2;
  private final int access;

  AtOp(int op1, int crm, int op2, int access) {
    this.op1 = op1;
    this.crm = crm;
    this.op2 = op2;
    this.access = access;
  }

  /** The instruction SYS #op1, crn, crm, #op2, or null if it is none of these. */
  public static AtOp decode(int op1, int crn, int crm, int op2) {
    for (AtOp op : VALUES) {
      if (crn == CRN && op.op1 == op1 && op.crm == crm && op.op2 == op2) {
        return op;
      }
    }
    return null;
  }

  /** The {@link Access} it asks for; PAN counts for the forms that end in P. */
  int access(boolean pan) {
    return crm == CRM_WITH_PAN && pan ? access : access | Access.USER_DATA_ALLOWED;
  }

  boolean bothStages() {
    return op1 != 0;
  }

  public int op1() {
    return op1;
  }

  public int crm() {
    return crm;
  }

  public int op2() {
    return op2;
  }
}
