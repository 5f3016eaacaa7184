package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;

/**
 * Turns a failed translation into ESR_EL1; FAR_EL1 is the record's {@code va}, tag included. The
 * one place where a failure becomes architecture. Source: Arm ARM DDI 0487, AArch64.FaultSyndrome.
 */
public final class Arm64Syndrome {
  /** A plain load, store or fetch. */
  public static final int PLAIN = 0;

  /** DC, IC or AT by address: CM and WnR are set. */
  public static final int CACHE_MAINTENANCE = 1;

  /** An atomic whose read alone would have faulted too: WnR is clear. */
  public static final int ATOMIC_READ_FAULTS = 2;

  private Arm64Syndrome() {}

  /**
   * ESR_EL1 of the abort that the guest takes.
   *
   * @param status {@link #faultStatus}
   * @param initiator {@link FaultRecord#initiator}
   * @param fromEl0 the exception comes from EL0; an unprivileged access of EL1 (LDTR) does not
   * @param instruction one of the constants above
   */
  public static long esr(int status, int initiator, boolean fromEl0, int instruction) {
    if (Access.isFetch(initiator)) {
      return EsrEl1.instructionAbort(fromEl0, status, 0);
    }
    long iss =
        switch (instruction) {
          case CACHE_MAINTENANCE -> EsrEl1.CM | EsrEl1.WNR;
          case ATOMIC_READ_FAULTS -> 0;
          default -> Access.isWrite(initiator) ? EsrEl1.WNR : 0;
        };
    return EsrEl1.dataAbort(fromEl0, status, iss);
  }

  /**
   * ESR_EL2 of a fault of the second stage, whose IPA goes to HPFAR_EL2 ({@link HpfarEl2}) and va
   * to FAR_EL2. Bits that need the instruction (ISV and below) are the caller's.
   */
  public static long esrEl2(FaultRecord fault) {
    int status = FaultStatus.code(fault.syndrome());
    boolean walk = Access.isTableWalk(fault.access());
    long iss = walk ? EsrEl1.S1PTW : 0;
    if (Access.isFetch(fault.initiator())) {
      return EsrEl1.instructionAbort(true, status, iss);
    }
    // On a walk WnR tells the update of a descriptor from its read.
    return EsrEl1.dataAbort(true, status, iss | (Access.isWrite(fault.access()) ? EsrEl1.WNR : 0));
  }

  /**
   * DFSC or IFSC of the abort that the guest takes. A second-stage failure that no host can resolve
   * (nothing is there) becomes a synchronous external abort, on the access or on the walk.
   */
  public static int faultStatus(FaultRecord fault) {
    boolean secondStage =
        fault.kind() == FaultRecord.STAGE2 || fault.kind() == FaultRecord.STAGE2_MISCONFIGURED;
    if (!secondStage) {
      return FaultStatus.code(fault.syndrome());
    }
    return Access.isTableWalk(fault.access())
        ? FaultStatus.of(FaultStatus.EXTERNAL_ON_WALK, FaultStatus.walkingLevel(fault.syndrome()))
        : FaultStatus.EXTERNAL;
  }
}
