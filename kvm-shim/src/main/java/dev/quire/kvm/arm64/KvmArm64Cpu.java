package dev.quire.kvm.arm64;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.Arm64Access;
import dev.quire.emulator.decode.Arm64AccessDecoder;
import dev.quire.emulator.decode.Arm64ValidSyndrome;
import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.vcpu.AccessShape;
import dev.quire.emulator.vcpu.GuestCpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.arm64.Arm64Cpu;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.arm64.Arm64Syndrome;
import dev.quire.mmu.arm64.EsrEl1;

/**
 * The fault path of a vCPU of KVM: an Arm processor whose breakpoint instructions can be the
 * client's. VM thread only.
 */
final class KvmArm64Cpu implements GuestCpu {
  private static final long PAGE_BYTES = 4096;
  private static final long ISS_KEPT = EsrEl1.CM | EsrEl1.WNR | 0x3f;

  private final Arm64Cpu cpu;
  private final Arm64Engine engine;
  private final KvmFaults faults;
  private final KvmRun run;
  private final Arm64Statistics statistics;
  private boolean finishesOnly;

  /** The instruction whose device access was met last. */
  private long accessPc;

  /** FAR_EL2, ESR_EL2's ISS without the instruction's, and the address that HPFAR_EL2 gives. */
  private long accessFar;

  private long iss;
  private long ipa;

  /** Whether it was refused for want of a valid instruction syndrome. */
  private boolean lacksSyndrome;

  private boolean clientBreakpoints;

  KvmArm64Cpu(
      Arm64Cpu cpu, Arm64Engine engine, KvmFaults faults, KvmRun run, Arm64Statistics statistics) {
    this.cpu = cpu;
    this.engine = engine;
    this.faults = faults;
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

  /** Whether the last device access was refused for want of a valid syndrome, once. */
  boolean takeLackOfSyndrome() {
    boolean lacked = lacksSyndrome;
    lacksSyndrome = false;
    return lacked;
  }

  /** ESR_EL2's ISS of that access, of it CM, WnR and DFSC (kvm_vcpu_dabt_iss_nisv_sanitized). */
  long iss() {
    return iss;
  }

  /** Intermediate physical address of that access. */
  long ipa() {
    return ipa;
  }

  /** KVM_SET_VCPU_EVENTS: an external abort where the last device access was. */
  void injectExternalAbort() {
    cpu.injectExternalAbort(accessFar);
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
    accessFar = fault.va();
    ipa = fault.gpa() & -PAGE_BYTES | accessFar & PAGE_BYTES - 1;
    iss = Arm64Syndrome.esrEl2(fault) & ISS_KEPT;
    int instruction = engine.instructionAtPc();
    if (Arm64ValidSyndrome.isLeftBy(instruction)) {
      return cpu.shapeOf(fault);
    }
    lacksSyndrome = true;
    boolean atomic =
        Arm64Access.kind(Arm64AccessDecoder.decode(instruction)) == AccessKind.READ_WRITE;
    if (atomic && !faults.hasSlot(ipa)) {
      // WnR is clear where the read alone would have faulted.
      iss &= ~EsrEl1.WNR;
    }
    return AccessShape.UNKNOWN;
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
