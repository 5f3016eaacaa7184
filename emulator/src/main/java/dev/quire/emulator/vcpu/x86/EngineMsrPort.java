package dev.quire.emulator.vcpu.x86;

/** The model-specific registers that the engine and the MMU hold. Used on the vCPU's thread. */
public interface EngineMsrPort {
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
}
