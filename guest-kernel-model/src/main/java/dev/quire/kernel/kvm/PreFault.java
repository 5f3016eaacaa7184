package dev.quire.kernel.kvm;

/**
 * How far a KVM_PRE_FAULT_MEMORY got (struct kvm_pre_fault_memory, whose range is input and
 * output).
 *
 * @param result what the ioctl gives: 0 if at least one page was mapped, else -errno; or {@link
 *     #MUST_WAIT}
 * @param gpa of what is left
 * @param bytes of what is left
 * @param doneBytes mapped by this call
 */
public record PreFault(int result, long gpa, long bytes, long doneBytes) {
  /** The call sleeps in a userfaultfd: {@link Stage2Mmu#preFault(PreFault)} goes on with it. */
  public static final int MUST_WAIT = 1;

  public boolean mustWait() {
    return result == MUST_WAIT;
  }
}
