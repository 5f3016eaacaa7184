package dev.quire.kernel.kvm;

/**
 * What KVM_EXIT_MEMORY_FAULT tells user space (struct kvm_run's memory_fault).
 *
 * @param flags {@link #PRIVATE} or 0
 * @param gpa first byte of the range
 * @param bytes of the range
 * @param error what KVM_RUN fails with beside: EFAULT or EHWPOISON
 */
public record MemoryFault(long flags, long gpa, long bytes, int error) {
  /** KVM_MEMORY_EXIT_FLAG_PRIVATE: the access was to private memory. */
  public static final long PRIVATE = 8;
}
