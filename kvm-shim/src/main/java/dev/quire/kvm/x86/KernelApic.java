package dev.quire.kvm.x86;

/** A vCPU's local APIC inside the kernel, as the vCPU's state calls reach it. VM thread only. */
public interface KernelApic {
  /** CR8: bits 7:4 of the task priority. */
  long cr8();

  void setCr8(long value);

  /** IA32_APIC_BASE has changed: mode and address. */
  void baseChanged(long base);

  /**
   * KVM_SET_VAPIC_ADDR.
   *
   * @param gpa 0 for none
   * @return false where no memory is
   */
  boolean setVirtualPage(long gpa);

  /** KVM_GET_LAPIC: fills struct kvm_lapic_state. */
  void save(byte[] registers);

  /**
   * KVM_SET_LAPIC.
   *
   * @return 0 or -errno
   */
  int load(byte[] registers);

  /** An x2APIC register of the guest or user space; false for #GP. */
  boolean writeMsr(int msr, long value);

  /** Whether the x2APIC register can be read; {@link #value} has it then. */
  boolean readMsr(int msr);

  long value();

  long tscDeadline();

  void setTscDeadline(long tsc);

  /** INIT waits to be taken (smi.latched_init). */
  boolean initLatched();

  void setInitLatched(boolean latched);

  /** A start-up IPI is pended: KVM_MP_STATE_SIPI_RECEIVED. */
  void pendSipi();

  void setSipiVector(int vector);
}
