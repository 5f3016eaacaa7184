package dev.quire.emulator.vcpu.x86;

/** Why an exception or interrupt is delivered: decides the gate checks and the return address. */
public enum EventKind {
  /** A processor-detected exception, fault or trap or abort. */
  EXCEPTION(false, true),
  NMI(false, true),
  EXTERNAL_INTERRUPT(false, true),
  /** INT n. */
  SOFTWARE_INTERRUPT(true, false),
  INT3(true, false),
  INTO(true, false),
  /** INT1 (opcode F1): no DPL check, and it counts as external (SDM vol. 2, INT n operation). */
  INT1(false, true);

  private final boolean checksGateDpl;
  private final boolean external;

  EventKind(boolean checksGateDpl, boolean external) {
    this.checksGateDpl = checksGateDpl;
    this.external = external;
  }

  /** Whether the gate's DPL must admit the CPL. */
  boolean checksGateDpl() {
    return checksGateDpl;
  }

  /** The EXT bit of error codes pushed for faults of this event's delivery. */
  int extBit() {
    return external ? 1 : 0;
  }

  /** Whether an instruction asked for it: the return address is that of the next instruction. */
  boolean isInstruction() {
    return checksGateDpl || this == INT1;
  }
}
