package dev.quire.kvm.x86;

/**
 * What waits to be delivered to a vCPU, as struct kvm_vcpu_arch keeps it (Linux v6.18
 * arch/x86/include/asm/kvm_host.h). Between two KVM_RUNs this is the truth; KVM_RUN takes it over
 * at its start and puts back what is left at its end. VM thread only.
 */
public final class VcpuEvents {
  /** KVM_X86_SHADOW_INT_MOV_SS. */
  public static final int SHADOW_MOV_SS = 1;

  /** KVM_X86_SHADOW_INT_STI. */
  public static final int SHADOW_STI = 2;

  // An exception: queued (pending) or in the middle of its delivery (injected).
  boolean exceptionPending;
  boolean exceptionInjected;
  int exceptionVector;
  boolean exceptionHasErrorCode;
  int exceptionErrorCode;
  boolean exceptionHasPayload;
  long exceptionPayload;

  // An interrupt on its way in, taken from its controller already.
  boolean interruptInjected;
  int interruptVector;
  boolean interruptSoft;

  /** User space's answer to an external interrupt with a split irqchip, or -1. */
  int externalVector = -1;

  boolean nmiInjected;

  /** Latched NMIs: 0, 1 or 2. */
  int nmisPending;

  boolean nmiMasked;

  /** {@link #SHADOW_MOV_SS} or {@link #SHADOW_STI}: which of the two the core's shadow is. */
  int shadow = SHADOW_STI;

  boolean tripleFault;

  /** kvm_queue_exception: to be delivered before the next instruction. */
  public void queueException(int vector, boolean hasErrorCode, int errorCode) {
    exceptionPending = true;
    exceptionInjected = false;
    exceptionVector = vector;
    exceptionHasErrorCode = hasErrorCode;
    exceptionErrorCode = errorCode;
    exceptionHasPayload = false;
    exceptionPayload = 0;
  }

  /** kvm_queue_interrupt: is delivered first thing, whatever RFLAGS.IF says. */
  public void queueInterrupt(int vector) {
    interruptInjected = true;
    interruptSoft = false;
    interruptVector = vector;
  }

  /** kvm_is_exception_pending. */
  public boolean hasException() {
    return exceptionPending || exceptionInjected;
  }

  /** KVM_NMI: latched; one while NMIs are masked or one is being delivered, else two. */
  public void addNmi() {
    int limit = nmiMasked || nmiInjected ? 1 : 2;
    nmisPending = Math.min(nmisPending + 1, limit);
  }

  /** INIT and RESET: nothing waits. */
  public void clear() {
    exceptionPending = false;
    exceptionInjected = false;
    interruptInjected = false;
    nmiInjected = false;
    nmisPending = 0;
    nmiMasked = false;
    tripleFault = false;
  }
}
