package dev.quire.bindings;

import dev.quire.bindings.UcArm64State.SystemRegister;

/**
 * Where CPUARMState keeps its fields (QEMU 5.0.1 as in Unicorn 2.1.4, target/arm/cpu.h), checked by
 * {@link Arm64Calibration} against the running library.
 *
 * @param cpuInEngine offset of the CPU pointer in uc_struct
 * @param envInCpu offset of the state in the CPU object
 * @param syndrome offset of exception.syndrome in the state
 * @param invalidAddrInEngine offset of invalid_addr in uc_struct
 * @param exclusive offset of exclusive_addr in the state; exclusive_val and _high follow
 * @param registerOffsets offset of each {@link SystemRegister} in the state
 */
record Arm64Layout(
    int cpuInEngine,
    int envInCpu,
    int syndrome,
    int invalidAddrInEngine,
    int exclusive,
    int[] registerOffsets) {
  static final int XREGS = 64;
  static final int PC = 320;
  static final int PSTATE = 328;
  static final int CF = 520;
  static final int VF = 524;
  static final int NF = 528;
  static final int ZF = 532;
  static final int BTYPE = 552;
  static final int DAIF = 560;
  static final int ELR_EL = 568;
  static final int SP_EL = 600;
  static final int VADDRESS_FROM_SYNDROME = 8;
  static final int TARGET_EL_FROM_SYNDROME = 16;

  long envOf(Uc uc) {
    return RawMemory.getLong(uc.handle() + cpuInEngine) + envInCpu;
  }

  int registerOffset(SystemRegister register) {
    return registerOffsets[register.ordinal()];
  }
}
