package dev.quire.emulator.device.x86;

/**
 * What the interrupt controllers tell the x86 vCPUs; {@code cpu} is the index of the local APIC's
 * vCPU. Called on the machine thread from inside a device access or event: an implementation
 * records the request and acts between instructions.
 */
public interface VcpuSignals {
  /** INIT: reset the vCPU and wait for a start-up IPI (a boot processor restarts). */
  void init(int cpu);

  /** Start-up IPI: real mode at {@code vectorPage << 12}; ignored unless waiting after INIT. */
  void sipi(int cpu, int vectorPage);

  /** Latch a non-maskable interrupt. */
  void nmi(int cpu);

  /** {@link LocalApic#pendingVector} of this vCPU may have changed. */
  void interruptStateChanged(int cpu);
}
