package dev.quire.bindings;

/** Called for arm64 MRS, MSR, SYS or SYSL, before any existence or privilege check. */
@FunctionalInterface
public interface SysRegHook {
  /**
   * Handles one access. Rt is written through {@link UcRegisters#writeX} or {@link
   * UcArm64State#setX}.
   *
   * @param rt hardware index of Rt; 31 is XZR
   * @param value what Rt holds now
   * @return true to skip the instruction, false to let the engine execute it
   */
  boolean handle(int rt, long value, int crn, int crm, int op0, int op1, int op2);
}
