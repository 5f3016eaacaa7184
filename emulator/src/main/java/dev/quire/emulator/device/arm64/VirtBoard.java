package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * All devices of the "virt" machine, wired and placed on a bus at QEMU's addresses. Composition
 * only. Devices, and so their events, are created in one fixed order.
 */
public final class VirtBoard implements DeviceState {
  public static final long DISTRIBUTOR_GPA = 0x0800_0000L;
  public static final long CPU_INTERFACE_GPA = 0x0801_0000L;
  public static final long PL011_GPA = 0x0900_0000L;
  public static final long PL031_GPA = 0x0901_0000L;
  public static final long DEBUG_EXIT_GPA = 0x090f_0000L;
  public static final int INTERRUPTS = 288;
  public static final int PL011_INTID = 33;
  public static final int PL031_INTID = 34;

  /** As QEMU's GICv2: all eight. */
  private static final int PRIORITY_BITS = 8;

  private final Gicv2 gic;
  private final List<GenericTimer> timers = new ArrayList<>();
  private final Pl011 uart;
  private final List<DeviceState> stateful;

  /** {@code currentCpu} gives the index of the vCPU whose access the bus is serving. */
  public VirtBoard(
      int cpus,
      long startEpochSeconds,
      DeviceBus bus,
      VirtualClock clock,
      EventQueue events,
      GicOutputs outputs,
      MachineControl machine,
      ConsoleSink console,
      IntSupplier currentCpu) {
    gic = new Gicv2(cpus, INTERRUPTS, PRIORITY_BITS, currentCpu, outputs);
    for (int cpu = 0; cpu < cpus; cpu++) {
      timers.add(
          new GenericTimer(
              clock,
              events,
              gic.privateInterrupt(cpu, GenericTimer.PHYSICAL_INTID),
              gic.privateInterrupt(cpu, GenericTimer.VIRTUAL_INTID)));
    }
    uart = new Pl011(clock, events, console, gic.shared(PL011_INTID));
    Pl031 rtc = new Pl031(clock, events, gic.shared(PL031_INTID), startEpochSeconds);
    DebugExitDevice debugExit = new DebugExitDevice(machine);
    bus.mapMmio(DISTRIBUTOR_GPA, Gicv2.REGION_BYTES, gic.distributor());
    bus.mapMmio(CPU_INTERFACE_GPA, Gicv2.REGION_BYTES, gic.cpuInterface());
    bus.mapMmio(PL011_GPA, Pl011.BYTES, uart);
    bus.mapMmio(PL031_GPA, Pl031.BYTES, rtc);
    bus.mapMmio(DEBUG_EXIT_GPA, DebugExitDevice.BYTES, debugExit);
    stateful = new ArrayList<>(timers);
    stateful.addAll(List.of(gic, uart, rtc, debugExit));
  }

  public Gicv2 gic() {
    return gic;
  }

  public GenericTimer timer(int cpu) {
    return timers.get(cpu);
  }

  public Pl011 uart() {
    return uart;
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("virt-board", 1).putInt(timers.size());
    stateful.forEach(device -> device.save(writer));
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("virt-board", 1);
    reader.getInt(timers.size(), timers.size(), "number of vCPUs");
    stateful.forEach(device -> device.load(reader));
    reader.end();
  }
}
