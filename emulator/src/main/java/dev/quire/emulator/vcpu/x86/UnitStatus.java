package dev.quire.emulator.vcpu.x86;

/**
 * How a unit answers for an instruction it performs or checks: {@link #OK}, {@link #NEEDS_HOST}, or
 * else the vector of the exception the instruction raises. The error code is 0, but for a #PF,
 * whose error code and address {@link LinearMemory} holds.
 */
public final class UnitStatus {
  public static final int OK = -1;

  /** The host must resolve a second-stage fault, then the call is made again. */
  public static final int NEEDS_HOST = -2;

  private UnitStatus() {}

  /** Whether the status is the vector of an exception. */
  public static boolean isException(int status) {
    return status >= 0;
  }

  /** From a status of {@link LinearMemory}; a non-canonical address gives #GP. */
  public static int of(int memoryStatus) {
    return switch (memoryStatus) {
      case LinearMemory.OK -> OK;
      case LinearMemory.NEEDS_HOST -> NEEDS_HOST;
      case LinearMemory.PAGE_FAULT -> X86Vector.PAGE_FAULT;
      default -> X86Vector.GENERAL_PROTECTION;
    };
  }
}
