package dev.quire.emulator.vcpu.x86;

/**
 * RDMSR and WRMSR as the guest sees them: which registers there are and which values they take. The
 * privilege check is the caller's. On the vCPU's thread.
 */
public interface ModelSpecificRegisters {
  /**
   * Reads a register into {@link #value()}.
   *
   * @return {@link UnitStatus#OK} or the vector of an exception
   */
  int read(int msr);

  /** What the last successful {@link #read} read. */
  long value();

  /**
   * Writes a register.
   *
   * @return {@link UnitStatus#OK} or the vector of an exception
   */
  int write(int msr, long newValue);
}
