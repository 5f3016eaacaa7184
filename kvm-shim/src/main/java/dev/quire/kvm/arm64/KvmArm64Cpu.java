package dev.quire.kvm.arm64;

import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.vcpu.GuestCpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.arm64.Arm64Cpu;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.mmu.FaultRecord;

/**
 * The fault path of a vCPU of KVM: an Arm processor whose breakpoint instructions can be the
 * client's. VM thread only.
 */
final class KvmArm64Cpu implements GuestCpu {
  private final Arm64Cpu cpu;
  private final Arm64Engine engine;
  private final KvmRun run;
  private final Arm64Statistics statistics;
  private boolean finishesOnly;

  /** The instruction whose device access was met last. */
  private long accessPc;

  private boolean clientBreakpoints;

  KvmArm64Cpu(Arm64Cpu cpu, Arm64Engine engine, KvmRun run, Arm64Statistics statistics) {
    this.cpu = cpu;
    this.engine = engine;
    this.run = run;
    this.statistics = statistics;
  }

  /** Has the run end as soon as the instruction under way is done; nothing new begins. */
  void finishOnly(boolean only) {
    finishesOnly = only;
  }

  /** Whether BRK ends KVM_RUN (KVM_GUESTDBG_USE_SW_BP). */
  void setClientBreakpoints(boolean ends) {
    clientBreakpoints = ends;
  }

  /** Where the instruction is whose device access was met last. */
  long accessPc() {
    return accessPc;
  }

  void setInterruptLines(boolean irq, boolean fiq) {
    cpu.setInterruptLines(irq, fiq);
  }

  @Override
  public VcpuExit beforeRun() {
    return finishesOnly ? VcpuExit.SLICE_END : cpu.beforeRun();
  }

  @Override
  public VcpuExit deliver(FaultRecord fault) {
    return cpu.deliver(fault);
  }

  @Override
  public VcpuExit trap(int number) {
    if (number == Arm64Engine.TRAP_HVC) {
      statistics.hypervisorCall();
    } else if (number == Arm64Engine.TRAP_SMC) {
      statistics.otherExit();
    } else if (number == Arm64Engine.TRAP_BREAKPOINT && clientBreakpoints) {
      statistics.otherExit();
      run.exitArmDebug((int) engine.core().raisedSyndrome(), 0);
      return VcpuExit.CLIENT;
    }
    return cpu.trap(number);
  }

  @Override
  public VcpuExit intercept() {
    return cpu.intercept();
  }

  @Override
  public VcpuExit halted() {
    return cpu.halted();
  }

  @Override
  public void completeIo(long data) {
    cpu.completeIo(data);
  }

  @Override
  public VcpuExit outsideMemory(FaultRecord fault) {
    return cpu.outsideMemory(fault);
  }

  @Override
  public VcpuExit unclaimed(FaultRecord fault) {
    return cpu.unclaimed(fault);
  }

  @Override
  public long shapeOf(FaultRecord fault) {
    accessPc = cpu.pc();
    return cpu.shapeOf(fault);
  }

  @Override
  public boolean isBetweenInstructions() {
    return cpu.isBetweenInstructions();
  }

  @Override
  public long pc() {
    return cpu.pc();
  }

  @Override
  public boolean hasWork() {
    return cpu.hasWork();
  }
}
