package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;

/**
 * Delivers events to the end: an access of the delivery itself that the host must first back is
 * resolved and the delivery run again. Machine thread only.
 */
public final class X86EventDelivery {
  /** Each retry maps one more page; a delivery touches far fewer. */
  private static final int MOST_RETRIES = 256;

  private final X86ExceptionInjector injector;
  private final X86CpuState state;
  private final Mmu mmu;
  private final HostFaults host;

  public X86EventDelivery(X86CpuState state, LinearMemory memory, Mmu mmu, HostFaults host) {
    this.injector = new X86ExceptionInjector(state, memory);
    this.state = state;
    this.mmu = mmu;
    this.host = host;
  }

  /** Delivers a processor-detected exception; null when the guest goes on. */
  public VcpuExit exception(int vector, int errorCode, long cr2) {
    boolean hasErrorCode = X86Vector.hasErrorCode(vector);
    return deliver(EventKind.EXCEPTION, vector, hasErrorCode, errorCode, cr2, 0);
  }

  /** Delivers an interrupt or NMI at the current boundary. */
  public VcpuExit interrupt(EventKind kind, int vector) {
    return deliver(kind, vector, false, 0, 0, 0);
  }

  /** Delivers a software interrupt; the program counter is at the instruction. */
  public VcpuExit software(EventKind kind, int vector, int instructionBytes) {
    return deliver(kind, vector, false, 0, 0, instructionBytes);
  }

  private VcpuExit deliver(
      EventKind kind, int vector, boolean hasErrorCode, int errorCode, long cr2, int bytes) {
    long rip = state.rip();
    for (int retry = 0; retry < MOST_RETRIES; retry++) {
      switch (injector.inject(kind, vector, hasErrorCode, errorCode, cr2, bytes)) {
        case DELIVERED -> {
          return null;
        }
        case TRIPLE_FAULT -> {
          return new VcpuExit.Shutdown(
              "triple fault at rip 0x%x while delivering vector %d".formatted(rip, vector));
        }
        case NEEDS_HOST -> {
          VcpuExit blocked = resolve("delivering vector %d".formatted(vector));
          if (blocked != null) {
            return blocked;
          }
        }
      }
    }
    return new VcpuExit.InternalError(
        "vector %d cannot be delivered at rip 0x%x".formatted(vector, rip));
  }

  /**
   * Has the host back what the MMU's last fault asked for.
   *
   * @return null to try again, else why it cannot be
   */
  public VcpuExit resolve(String doing) {
    FaultRecord fault = mmu.fault();
    return switch (host.resolve(fault)) {
      case HostFaults.MAPPED -> null;
      case HostFaults.FAILED -> new VcpuExit.InternalError(host.problem());
      default ->
          new VcpuExit.InternalError(
              "%s at rip 0x%x touches gpa 0x%x, where no memory is"
                  .formatted(doing, state.rip(), fault.gpa()));
    };
  }
}
