package dev.quire.bindings;

import dev.quire.bindings.UcX86State.MsrField;

/**
 * Where CPUX86State keeps its fields (QEMU 5.0.1 as in Unicorn 2.1.4, target/i386/cpu.h). Fixed
 * offsets count from the state's start, the second group back from {@code end_reset_fields}; both
 * are checked by {@link X86Calibration} against the running library.
 *
 * @param cpuInEngine offset of the CPU pointer in uc_struct
 * @param envInCpu offset of the state in the CPU object
 * @param end offset of end_reset_fields
 * @param invalidAddrInEngine offset of invalid_addr in uc_struct
 * @param msrOffsets offset of each {@link MsrField} in the state
 */
record X86Layout(
    int cpuInEngine, int envInCpu, int end, int invalidAddrInEngine, int[] msrOffsets) {
  static final int EIP = 128;
  static final int EFLAGS = 136;
  static final int HFLAGS = 176;
  static final int HFLAGS2 = 180;
  static final int SEGMENTS = 184;
  static final int GDT = 376;
  static final int IDT = 400;
  static final int CR = 424;
  static final int EFER = 592;

  static final int ERROR_CODE = 184;
  static final int EXCEPTION_IS_INT = 180;
  static final int EXCEPTION_NEXT_EIP = 176;
  static final int DR = 168;
  static final int OLD_EXCEPTION = 72;
  static final int VM_VMCB = 64;
  static final int TSC_OFFSET = 56;
  static final int INTERCEPT = 48;
  static final int INTERCEPT_CR_READ = 40;
  static final int INTERCEPT_CR_WRITE = 38;
  static final int INTERCEPT_DR_READ = 36;
  static final int INTERCEPT_DR_WRITE = 34;
  static final int INTERCEPT_EXCEPTIONS = 32;

  long envOf(Uc uc) {
    return RawMemory.getLong(uc.handle() + cpuInEngine) + envInCpu;
  }

  int msrOffset(MsrField field) {
    return msrOffsets[field.ordinal()];
  }
}
