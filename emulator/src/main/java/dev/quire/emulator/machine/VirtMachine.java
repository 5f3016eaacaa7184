package dev.quire.emulator.machine;

import dev.quire.emulator.boot.EntryState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.arm64.GicOutputs;
import dev.quire.emulator.device.arm64.PsciHandler;
import dev.quire.emulator.device.arm64.PsciHost;
import dev.quire.emulator.device.arm64.VirtBoard;
import dev.quire.emulator.exec.Arm64CoreState;
import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuCounters;
import dev.quire.emulator.vcpu.arm64.Arm64Cpu;
import dev.quire.emulator.vcpu.arm64.Arm64Processor;
import dev.quire.emulator.vcpu.arm64.Arm64SystemRegisters;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.Stage2PteFormat;
import dev.quire.mmu.arm64.TlbiOp;
import java.util.ArrayList;
import java.util.List;

/** The arm64 machine: wires vCPUs, stage 2, PSCI and the "virt" board's devices. */
final class VirtMachine implements Board, GicOutputs, PsciHost {
  private static final long START_EPOCH_SECONDS = 1_767_225_600L;
  private static final long MPIDR_AFFINITY_MASK = 0xff_00ff_ffffL;
  private static final long AFFINITY_ON = 0;
  private static final long AFFINITY_OFF = 1;
  private static final int INSTRUCTION_BYTES = 4;

  private final MachineParts parts;
  private final VirtBoard devices;
  private final PsciHandler psci = new PsciHandler(this);
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<Arm64Cpu> cpus = new ArrayList<>();
  private final List<Arm64Engine> engines = new ArrayList<>();
  private final List<Arm64Mmu> mmus = new ArrayList<>();
  private final List<Arm64SystemRegisters> systemRegisters = new ArrayList<>();

  VirtMachine(MachineParts parts, int count) {
    this.parts = parts;
    devices =
        new VirtBoard(
            count,
            START_EPOCH_SECONDS,
            parts.bus(),
            parts.clock(),
            parts.events(),
            this,
            parts.outcome(),
            parts.config().console(),
            parts.power()::current);
    for (int index = 0; index < count; index++) {
      addVcpu(index);
    }
  }

  /** The second stage's tables on a host of this granule. */
  static PteFormat stage2Format(HostGranule host) {
    int bits = Arm64Processor.PHYSICAL_BITS;
    int level = Arm64Processor.startLevel(granule(host), bits);
    return new Stage2PteFormat(granule(host), bits, level);
  }

  static Granule granule(HostGranule host) {
    return switch (host) {
      case BASE_4K -> Granule.SIZE_4K;
      case BASE_16K -> Granule.SIZE_16K;
      case BASE_64K -> Granule.SIZE_64K;
    };
  }

  private void addVcpu(int index) {
    Arm64Processor processor =
        Arm64Processor.open(
            parts.host().memory(),
            parts.host().engineMemory(),
            parts.host().stage2(),
            granule(parts.config().hostPages().granule()),
            Arm64Processor.PHYSICAL_BITS,
            Arm64Engine.TRANSLATION_BYTES,
            new Arm64Processor.Place(index, devices.timer(index), this::broadcast),
            registers -> registers);
    Arm64Engine engine = processor.engine();
    Arm64Mmu mmu = processor.mmu();
    Arm64SystemRegisters registers = processor.registers();
    parts.watch(engine, mmu);
    VcpuCounters vcpuCounters = new VcpuCounters();
    Arm64Cpu cpu = new Arm64Cpu(engine, registers, psci::call, vcpuCounters);
    engines.add(engine);
    mmus.add(mmu);
    systemRegisters.add(registers);
    cpus.add(cpu);
    vcpus.add(new Vcpu(index, engine, cpu, mmu, parts.host(), vcpuCounters));
  }

  private void broadcast(int fromVcpu, TlbiOp operation, long operand) {
    for (int index = 0; index < mmus.size(); index++) {
      if (index != fromVcpu) {
        mmus.get(index).tlbi(operation, operand);
      }
    }
  }

  @Override
  public List<Vcpu> vcpus() {
    return vcpus;
  }

  @Override
  public void enter(EntryState entry) {
    if (!(entry instanceof EntryState.Arm64Entry arm)) {
      throw new IllegalArgumentException("not an arm64 entry state: " + entry);
    }
    start(0, arm.pc(), arm.x0());
  }

  private void start(int index, long pc, long x0) {
    engines.get(index).reset(pc, x0);
    mmus.get(index).writeSctlr(engines.get(index).core().sctlrEl1());
    parts.power().start(index);
  }

  @Override
  public void set(int cpu, boolean irqAsserted, boolean fiqAsserted) {
    cpus.get(cpu).setInterruptLines(irqAsserted, fiqAsserted);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("virt-machine", 1);
    for (Vcpu vcpu : vcpus) {
      int index = vcpu.index();
      writer.begin("arm64-vcpu", 1).putLong(vcpu.engine().retired());
      new Arm64CoreState(engines.get(index).core()).save(writer);
      writer.putLongs(mmus.get(index).registers());
      writer.putLong(systemRegisters.get(index).mdscr());
      vcpu.counters().save(writer);
      writer.end();
    }
    devices.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("virt-machine", 1);
    for (Vcpu vcpu : vcpus) {
      int index = vcpu.index();
      reader.begin("arm64-vcpu", 1);
      vcpu.engine().setRetired(reader.getLong(0, Long.MAX_VALUE / 2, "retired instructions"));
      new Arm64CoreState(engines.get(index).core()).load(reader);
      long[] registers = mmus.get(index).registers();
      reader.getLongs(registers);
      mmus.get(index).restore(registers);
      systemRegisters.get(index).restoreMdscr(reader.getLong());
      vcpu.counters().load(reader);
      reader.end();
    }
    devices.load(reader);
    reader.end();
  }

  // PsciHost: called between instructions, on behalf of the current vCPU.

  @Override
  public long cpuOn(long targetMpidr, long entryGpa, long contextId) {
    int target = indexOf(targetMpidr);
    if (target < 0) {
      return PsciHandler.INVALID_PARAMETERS;
    }
    if (!parts.power().isOff(target)) {
      return PsciHandler.ALREADY_ON;
    }
    if (entryGpa % INSTRUCTION_BYTES != 0) {
      return PsciHandler.INVALID_ADDRESS;
    }
    start(target, entryGpa, contextId);
    return PsciHandler.SUCCESS;
  }

  private int indexOf(long mpidr) {
    long affinity = mpidr & MPIDR_AFFINITY_MASK;
    return Long.compareUnsigned(affinity, vcpus.size()) < 0 ? (int) affinity : -1;
  }

  @Override
  public long cpuOff() {
    parts.power().off(parts.power().current());
    return PsciHandler.SUCCESS;
  }

  @Override
  public long cpuSuspend(long powerState, long entryGpa, long contextId) {
    parts.power().halt(vcpus.get(parts.power().current()));
    return PsciHandler.SUCCESS;
  }

  @Override
  public long affinityInfo(long targetAffinity, long lowestAffinityLevel) {
    int target = indexOf(targetAffinity);
    if (target < 0) {
      return PsciHandler.INVALID_PARAMETERS;
    }
    return parts.power().isOff(target) ? AFFINITY_OFF : AFFINITY_ON;
  }

  @Override
  public void systemOff() {
    parts.outcome().powerOff();
  }

  @Override
  public void systemReset() {
    parts.outcome().reset();
  }
}
