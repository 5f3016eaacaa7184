package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.MmioDevice;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.function.IntSupplier;

/**
 * A generic interrupt controller of architecture version 2 (Arm IHI 0048B) with up to 8 CPUs,
 * without the Security and Virtualization Extensions, as on QEMU's "virt" without EL2 and EL3. Its
 * identification registers are those of a GIC-400.
 *
 * <p>After each access or line change it works out the nIRQ and nFIQ level of every CPU and tells
 * {@link GicOutputs} the ones that changed.
 */
public final class Gicv2 implements DeviceState {
  /** Size of the distributor's and of the CPU interface's region. */
  public static final long REGION_BYTES = 0x1_0000;

  private final GicState state;
  private final GicDistributor distributor;
  private final GicCpuInterface[] interfaces;
  private final GicOutputs outputs;
  private final IntSupplier currentCpu;
  private final boolean[] irq;
  private final boolean[] fiq;

  /**
   * {@code currentCpu} gives the index of the vCPU whose access is being served.
   *
   * @param cpus 1..8
   * @param interrupts a multiple of 32 from 64 to 992, counting SGIs and PPIs
   * @param priorityBits implemented bits of a priority, 4..8
   */
  public Gicv2(
      int cpus, int interrupts, int priorityBits, IntSupplier currentCpu, GicOutputs outputs) {
    if (priorityBits < 4 || priorityBits > 8) {
      throw new IllegalArgumentException(priorityBits + " priority bits: a GICv2 has 4 to 8");
    }
    state = new GicState(cpus, interrupts);
    distributor = new GicDistributor(state, priorityBits, currentCpu, this::update);
    interfaces = new GicCpuInterface[cpus];
    for (int cpu = 0; cpu < cpus; cpu++) {
      interfaces[cpu] = new GicCpuInterface(state, distributor, cpu, priorityBits, this::update);
    }
    this.currentCpu = currentCpu;
    this.outputs = outputs;
    irq = new boolean[cpus];
    fiq = new boolean[cpus];
  }

  /** The distributor's registers. */
  public MmioDevice distributor() {
    return distributor;
  }

  /** The banked CPU interface: each vCPU sees its own. */
  public MmioDevice cpuInterface() {
    return new MmioDevice() {
      @Override
      public long read(long offsetBytes, int bytes) {
        return interfaces[currentCpu.getAsInt()].read(offsetBytes, bytes);
      }

      @Override
      public void write(long offsetBytes, int bytes, long value) {
        interfaces[currentCpu.getAsInt()].write(offsetBytes, bytes, value);
      }
    };
  }

  /** The wire of a shared interrupt; {@code intid} is 32 or more (SPI n is 32 + n). */
  public InterruptLine shared(int intid) {
    if (intid < GicState.PRIVATE || intid >= state.interrupts) {
      throw new IllegalArgumentException(intid + " is no shared interrupt of this GIC");
    }
    return line(0, intid);
  }

  /** The wire of a CPU's private peripheral interrupt; {@code intid} is 16..31. */
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

  /** Level of nIRQ to a vCPU. */
  public boolean irqAsserted(int cpu) {
    return irq[cpu];
  }

  /** Level of nFIQ to a vCPU. */
  public boolean fiqAsserted(int cpu) {
    return fiq[cpu];
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

  @Override
  public void save(StateWriter writer) {
    writer.begin("gicv2", 1);
    state.save(writer);
    distributor.save(writer);
    for (GicCpuInterface each : interfaces) {
      each.save(writer);
    }
    writer.end();
  }

  /** Also drives the outputs to the vCPUs, whose wires are no device's state. */
  @Override
  public void load(StateReader reader) {
    reader.begin("gicv2", 1);
    state.load(reader);
    distributor.load(reader);
    for (GicCpuInterface each : interfaces) {
      each.load(reader);
    }
    reader.end();
    update();
  }
}
