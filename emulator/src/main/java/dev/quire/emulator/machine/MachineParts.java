package dev.quire.emulator.machine;

import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.exec.ExecutionEngine;
import dev.quire.emulator.measure.HostAccesses;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.emulator.measure.Measurement;
import dev.quire.mmu.Mmu;

/**
 * What a board is built from; shared by both.
 *
 * @param measurement null in a functional run
 */
record MachineParts(
    MachineConfig config,
    MachineClock clock,
    EventQueue events,
    DeviceBus bus,
    Outcome outcome,
    PowerStates power,
    GuestHost host,
    Measurement measurement) {

  /** Measures the vCPU, in a measured run; its engine and its MMU know each other already. */
  HostAccesses watch(ExecutionEngine engine, Mmu mmu) {
    if (measurement == null) {
      return HostAccesses.IGNORED;
    }
    MeasuredVcpu measured = measurement.add(mmu, engine);
    engine.measure(measured, config.measure().ringRecords());
    return measured;
  }
}
