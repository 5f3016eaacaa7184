package dev.quire.emulator.vcpu.x86;

/** The vCPU's side of its local APIC. */
public interface InterruptController {
  /** The vector that would be delivered now, or -1. */
  int pendingVector();

  /** Takes that interrupt: the vector to deliver. */
  int acknowledge();
}
