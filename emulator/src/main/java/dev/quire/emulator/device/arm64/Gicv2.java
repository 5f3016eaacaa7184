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
 */
public final class Gicv2 implements DeviceState {
  /** Size of the distributor's and of the CPU interface's region. */
  public static final long REGION_BYTES = 0x1_0000;

  private final GicCore core;
  private final IntSupplier currentCpu;

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
    core = new GicCore(new GicState(cpus, interrupts), priorityBits, currentCpu, outputs);
    this.currentCpu = currentCpu;
  }

  /** The distributor's registers. */
  public MmioDevice distributor() {
    return core.distributor;
  }

  /** The banked CPU interface: each vCPU sees its own. */
  public MmioDevice cpuInterface() {
    return new MmioDevice() {
      @Override
      public long read(long offsetBytes, int bytes) {
        return core.cpuInterface(currentCpu.getAsInt()).read(offsetBytes, bytes);
      }

      @Override
      public void write(long offsetBytes, int bytes, long value) {
        core.cpuInterface(currentCpu.getAsInt()).write(offsetBytes, bytes, value);
      }
    };
  }

  /** The wire of a shared interrupt; {@code intid} is 32 or more (SPI n is 32 + n). */
  public InterruptLine shared(int intid) {
    return core.shared(intid);
  }

  /** The wire of a CPU's private peripheral interrupt; {@code intid} is 16..31. */
  public InterruptLine privateInterrupt(int cpu, int intid) {
    return core.privateInterrupt(cpu, intid);
  }

  /** Level of nIRQ to a vCPU. */
  public boolean irqAsserted(int cpu) {
    return core.irqAsserted(cpu);
  }

  /** Level of nFIQ to a vCPU. */
  public boolean fiqAsserted(int cpu) {
    return core.fiqAsserted(cpu);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("gicv2", 1);
    core.save(writer);
    writer.end();
  }

  /** Also drives the outputs to the vCPUs, whose wires are no device's state. */
  @Override
  public void load(StateReader reader) {
    reader.begin("gicv2", 1);
    core.load(reader);
    reader.end();
    core.update();
  }
}
