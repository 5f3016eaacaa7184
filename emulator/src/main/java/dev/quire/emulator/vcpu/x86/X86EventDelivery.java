package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.emulator.vcpu.ExceptionCounts;
import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.x86.PageFaultCode;

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
  private final ExceptionCounts counts;

  /** Null if the last delivery ended. */
  private Event undelivered;

  /**
   * An event to deliver.
   *
   * @param cr2 of a #PF
   * @param instructionBytes length of the instruction, for software events
   */
  public record Event(
      EventKind kind,
      int vector,
      boolean hasErrorCode,
      int errorCode,
      long cr2,
      int instructionBytes) {}

  public X86EventDelivery(
      X86CpuState state, LinearMemory memory, Mmu mmu, HostFaults host, ExceptionCounts counts) {
    this.counts = counts;
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

  /** Delivers an event, such as one that could not be delivered before. */
  public VcpuExit deliver(Event event) {
    return deliver(
        event.kind,
        event.vector,
        event.hasErrorCode,
        event.errorCode,
        event.cr2,
        event.instructionBytes);
  }

  /** The event whose delivery the host could not let finish, once; null if there is none. */
  public Event takeUndelivered() {
    Event event = undelivered;
    undelivered = null;
    return event;
  }

  private VcpuExit deliver(
      EventKind kind, int vector, boolean hasErrorCode, int errorCode, long cr2, int bytes) {
    long rip = state.rip();
    undelivered = null;
    for (int retry = 0; retry < MOST_RETRIES; retry++) {
      switch (injector.inject(kind, vector, hasErrorCode, errorCode, cr2, bytes)) {
        case DELIVERED -> {
          count(injector.hasEscalated() ? EventKind.EXCEPTION : kind);
          return null;
        }
        case TRIPLE_FAULT -> {
          return new VcpuExit.Shutdown(
              "triple fault at rip 0x%x while delivering vector %d".formatted(rip, vector));
        }
        case NEEDS_HOST -> {
          VcpuExit blocked = resolve("delivering vector %d".formatted(vector));
          if (blocked != null) {
            undelivered = new Event(kind, vector, hasErrorCode, errorCode, cr2, bytes);
            return blocked;
          }
        }
      }
    }
    return new VcpuExit.InternalError(
        "vector %d cannot be delivered at rip 0x%x".formatted(vector, rip));
  }

  private void count(EventKind kind) {
    int vector = injector.deliveredVector();
    int errorCode = injector.deliveredErrorCode();
    switch (kind) {
      case EXTERNAL_INTERRUPT, NMI -> {}
      case SOFTWARE_INTERRUPT -> counts.count("int_n");
      default -> counts.count(X86Vector.mnemonic(vector));
    }
    if (kind == EventKind.EXCEPTION && vector == X86Vector.PAGE_FAULT) {
      boolean fetch = (errorCode & PageFaultCode.FETCH) != 0;
      boolean write = (errorCode & PageFaultCode.WRITE) != 0;
      boolean reserved = (errorCode & PageFaultCode.RESERVED) != 0;
      boolean present = (errorCode & PageFaultCode.PROTECTION) != 0;
      counts.countPageFault(
          (errorCode & PageFaultCode.USER) != 0,
          fetch ? "fetch" : write ? "write" : "read",
          reserved ? "reserved" : present ? "denied" : "absent");
    }
  }

  /**
   * Has the host back what the MMU's last fault asked for.
   *
   * @return null to try again, else why it cannot be
   */
  public VcpuExit resolve(String doing) {
    FaultRecord fault = mmu.fault();
    return switch (host.resolve(fault)) {
      case HostFaults.MAPPED -> {
        mmu.faultTaken();
        yield null;
      }
      case HostFaults.FAILED -> new VcpuExit.InternalError(host.problem());
      case HostFaults.HANDLER_DEAD -> new VcpuExit.HandlerDead(host.problem());
      default ->
          new VcpuExit.InternalError(
              "%s at rip 0x%x touches gpa 0x%x, where no memory is"
                  .formatted(doing, state.rip(), fault.gpa()));
    };
  }
}
