package dev.quire.kvm.arm64;

import dev.quire.emulator.device.arm64.GenericTimer;
import dev.quire.emulator.device.arm64.Gicv3CpuRegisters;
import dev.quire.emulator.exec.Arm64Core;
import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.exec.Arm64RegisterFile;
import dev.quire.emulator.exec.SystemRegister;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuCounters;
import dev.quire.emulator.vcpu.arm64.Arm64Cpu;
import dev.quire.emulator.vcpu.arm64.Arm64Processor;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VmContext;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.Granule;

/**
 * The arm64 side of a vCPU: the emulator's core on the VM's second stage, with KVM's state calls
 * and KVM_RUN around it. VM thread only.
 */
final class Arm64Vcpu implements ArchVcpu {
  /** Room for translated code: a client's guests are small and many. */
  private static final int TRANSLATION_BYTES = 4 << 20;

  private static final int ENOEXEC = 8;
  private static final int INSTRUCTION_BYTES = 4;
  private static final long MPIDR_RES1 = 1L << 31;

  /** KVM_ARM_DEV_EL1_VTIMER and _PTIMER. */
  private static final int VTIMER_LINE = 1;

  private static final int PTIMER_LINE = 2;

  private enum Power {
    ON,
    WAITING,
    OFF
  }

  private final Arm64Vm vm;
  private final int index;
  private final int id;
  private final Arm64Processor processor;
  private final Arm64RegisterFile file;
  private final GuestSystemRegisters guestRegisters;
  private final GenericTimer timer;
  private final KvmRun run;
  private final KvmFaults faults;
  private final KvmArm64Cpu cpu;
  private final Vcpu vcpu;
  private final SystemRegisterStore system;
  private final Arm64VcpuCalls calls;

  private final Arm64Statistics statistics;
  private boolean initialized;
  private boolean hasRun;
  private Power power = Power.OFF;
  private int awaitedBytes;
  private boolean storeDone;
  private int systemEvent;
  private boolean singleSteps;

  /** Lines that user space drives, and levels of timers that it is to know of. */
  private boolean clientIrq;

  private boolean clientFiq;
  private boolean gicIrq;
  private boolean gicFiq;
  private int userLines;
  private int reportedLines;

  Arm64Vcpu(Arm64Vm vm, int index, int id, SharedPages pages) {
    this.vm = vm;
    this.index = index;
    this.id = id;
    VmContext context = vm.context();
    timer =
        new GenericTimer(
            vm.time(),
            vm.time().events(),
            level -> vm.timerLine(index, GenericTimer.PHYSICAL_INTID, level),
            level -> vm.timerLine(index, GenericTimer.VIRTUAL_INTID, level));
    GuestSystemRegisters[] inFront = new GuestSystemRegisters[1];
    processor =
        Arm64Processor.open(
            context.host().memory(),
            context.host().engineMemory(),
            context.stage2(),
            Granule.SIZE_4K,
            vm.ipaBits(),
            TRANSLATION_BYTES,
            new Arm64Processor.Place(index, timer, vm::broadcast),
            machine -> {
              inFront[0] = new GuestSystemRegisters(machine, this::interruptRegisters);
              return inFront[0];
            });
    guestRegisters = inFront[0];
    Arm64Core core = processor.engine().core();
    guestRegisters.attach(core);
    file = new Arm64RegisterFile(core);
    run = new KvmRun(pages.segment());
    faults = new KvmFaults(context);
    VcpuCounters counters = new VcpuCounters();
    Arm64Cpu arm = new Arm64Cpu(processor.engine(), guestRegisters, vm.psci()::call, counters);
    statistics = new Arm64Statistics(faults);
    cpu = new KvmArm64Cpu(arm, processor.engine(), faults, run, statistics);
    vcpu = new Vcpu(index, processor.engine(), cpu, processor.mmu(), faults, counters);
    system = new SystemRegisterStore(core, processor.mmu(), processor.registers(), timer);
    calls = new Arm64VcpuCalls(this, new CoreRegisters(file, system), system);
  }

  private Gicv3CpuRegisters interruptRegisters() {
    VgicV3 vgic = vm.vgicV3();
    return vgic == null ? null : vgic.cpuRegisters(index);
  }

  int index() {
    return index;
  }

  int id() {
    return id;
  }

  Arm64Vm vm() {
    return vm;
  }

  Arm64Mmu mmu() {
    return processor.mmu();
  }

  Arm64Engine engine() {
    return processor.engine();
  }

  Vcpu vcpu() {
    return vcpu;
  }

  KvmRun runStructure() {
    return run;
  }

  KvmFaults faults() {
    return faults;
  }

  Arm64Statistics counters() {
    return statistics;
  }

  KvmArm64Cpu cpu() {
    return cpu;
  }

  boolean hasRun() {
    return hasRun;
  }

  boolean isInitialized() {
    return initialized;
  }

  /** Affinity out of the id as Linux's reset_mpidr makes it: 16 vCPUs a cluster. */
  private long initialMpidr() {
    return MPIDR_RES1 | id & 15 | (id >>> 4 & 0xffL) << 8;
  }

  long mpidr() {
    return system.get(SystemRegister.MPIDR_EL1);
  }

  /** KVM_ARM_VCPU_INIT with features that are legal. */
  void initialize(boolean pointerAuthentication, boolean off) {
    if (!initialized) {
      IdRegisters ids =
          new IdRegisters(processor.registers(), initialMpidr(), pointerAuthentication);
      guestRegisters.setIds(ids);
      system.initialize(ids, pointerAuthentication);
      initialized = true;
    }
    reset(0, 0);
    power = off ? Power.OFF : Power.ON;
  }

  private void reset(long pc, long x0) {
    engine().reset(pc, x0);
    file.setSp(0, 0);
    file.setSp(1, 0);
    file.setElr(0);
    file.setFpcr(0);
    file.setFpsr(0);
    for (int vector = 0; vector < 32; vector++) {
      file.setV(vector, 0, 0);
    }
    system.reset();
    abandonAccess();
    systemEvent = 0;
  }

  private void abandonAccess() {
    vcpu.abandonAccess();
    awaitedBytes = 0;
    storeDone = false;
  }

  /** KVM_SET_VCPU_EVENTS: an external abort in place of the last device access. */
  void injectExternalAbort() {
    abandonAccess();
    cpu.injectExternalAbort();
  }

  /** PSCI CPU_ON. */
  void start(long pc, long contextId) {
    reset(pc, contextId);
    power = Power.ON;
  }

  void powerOff() {
    power = Power.OFF;
  }

  void powerOn() {
    power = Power.ON;
  }

  boolean isOff() {
    return power == Power.OFF;
  }

  void waitForInterrupt() {
    statistics.waitForInterrupt();
    power = Power.WAITING;
  }

  /** Whether there is nothing to execute: off, or no interrupt came yet. */
  boolean isWaiting() {
    if (power == Power.WAITING && (cpu.hasWork() || userLinesChanged())) {
      power = Power.ON;
    }
    return power != Power.ON;
  }

  /** Before KVM_RUN: 0 or -errno. */
  long beforeRun() {
    if (!initialized) {
      return -ENOEXEC;
    }
    long error = hasRun ? 0 : vm.prepareRun();
    hasRun |= error == 0;
    return error;
  }

  /** The next KVM_RUN brings the answer to a read of so many bytes. */
  void awaitBytes(int bytes) {
    awaitedBytes = bytes;
  }

  int takeAwaitedBytes() {
    int bytes = awaitedBytes;
    awaitedBytes = 0;
    return bytes;
  }

  /** User space sees the program counter at the store that it performs (kvm_handle_mmio_return). */
  void stayAtStore() {
    storeDone = file.pc() == cpu.accessPc() + INSTRUCTION_BYTES;
    if (storeDone) {
      file.setPc(cpu.accessPc());
    }
  }

  void leaveStore() {
    if (storeDone) {
      storeDone = false;
      file.setPc(file.pc() + INSTRUCTION_BYTES);
    }
  }

  void raiseSystemEvent(int type) {
    systemEvent = type;
  }

  int takeSystemEvent() {
    int event = systemEvent;
    systemEvent = 0;
    return event;
  }

  /** KVM_SET_GUEST_DEBUG. */
  void setDebug(boolean steps, boolean breakpoints) {
    singleSteps = steps;
    cpu.setClientBreakpoints(breakpoints);
  }

  boolean stepsSingly() {
    return singleSteps;
  }

  // Interrupt lines.

  /** The in-kernel controller's wires. */
  void setInterruptLines(boolean irq, boolean fiq) {
    gicIrq = irq;
    gicFiq = fiq;
    driveLines();
  }

  /** KVM_IRQ_LINE of type CPU. */
  void setClientLine(boolean fiq, boolean level) {
    if (fiq) {
      clientFiq = level;
    } else {
      clientIrq = level;
    }
    driveLines();
  }

  private void driveLines() {
    cpu.setInterruptLines(gicIrq || clientIrq, gicFiq || clientFiq);
  }

  /** A timer's line, where user space has the interrupt controller. */
  void setUserLine(boolean virtual, boolean level) {
    int bit = virtual ? VTIMER_LINE : PTIMER_LINE;
    userLines = level ? userLines | bit : userLines & ~bit;
  }

  /** Whether user space has to be told of timers' levels. */
  boolean userLinesChanged() {
    return !vm.hasVgic() && userLines != reportedLines;
  }

  int reportUserLines() {
    reportedLines = userLines;
    return userLines;
  }

  void setCounterOffset(long offset) {
    system.setCounterOffset(offset);
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    return calls.ioctl(caller, request, argument);
  }

  /** -ENOEXEC before KVM_ARM_VCPU_INIT. */
  static long notInitialized() {
    return -ENOEXEC;
  }

  @Override
  public RunCall run() {
    return new Arm64Run(this);
  }

  @Override
  public void statistics(long[] values) {
    statistics.put(values);
  }

  @Override
  public long walks() {
    return mmu().counters().get(MmuEvent.WALK);
  }

  @Override
  public void close() {
    processor.engine().close();
  }
}
