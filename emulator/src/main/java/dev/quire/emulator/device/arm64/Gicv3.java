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

  private final GicState state;
  private final GicCpuInterface[] interfaces;
  private final Gicv3CpuRegisters[] registers;
  private final GicOutputs outputs;
  private final boolean[] irq;
  private final boolean[] fiq;
  private final MmioDevice distributor;
  private final MmioDevice[] redistributors;

  /**
   * @param affinities MPIDR_EL1's affinity fields of a PE by its index
   */
  public Gicv3(int cpus, int interrupts, IntToLongFunction affinities, GicOutputs outputs) {
    state = new GicState(cpus, interrupts);
    for (int cpu = 0; cpu < cpus; cpu++) {
      for (int word = 0; word < state.words(); word++) {
        state.setWord(GicState.Bits.GROUP1, cpu, word, -1);
      }
    }
    this.outputs = outputs;
    irq = new boolean[cpus];
    fiq = new boolean[cpus];
    GicDistributor shared = new GicDistributor(state, PRIORITY_BITS, () -> 0, this::update);
    interfaces = new GicCpuInterface[cpus];
    registers = new Gicv3CpuRegisters[cpus];
    redistributors = new MmioDevice[cpus];
    Gicv3Affinities routes = new Gicv3Affinities(cpus, affinities);
    for (int cpu = 0; cpu < cpus; cpu++) {
      interfaces[cpu] = new GicCpuInterface(state, shared, cpu, PRIORITY_BITS, this::update);
    }
    for (int cpu = 0; cpu < cpus; cpu++) {
      registers[cpu] =
          new Gicv3CpuRegisters(interfaces[cpu], cpu, PRIORITY_BITS, routes, this::request);
      redistributors[cpu] = new Gicv3Redistributor(shared, cpu, cpus, routes, this::update);
    }
    distributor = new Gicv3Distributor(shared, state, routes, this::update);
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
    if (intid < GicState.PRIVATE || intid >= state.interrupts) {
      throw new IllegalArgumentException(intid + " is no shared interrupt of this GIC");
    }
    return line(0, intid);
  }

  /** The wire of a PE's private peripheral interrupt, 16 to 31. */
  public InterruptLine privateInterrupt(int cpu, int intid) {
    if (intid < GicState.SGIS || intid >= GicState.PRIVATE || cpu < 0 || cpu >= state.cpus) {
      throw new IllegalArgumentException(intid + " of CPU " + cpu + " is no PPI of this GIC");
    }
    return line(cpu, intid);
  }

  private InterruptLine line(int cpu, int intid) {
    return asserted -> {
      if (state.has(GicState.Bits.LINE, cpu, intid) != asserted) {
        state.setLine(cpu, intid, asserted);
        update();
      }
    };
  }

  /** Whether the input of an interrupt is asserted. */
  public boolean isAsserted(int cpu, int intid) {
    return state.has(GicState.Bits.LINE, cpu, intid);
  }

  /** Makes an SGI pending. */
  private void request(int cpu, int sgi) {
    state.setSgiSources(cpu, sgi, 1);
    update();
  }

  private void update() {
    for (int cpu = 0; cpu < interfaces.length; cpu++) {
      int intid = interfaces[cpu].signalled();
      boolean any = intid != GicCpuInterface.SPURIOUS;
      boolean fast = any && interfaces[cpu].isFiq(intid);
      boolean normal = any && !fast;
      if (irq[cpu] != normal || fiq[cpu] != fast) {
        irq[cpu] = normal;
        fiq[cpu] = fast;
        outputs.set(cpu, normal, fast);
      }
    }
  }
}
