package dev.quire.emulator.vcpu.arm64;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.Arm64Access;
import dev.quire.emulator.decode.Arm64AccessDecoder;
import dev.quire.emulator.exec.Arm64Core;
import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.exec.SystemRegister;
import dev.quire.emulator.exec.SystemRegisterHandler;
import dev.quire.emulator.vcpu.AccessShape;
import dev.quire.emulator.vcpu.GuestCpu;
import dev.quire.emulator.vcpu.VcpuCounters;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.arm64.Arm64Syndrome;
import dev.quire.mmu.arm64.EsrEl1;
import dev.quire.mmu.arm64.FaultStatus;

/** The Arm side of the fault path. Machine thread only. */
public final class Arm64Cpu implements GuestCpu {
  private static final int INSTRUCTION_BYTES = 4;
  private static final int PC_ALIGNMENT_MASK = 3;
  private static final int EC_SHIFT = 26;
  private static final int SYSTEM_INSTRUCTION_MASK = 0xffc0_0000;
  private static final int SYSTEM_INSTRUCTION = 0xd500_0000;
  private static final int SYSTEM_READ_BIT = 1 << 21;
  private static final int OP1_EL0 = 3;

  /** MSR DAIFSet, #imm and MSR DAIFClr, #imm: op1 3, CRn 4, the immediate in CRm, op2 6 or 7. */
  private static final int MSR_DAIF = 0xd503_40df;

  private static final int MSR_DAIF_MASK = 0xffff_f0df;

  /** ISS of a trapped one but for op2 and CRm: op0 0, op1 3, CRn 4, Rt 31, a write. */
  private static final int MSR_DAIF_ISS = 3 << 14 | 4 << 10 | 31 << 5;

  private final Arm64Engine engine;
  private final Arm64Core core;
  private final Arm64Exceptions exceptions;
  private final SystemRegisterHandler registers;
  private final FirmwareCalls firmware;
  private boolean irq;
  private boolean fiq;

  /** What HVC and SMC ask of the machine: arguments in X0 to X3, the answer for X0. */
  @FunctionalInterface
  public interface FirmwareCalls {
    long call(long function, long x1, long x2, long x3);
  }

  public Arm64Cpu(
      Arm64Engine engine,
      SystemRegisterHandler registers,
      FirmwareCalls firmware,
      VcpuCounters counters) {
    this.engine = engine;
    this.core = engine.core();
    this.exceptions = new Arm64Exceptions(core, counters.exceptions);
    core.onInterruptTaken(() -> counters.interrupts++);
    this.registers = registers;
    this.firmware = firmware;
  }

  /** The interrupt controller's wires to this vCPU. */
  public void setInterruptLines(boolean newIrq, boolean newFiq) {
    irq = newIrq;
    fiq = newFiq;
  }

  @Override
  public VcpuExit beforeRun() {
    engine.setInterruptLines(irq, fiq);
    return null;
  }

  @Override
  public boolean hasWork() {
    return irq || fiq;
  }

  @Override
  public VcpuExit deliver(FaultRecord fault) {
    abort(fault, FaultStatus.code(fault.syndrome()));
    return null;
  }

  @Override
  public VcpuExit outsideMemory(FaultRecord fault) {
    if (Access.isTableWalk(fault.access())) {
      int level = FaultStatus.walkingLevel(fault.syndrome());
      abort(fault, FaultStatus.of(FaultStatus.EXTERNAL_ON_WALK, level));
    } else {
      abort(fault, FaultStatus.EXTERNAL);
    }
    return null;
  }

  @Override
  public VcpuExit unclaimed(FaultRecord fault) {
    abort(fault, FaultStatus.EXTERNAL);
    return null;
  }

  /** Takes a synchronous external abort of data at {@code far}, as a hypervisor injects it. */
  public void injectExternalAbort(long far) {
    boolean fromEl0 = core.exceptionLevel() == 0;
    long esr = EsrEl1.dataAbort(fromEl0, FaultStatus.EXTERNAL, 0);
    exceptions.takeWithAddress(esr, far, core.pc());
  }

  /** Takes an instruction or data abort. */
  private void abort(FaultRecord fault, int status) {
    // What follows looks at memory through the MMU, which then reuses the record.
    long far = fault.va();
    int initiator = fault.initiator();
    int kind =
        Access.isWrite(initiator) && atomicWhoseReadFaults(far, initiator)
            ? Arm64Syndrome.ATOMIC_READ_FAULTS
            : Arm64Syndrome.PLAIN;
    boolean fromEl0 = core.exceptionLevel() == 0;
    long esr = Arm64Syndrome.esr(status, initiator, fromEl0, kind);
    exceptions.takeWithAddress(esr, far, core.pc());
  }

  /** WnR is clear for an atomic if its read alone would fault (Arm ARM, ISS of a data abort). */
  private boolean atomicWhoseReadFaults(long va, int initiator) {
    long decoded = Arm64AccessDecoder.decode(engine.instructionAtPc());
    return Arm64Access.kind(decoded) == AccessKind.READ_WRITE
        && engine.guestRefuses(va, Access.withType(initiator, Access.READ));
  }

  @Override
  public VcpuExit trap(int number) {
    long pc = core.pc();
    switch (number) {
      case Arm64Engine.TRAP_SVC -> exceptions.takeSynchronous(core.raisedSyndrome(), pc);
      case Arm64Engine.TRAP_HVC, Arm64Engine.TRAP_SMC -> {
        core.setX(0, firmware.call(core.x(0), core.x(1), core.x(2), core.x(3)));
        // The call may have switched this vCPU or the machine off: let the machine look.
        return VcpuExit.INTR;
      }
      case Arm64Engine.TRAP_BREAKPOINT -> exceptions.takeSynchronous(core.raisedSyndrome(), pc);
      case Arm64Engine.TRAP_UNDEFINED -> undefined(pc);
      case Arm64Engine.TRAP_DATA_ABORT, Arm64Engine.TRAP_PREFETCH_ABORT ->
          exceptions.takeWithAddress(core.raisedSyndrome(), core.raisedAddress(), pc);
      default -> {
        return new VcpuExit.InternalError(
            "the core raised exception %d at pc 0x%x, which no arm64 core has"
                .formatted(number, pc));
      }
    }
    return null;
  }

  private void undefined(long pc) {
    if ((pc & PC_ALIGNMENT_MASK) != 0) {
      long esr = Arm64Exceptions.esr(Arm64Exceptions.EC_PC_ALIGNMENT, 0);
      exceptions.takeWithAddress(esr, pc, pc);
      return;
    }
    int instruction = engine.instructionAtPc();
    if (core.exceptionLevel() == 1 && performSystemInstruction(instruction)) {
      core.setPc(pc + INSTRUCTION_BYTES);
      engine.retireOne();
      return;
    }
    exceptions.takeSynchronous(undefinedSyndrome(instruction), pc);
  }

  /** The core leaves none for MSR DAIFSet and DAIFClr at EL0 with SCTLR_EL1.UMA clear. */
  private long undefinedSyndrome(int instruction) {
    long raised = core.raisedSyndrome();
    boolean hidden = raised >>> EC_SHIFT == Arm64Exceptions.EC_SYSREG && isMonitor(instruction);
    if (raised != 0 && !hidden) {
      return raised;
    }
    if ((instruction & MSR_DAIF_MASK) != MSR_DAIF) {
      return Arm64Exceptions.esr(Arm64Exceptions.EC_UNKNOWN, 0);
    }
    int crm = instruction >>> 8 & 15;
    int op2 = instruction >>> 5 & 7;
    return Arm64Exceptions.esr(Arm64Exceptions.EC_SYSREG, op2 << 17 | MSR_DAIF_ISS | crm << 1);
  }

  /** A performance monitor's register: the core has them, trapped to EL2, the machine has none. */
  private static boolean isMonitor(int instruction) {
    int register = instruction >>> 5 & 0xffff;
    int crm = SystemRegister.crm(register);
    return switch (SystemRegister.crn(register)) {
      case 9 -> crm >= 12 && crm <= 14;
      case 14 -> SystemRegister.op1(register) == OP1_EL0 && crm >= 8;
      default -> false;
    };
  }

  /** A system register or instruction that the core lacks and the machine has. */
  private boolean performSystemInstruction(int instruction) {
    if ((instruction & SYSTEM_INSTRUCTION_MASK) != SYSTEM_INSTRUCTION) {
      return false;
    }
    int register = instruction >>> 5 & 0xffff;
    if (SystemRegister.op1(register) > OP1_EL0) {
      return false;
    }
    int rt = instruction & 31;
    boolean isInstruction = SystemRegister.op0(register) == 1;
    SystemRegisterHandler.Answer answer;
    if (isInstruction) {
      answer = registers.system(register, core.x(rt));
    } else if ((instruction & SYSTEM_READ_BIT) != 0) {
      answer = registers.read(register);
      if (answer == SystemRegisterHandler.Answer.DONE) {
        core.setX(rt, registers.value());
      }
    } else {
      answer = registers.write(register, core.x(rt));
    }
    return answer == SystemRegisterHandler.Answer.DONE;
  }

  @Override
  public VcpuExit intercept() {
    return new VcpuExit.InternalError("an arm64 core has no intercepted instructions");
  }

  @Override
  public VcpuExit halted() {
    return VcpuExit.HLT;
  }

  @Override
  public void completeIo(long data) {
    throw new IllegalStateException("arm64 has no port I/O to complete");
  }

  @Override
  public long shapeOf(FaultRecord fault) {
    long access = Arm64AccessDecoder.decode(engine.instructionAtPc());
    AccessKind kind = Arm64Access.kind(access);
    if (access == Arm64Access.NONE || Arm64Access.isZeroBlock(access)) {
      return AccessShape.UNKNOWN;
    }
    return AccessShape.inFaultingPage(
        Arm64Access.address(access, core, core.pc()),
        Arm64Access.bytes(access),
        fault.va(),
        kind != AccessKind.WRITE,
        kind.faultsAsWrite());
  }

  @Override
  public boolean isBetweenInstructions() {
    return true;
  }

  @Override
  public long pc() {
    return core.pc();
  }
}
