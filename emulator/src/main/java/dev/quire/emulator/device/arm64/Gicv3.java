package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.MmioDevice;
import java.util.function.IntToLongFunction;

/**
 * A generic interrupt controller of architecture version 3 (Arm IHI 0069) with one security state,
 * affinity routing always on, up to 8 PEs, no LPIs and no ITS: the interrupts, priorities and CPU
 * interfaces of a GICv2, reached through a distributor without private interrupts, a redistributor
 * a PE, and system registers ({@link Gicv3CpuRegisters}).
 */
public final class Gicv3 {
  /** Bytes of the distributor's region. */
  public static final long DISTRIBUTOR_BYTES = 0x1_0000;

  /** Bytes of one redistributor: RD_base and SGI_base. */
  public static final long REDISTRIBUTOR_BYTES = 0x2_0000;

  private static final int PRIORITY_BITS = 5;

  private final GicCore core;
  private final Gicv3CpuRegisters[] registers;
  private final MmioDevice distributor;
  private final MmioDevice[] redistributors;

  /**
   * @param affinities MPIDR_EL1's affinity fields of a PE by its index
   */
  public Gicv3(int cpus, int interrupts, IntToLongFunction affinities, GicOutputs outputs) {
    GicState state = new GicState(cpus, interrupts);
    for (int cpu = 0; cpu < cpus; cpu++) {
      for (int word = 0; word < state.words(); word++) {
        state.setWord(GicState.Bits.GROUP1, cpu, word, -1);
      }
    }
    core = new GicCore(state, PRIORITY_BITS, () -> 0, outputs);
    registers = new Gicv3CpuRegisters[cpus];
    redistributors = new MmioDevice[cpus];
    Gicv3Affinities routes = new Gicv3Affinities(cpus, affinities);
    for (int cpu = 0; cpu < cpus; cpu++) {
      registers[cpu] =
          new Gicv3CpuRegisters(core.cpuInterface(cpu), cpu, PRIORITY_BITS, routes, this::request);
      redistributors[cpu] =
          new Gicv3Redistributor(core.distributor, cpu, cpus, routes, core::update);
    }
    distributor = new Gicv3Distributor(core.distributor, state, routes, core::update);
  }

  public MmioDevice distributor() {
    return distributor;
  }

  public MmioDevice redistributor(int cpu) {
    return redistributors[cpu];
  }

  /** The system registers of a PE. */
  public Gicv3CpuRegisters cpuRegisters(int cpu) {
    return registers[cpu];
  }

  /** The wire of a shared interrupt, 32 or more. */
  public InterruptLine shared(int intid) {
    return core.shared(intid);
  }

  /** The wire of a PE's private peripheral interrupt, 16 to 31. */
  public InterruptLine privateInterrupt(int cpu, int intid) {
    return core.privateInterrupt(cpu, intid);
  }

  /** Whether the input of an interrupt is asserted. */
  public boolean isAsserted(int cpu, int intid) {
    return core.state.has(GicState.Bits.LINE, cpu, intid);
  }

  /** Makes an SGI pending. */
  private void request(int cpu, int sgi) {
    core.state.setSgiSources(cpu, sgi, 1);
    core.update();
  }
}
