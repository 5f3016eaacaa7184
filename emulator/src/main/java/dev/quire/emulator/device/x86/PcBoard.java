package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * All devices of the "pc" machine, wired and placed on a bus. Composition only: it has no behaviour
 * of its own. Devices, and so their events, are created in one fixed order.
 */
public final class PcBoard implements DeviceState {
  /**
   * What the board needs to know of its machine.
   *
   * @param cpus number of vCPUs; their APIC ids are 0..cpus-1
   * @param ramBelow4GiBBytes for the CMOS
   * @param ramAbove4GiBBytes for the CMOS
   * @param startEpochSeconds date of the real-time clock at virtual time 0
   */
  public record Config(
      int cpus, long ramBelow4GiBBytes, long ramAbove4GiBBytes, long startEpochSeconds) {
    /** An xAPIC id is 8 bits and 255 is the broadcast. */
    public Config {
      if (cpus < 1 || cpus > 255) {
        throw new IllegalArgumentException(cpus + " vCPUs: a pc has 1 to 255");
      }
    }
  }

  private final List<LocalApic> localApics = new ArrayList<>();
  private final ApicBus apicBus = new ApicBus();
  private final IoApic ioApic = new IoApic(apicBus);
  private final PicPair pic;
  private final PcInterruptRouter router;
  private final Pit8254 pit;
  private final Uart16550 com1;
  private final CmosRtc cmos;
  private final DebugConsolePort debugConsole;
  private final KeyboardController keyboard;
  private final PostPort post = new PostPort();
  private final List<DeviceState> stateful;

  /** {@code currentCpu} gives the index of the vCPU whose access the bus is serving. */
  public PcBoard(
      Config config,
      DeviceBus bus,
      VirtualClock clock,
      EventQueue events,
      VcpuSignals signals,
      MachineControl machine,
      ConsoleSink console,
      IntSupplier currentCpu) {
    pic = new PicPair(this::picOutput);
    for (int cpu = 0; cpu < config.cpus(); cpu++) {
      localApics.add(new LocalApic(cpu, apicBus, signals, pic, clock, events));
    }
    router = new PcInterruptRouter(pic, ioApic);
    pit = new Pit8254(clock, events, router.isa(0));
    com1 = new Uart16550(0x3f8, clock, events, console, router.isa(4));
    cmos =
        new CmosRtc(
            clock,
            events,
            router.isa(8),
            config.startEpochSeconds(),
            config.ramBelow4GiBBytes(),
            config.ramAbove4GiBBytes());
    debugConsole = new DebugConsolePort(machine);
    keyboard = new KeyboardController(machine);
    mapMmio(bus, currentCpu);
    mapPorts(bus, machine);
    stateful = new ArrayList<>(localApics);
    stateful.addAll(List.of(ioApic, pic, pit, com1, cmos, debugConsole, keyboard, post));
  }

  private void mapMmio(DeviceBus bus, IntSupplier currentCpu) {
    bus.mapMmio(
        LocalApic.DEFAULT_BASE_GPA, LocalApicPage.BYTES, new LocalApicPage(localApics, currentCpu));
    bus.mapMmio(IoApic.DEFAULT_BASE_GPA, IoApic.BYTES, ioApic);
  }

  private void mapPorts(DeviceBus bus, MachineControl machine) {
    bus.mapPorts(0x20, 2, pic);
    bus.mapPorts(0xa0, 2, pic);
    bus.mapPorts(0x4d0, 2, pic);
    bus.mapPorts(0x40, 4, pit.counterPorts());
    bus.mapPorts(0x60, 1, keyboard);
    bus.mapPorts(0x61, 1, pit.controlPortB());
    bus.mapPorts(0x64, 1, keyboard);
    bus.mapPorts(0x70, 2, cmos);
    bus.mapPorts(0x80, 1, post);
    bus.mapPorts(0xe9, 1, debugConsole);
    bus.mapPorts(0xf4, 4, new DebugExitPort(machine));
    bus.mapPorts(0x3f8, 8, com1);
    bus.mapPorts(0x604, 2, new AcpiPowerPort(machine));
  }

  /** The 8259 pair's INT goes to every LINT0; only one in ExtINT mode takes it. */
  private void picOutput(boolean asserted) {
    for (LocalApic local : localApics) {
      local.setLint(0, asserted);
    }
  }

  public LocalApic localApic(int cpu) {
    return localApics.get(cpu);
  }

  public ApicBus apicBus() {
    return apicBus;
  }

  public IoApic ioApic() {
    return ioApic;
  }

  public PicPair pic() {
    return pic;
  }

  public Pit8254 pit() {
    return pit;
  }

  public Uart16550 com1() {
    return com1;
  }

  /** The wire of a global system interrupt, for devices that are not on the board. */
  public InterruptLine gsi(int gsi) {
    return router.gsi(gsi);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("pc-board", 1).putInt(localApics.size());
    stateful.forEach(device -> device.save(writer));
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("pc-board", 1);
    reader.getInt(localApics.size(), localApics.size(), "number of vCPUs");
    stateful.forEach(device -> device.load(reader));
    reader.end();
  }
}
