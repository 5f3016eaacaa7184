package dev.quire.emulator.vcpu.x86;

/**
 * The model-specific registers that live outside {@link MsrUnit}: in the engine, the MMU, the local
 * APIC and the clock. Used on the vCPU's thread.
 */
public interface X86MsrPort extends EngineMsrPort {
  /** The time-stamp counter. */
  long tsc();

  void writeTsc(long value);

  /** IA32_APIC_BASE as the local APIC holds it. */
  long apicBase();

  /**
   * Writes IA32_APIC_BASE; reserved bits have been checked.
   *
   * @return false for #GP(0)
   */
  boolean writeApicBase(long value);

  long tscDeadline();

  void writeTscDeadline(long value);
}
