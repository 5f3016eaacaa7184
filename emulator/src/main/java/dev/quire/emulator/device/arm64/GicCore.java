package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.function.IntSupplier;

/**
 * What the versions of the generic interrupt controller share: the interrupts' state, the
 * distributor's registers, a CPU interface a PE, the wires that come in and the nIRQ and nFIQ that
 * go out. A version adds how a guest reaches them.
 *
 * <p>After each access or line change it works out the nIRQ and nFIQ level of every PE and tells
 * {@link GicOutputs} the ones that changed.
 */
final class GicCore {
  final GicState state;
  final GicDistributor distributor;
  private final GicCpuInterface[] interfaces;
  private final GicOutputs outputs;
  private final boolean[] irq;
  private final boolean[] fiq;

  /** {@code currentCpu} gives the PE whose banked registers the distributor shows. */
  GicCore(GicState state, int priorityBits, IntSupplier currentCpu, GicOutputs outputs) {
    this.state = state;
    this.outputs = outputs;
    distributor = new GicDistributor(state, priorityBits, currentCpu, this::update);
    interfaces = new GicCpuInterface[state.cpus];
    for (int cpu = 0; cpu < state.cpus; cpu++) {
      interfaces[cpu] = new GicCpuInterface(state, distributor, cpu, priorityBits, this::update);
    }
    irq = new boolean[state.cpus];
    fiq = new boolean[state.cpus];
  }

  GicCpuInterface cpuInterface(int cpu) {
    return interfaces[cpu];
  }

  /** The wire of a shared interrupt; {@code intid} is 32 or more (SPI n is 32 + n). */
  InterruptLine shared(int intid) {
    if (intid < GicState.PRIVATE || intid >= state.interrupts) {
      throw new IllegalArgumentException(intid + " is no shared interrupt of this GIC");
    }
    return line(0, intid);
  }

  /** The wire of a PE's private peripheral interrupt; {@code intid} is 16..31. */
  InterruptLine privateInterrupt(int cpu, int intid) {
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

  boolean irqAsserted(int cpu) {
    return irq[cpu];
  }

  boolean fiqAsserted(int cpu) {
    return fiq[cpu];
  }

  void update() {
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

  void save(StateWriter writer) {
    state.save(writer);
    distributor.save(writer);
    for (GicCpuInterface each : interfaces) {
      each.save(writer);
    }
  }

  /** Leaves the outputs as they were: call {@link #update} when all is loaded. */
  void load(StateReader reader) {
    state.load(reader);
    distributor.load(reader);
    for (GicCpuInterface each : interfaces) {
      each.load(reader);
    }
  }
}
