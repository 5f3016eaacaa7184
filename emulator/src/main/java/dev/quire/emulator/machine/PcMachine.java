package dev.quire.emulator.machine;

import dev.quire.emulator.boot.EntryState;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.emulator.device.x86.PcBoard;
import dev.quire.emulator.device.x86.VcpuSignals;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86CoreState;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.measure.HostAccesses;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.x86.CoreCpuid;
import dev.quire.emulator.vcpu.x86.CoreMsrs;
import dev.quire.emulator.vcpu.x86.CpuidTable;
import dev.quire.emulator.vcpu.x86.InterruptController;
import dev.quire.emulator.vcpu.x86.MsrUnit;
import dev.quire.emulator.vcpu.x86.X86Cpu;
import dev.quire.emulator.vcpu.x86.X86Processor;
import dev.quire.emulator.vcpu.x86.X86ResetState;
import dev.quire.mmu.x86.ControlRegisters;
import dev.quire.mmu.x86.X86Mmu;
import java.util.ArrayList;
import java.util.List;

/** The x86-64 machine: wires vCPUs, EPT and the PC's devices. */
final class PcMachine implements Board, VcpuSignals {
  private static final X86Processor.Ept EPT =
      new X86Processor.Ept(4, CpuidTable.PHYSICAL_ADDRESS_BITS);

  /** 2026-01-01, the date of every machine's clock at its start. */
  private static final long START_EPOCH_SECONDS = 1_767_225_600L;

  private final MachineParts parts;
  private final PcBoard devices;
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<X86Cpu> cpus = new ArrayList<>();
  private final List<X86ResetState> resets = new ArrayList<>();
  private final List<Registers> registers = new ArrayList<>();
  private final boolean[] waitsForStartUp;

  /** Where one vCPU's registers are. */
  private record Registers(X86CoreState core, X86Mmu mmu, CoreMsrs msrs, DeviceState machineMsrs) {}

  PcMachine(MachineParts parts, GuestRam ram, int count) {
    this.parts = parts;
    waitsForStartUp = new boolean[count];
    long above = ram.ranges().size() > 1 ? ram.ranges().get(1).bytes() : 0;
    devices =
        new PcBoard(
            new PcBoard.Config(count, ram.low().bytes(), above, START_EPOCH_SECONDS),
            parts.bus(),
            parts.clock(),
            parts.events(),
            this,
            parts.outcome(),
            parts.config().console(),
            parts.power()::current);
    CpuidTable cpuid = new CpuidTable(count);
    for (int index = 0; index < count; index++) {
      addVcpu(index, cpuid);
    }
  }

  private void addVcpu(int index, CpuidTable cpuidTable) {
    GuestHost host = parts.host();
    CoreCpuid[] cpuid = new CoreCpuid[1];
    X86Processor processor =
        X86Processor.open(
            host.memory(),
            host.engineMemory(),
            host.stage2(),
            EPT,
            X86Engine.TRANSLATION_BYTES,
            core -> cpuid[0] = new CoreCpuid(core, cpuidTable.of(index)));
    X86Engine engine = processor.engine();
    X86Mmu mmu = processor.mmu();
    HostAccesses accesses = parts.watch(engine, mmu);
    X86Core core = engine.core();
    LocalApic apic = devices.localApic(index);
    core.attach(taskPriorityOf(apic));
    CoreMsrs msrs = new CoreMsrs(core, mmu, apic, parts.clock());
    cpuid[0].attach(msrs::tsc);
    MsrUnit machineMsrs = new MsrUnit(msrs, CpuidTable.PHYSICAL_ADDRESS_BITS);
    X86Processor.Units units = processor.units(host, machineMsrs, msrs, accesses);
    registers.add(new Registers(new X86CoreState(core, mmu.registers()), mmu, msrs, machineMsrs));
    X86Cpu cpu =
        new X86Cpu(
            engine, units.events(), units.instructions(), controllerOf(apic), units.counters());
    X86ResetState reset = new X86ResetState(core, mmu, CpuidTable.SIGNATURE);
    reset.init();
    waitsForStartUp[index] = index != 0;
    cpus.add(cpu);
    resets.add(reset);
    vcpus.add(new Vcpu(index, engine, cpu, mmu, host, units.counters()));
  }

  private static X86Core.TaskPriority taskPriorityOf(LocalApic apic) {
    return new X86Core.TaskPriority() {
      @Override
      public long cr8() {
        return Integer.toUnsignedLong(apic.taskPriority() >>> 4);
      }

      @Override
      public void setCr8(long value) {
        apic.setTaskPriority((int) value << 4);
      }
    };
  }

  private static InterruptController controllerOf(LocalApic apic) {
    return new InterruptController() {
      @Override
      public int pendingVector() {
        return apic.pendingVector();
      }

      @Override
      public int acknowledge() {
        return apic.acknowledge();
      }
    };
  }

  @Override
  public List<Vcpu> vcpus() {
    return vcpus;
  }

  @Override
  public void enter(EntryState entry) {
    X86ResetState reset = resets.getFirst();
    switch (entry) {
      case EntryState.X86Entry64 entry64 -> reset.enter(entry64);
      case EntryState.X86Entry32 entry32 -> reset.enter(entry32);
      case EntryState.Arm64Entry arm ->
          throw new IllegalArgumentException("an arm64 entry state for a pc: " + arm);
    }
    parts.power().start(0);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("pc-machine", 1);
    for (Vcpu vcpu : vcpus) {
      writer.begin("x86-vcpu", 1).putLong(vcpu.engine().retired());
      writer.putBoolean(waitsForStartUp[vcpu.index()]);
      Registers each = registers.get(vcpu.index());
      ControlRegisters controls = each.mmu.registers();
      writer.putLong(controls.cr0()).putLong(controls.cr3());
      writer.putLong(controls.cr4()).putLong(controls.efer());
      for (int index = 0; index < ControlRegisters.PDPTES; index++) {
        writer.putLong(controls.pdpte(index));
      }
      each.core.save(writer);
      writer.putLong(each.msrs.tscOffset());
      each.machineMsrs.save(writer);
      cpus.get(vcpu.index()).save(writer);
      vcpu.counters().save(writer);
      writer.end();
    }
    devices.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("pc-machine", 1);
    for (Vcpu vcpu : vcpus) {
      reader.begin("x86-vcpu", 1);
      vcpu.engine().setRetired(reader.getLong(0, Long.MAX_VALUE / 2, "retired instructions"));
      waitsForStartUp[vcpu.index()] = reader.getBoolean();
      Registers each = registers.get(vcpu.index());
      loadControls(each.mmu, reader);
      each.core.load(reader);
      each.msrs.restoreTscOffset(reader.getLong());
      each.machineMsrs.load(reader);
      cpus.get(vcpu.index()).load(reader);
      vcpu.counters().load(reader);
      reader.end();
    }
    devices.load(reader);
    reader.end();
  }

  private static void loadControls(X86Mmu mmu, StateReader reader) {
    long cr0 = reader.getLong();
    long cr3 = reader.getLong();
    long cr4 = reader.getLong();
    long efer = reader.getLong();
    long[] pdptes = new long[ControlRegisters.PDPTES];
    for (int index = 0; index < pdptes.length; index++) {
      pdptes[index] = reader.getLong();
    }
    if (!mmu.control().restore(cr0, cr3, cr4, efer, pdptes)) {
      throw reader.failure(
          "CR0 0x%x, CR3 0x%x, CR4 0x%x, EFER 0x%x cannot stand together"
              .formatted(cr0, cr3, cr4, efer));
    }
  }

  // VcpuSignals: called while a device access is served, which is between instructions.

  @Override
  public void init(int cpu) {
    resets.get(cpu).init();
    cpus.get(cpu).clearEvents();
    parts.power().off(cpu);
    waitsForStartUp[cpu] = cpu != 0;
    if (cpu == 0) {
      parts.outcome().reset();
    }
  }

  @Override
  public void sipi(int cpu, int vectorPage) {
    if (waitsForStartUp[cpu]) {
      waitsForStartUp[cpu] = false;
      resets.get(cpu).startUp(vectorPage);
      parts.power().start(cpu);
    }
  }

  @Override
  public void nmi(int cpu) {
    cpus.get(cpu).raiseNmi();
  }

  @Override
  public void interruptStateChanged(int cpu) {
    // Each vCPU asks its local APIC before it runs on.
  }
}
