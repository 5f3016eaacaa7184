package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Efer;

/**
 * Delivers exceptions, interrupts and software interrupts as the processor does: gate and privilege
 * checks, stack switch, frame, flags, and the escalation to a double fault and to shutdown (SDM
 * vol. 3A, chapter 6; vol. 2A, INT n).
 *
 * <p>Restartable: after {@link Delivery#NEEDS_HOST} nothing has changed but accessed and dirty
 * bits, and the same call is made again. One instance a vCPU, on its thread. Never throws for
 * anything a guest can set up.
 *
 * <p>Not modelled: task gates outside IA-32e mode (they raise #GP as they do in it), and the
 * interrupt redirection bitmap of virtual-8086 mode (CR4.VME).
 */
public final class X86ExceptionInjector {
  private final X86CpuState state;
  private final DeliveryContext context;
  private final LongModeDelivery longMode;
  private final ProtectedModeDelivery protectedMode;
  private final RealModeDelivery realMode;
  private boolean escalated;

  public X86ExceptionInjector(X86CpuState state, LinearMemory memory) {
    this.state = state;
    this.context = new DeliveryContext(state, memory);
    this.longMode = new LongModeDelivery(context);
    this.protectedMode = new ProtectedModeDelivery(context);
    this.realMode = new RealModeDelivery(context);
  }

  /**
   * Delivers a processor-detected exception. Its error code is pushed if the vector has one.
   *
   * @param cr2 the linear address for a #PF, ignored for others
   */
  public Delivery exception(int vector, int errorCode, long cr2) {
    boolean hasErrorCode = X86Vector.hasErrorCode(vector);
    return inject(EventKind.EXCEPTION, vector, hasErrorCode, errorCode, cr2, 0);
  }

  /** Delivers an external interrupt or an NMI at the current boundary. */
  public Delivery interrupt(EventKind kind, int vector) {
    return inject(kind, vector, false, 0, 0, 0);
  }

  /**
   * Delivers INT n, INT3, INTO or INT1. {@link X86CpuState#rip()} is the instruction's own address.
   *
   * @param instructionBytes the instruction's length, for the return address
   */
  public Delivery software(EventKind kind, int vector, int instructionBytes) {
    return inject(kind, vector, false, 0, 0, instructionBytes);
  }

  /**
   * Delivers any event.
   *
   * @param vector 0 to 255
   * @param cr2 the linear address of a #PF
   * @param instructionBytes length of the instruction for software events, else 0
   */
  public Delivery inject(
      EventKind kind,
      int vector,
      boolean hasErrorCode,
      int errorCode,
      long cr2,
      int instructionBytes) {
    begin(kind, vector & 0xff, hasErrorCode, errorCode, instructionBytes);
    boolean isException = kind == EventKind.EXCEPTION;
    escalated = false;
    long pendingCr2 = state.cr2();
    if (isException && vector == X86Vector.PAGE_FAULT) {
      pendingCr2 = cr2;
    }
    while (true) {
      int status = attempt();
      if (status == DeliveryContext.NEEDS_HOST) {
        return Delivery.NEEDS_HOST;
      }
      if (status == DeliveryContext.OK) {
        state.setCr2(pendingCr2);
        state.setInterruptShadow(false);
        return Delivery.DELIVERED;
      }
      if (context.faultVector == X86Vector.PAGE_FAULT) {
        pendingCr2 = context.faultCr2;
      }
      if (isException && context.vector == X86Vector.DOUBLE_FAULT) {
        state.setCr2(pendingCr2);
        return Delivery.TRIPLE_FAULT;
      }
      escalate(isException);
      isException = true;
      escalated = true;
    }
  }

  /** Whether the last delivery ended in another exception than it began with. */
  boolean hasEscalated() {
    return escalated;
  }

  /** Of the last delivery. */
  int deliveredVector() {
    return context.vector;
  }

  /** Of the last delivery, if its vector has one. */
  int deliveredErrorCode() {
    return context.errorCode;
  }

  private void begin(
      EventKind kind, int vector, boolean hasErrorCode, int errorCode, int instructionBytes) {
    context.vector = vector;
    context.hasErrorCode = hasErrorCode;
    context.errorCode = errorCode;
    context.checksGateDpl = kind.checksGateDpl();
    context.intN = kind == EventKind.SOFTWARE_INTERRUPT;
    context.extBit = kind.extBit();
    context.returnRip = state.rip() + (kind.isInstruction() ? instructionBytes : 0);
    context.pushedFlags = state.rflags();
    if (kind == EventKind.EXCEPTION && X86Vector.isFault(vector)) {
      context.pushedFlags |= X86Flags.RFLAGS_RF;
    }
  }

  /** The next event after the current one's delivery faulted (SDM vol. 3A, tables 6-4 and 6-5). */
  private void escalate(boolean firstIsException) {
    int second = context.faultVector;
    if (firstIsException && isDoubleFault(context.vector, second)) {
      begin(EventKind.EXCEPTION, X86Vector.DOUBLE_FAULT, true, 0, 0);
    } else {
      boolean hasErrorCode = X86Vector.hasErrorCode(second);
      begin(EventKind.EXCEPTION, second, hasErrorCode, context.faultErrorCode, 0);
    }
  }

  private static boolean isDoubleFault(int first, int second) {
    if (X86Vector.isPageFault(first)) {
      return X86Vector.isPageFault(second) || X86Vector.isContributory(second);
    }
    return X86Vector.isContributory(first) && X86Vector.isContributory(second);
  }

  private int attempt() {
    if ((state.cr0() & Cr0.PE) == 0) {
      return realMode.attempt();
    }
    if ((state.efer() & Efer.LMA) != 0) {
      return longMode.attempt();
    }
    return protectedMode.attempt();
  }
}
