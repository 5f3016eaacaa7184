package dev.quire.emulator.device.arm64;

/**
 * The nIRQ and nFIQ wires from the GIC's CPU interfaces to the vCPUs. Called on the machine thread
 * when a level changes; an implementation records it and acts between instructions.
 */
public interface GicOutputs {
  void set(int cpu, boolean irqAsserted, boolean fiqAsserted);
}
