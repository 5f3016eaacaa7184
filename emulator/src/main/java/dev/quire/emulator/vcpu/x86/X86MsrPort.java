package dev.quire.emulator.vcpu.x86;

/**
 * The model-specific registers that live outside {@link MsrUnit}: in the engine, the MMU, the local
 * APIC and the clock. Used on the vCPU's thread.
 */
public interface X86MsrPort {
  /**
   * Reads one of STAR, LSTAR, CSTAR, FMASK, FS_BASE, GS_BASE, KERNEL_GS_BASE, TSC_AUX, SYSENTER_CS,
   * SYSENTER_ESP, SYSENTER_EIP or EFER as the engine holds it.
   */
  long engineMsr(int msr);

  /** Writes one of those but EFER; the value has been checked. */
  void setEngineMsr(int msr, long value);

  /**
   * Writes EFER in the MMU, which knows the rules, and then in the engine.
   *
   * @return false for #GP(0)
   */
  boolean writeEfer(long value);

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
