package dev.quire.kvm.arm64;

import dev.quire.emulator.device.arm64.Gicv3CpuRegisters;
import dev.quire.emulator.exec.Arm64Core;
import dev.quire.emulator.exec.SystemRegister;
import dev.quire.emulator.exec.SystemRegisterHandler;
import dev.quire.emulator.vcpu.arm64.Arm64SystemRegisters;
import java.util.function.Supplier;

/**
 * System registers as a guest of KVM sees them: what identifies the vCPU is the client's choice,
 * the rest the machine's. VM thread only.
 */
final class GuestSystemRegisters implements SystemRegisterHandler {
  /** ID_AA64PFR0_EL1.GIC: system registers of a GICv3. */
  private static final long PFR0_GIC = 1L << 24;

  private final Arm64SystemRegisters machine;
  private final Supplier<Gicv3CpuRegisters> interruptRegisters;
  private Arm64Core core;
  private IdRegisters ids;
  private long value;

  /**
   * @param interruptRegisters gives those of a GICv3; null without one
   */
  GuestSystemRegisters(
      Arm64SystemRegisters machine, Supplier<Gicv3CpuRegisters> interruptRegisters) {
    this.machine = machine;
    this.interruptRegisters = interruptRegisters;
  }

  void attach(Arm64Core newCore) {
    core = newCore;
  }

  /** Names what the guest sees from now on; before the first run. */
  void setIds(IdRegisters newIds) {
    ids = newIds;
  }

  private Gicv3CpuRegisters interruptRegisters(int register) {
    boolean owned = core.exceptionLevel() != 0 && Gicv3CpuRegisters.owns(register);
    return owned ? interruptRegisters.get() : null;
  }

  @Override
  public Answer read(int register) {
    Gicv3CpuRegisters interrupts = interruptRegisters(register);
    if (interrupts != null) {
      value = interrupts.read(register);
      return Answer.DONE;
    }
    if (core.exceptionLevel() != 0 && IdRegisters.owns(register)) {
      boolean gic3 = register == SystemRegister.ID_AA64PFR0_EL1 && interruptRegisters.get() != null;
      value = ids.read(register) | (gic3 ? PFR0_GIC : 0);
      return Answer.DONE;
    }
    Answer answer = machine.read(register);
    value = machine.value();
    return answer;
  }

  @Override
  public Answer write(int register, long newValue) {
    Gicv3CpuRegisters interrupts = interruptRegisters(register);
    if (interrupts != null) {
      interrupts.write(register, newValue);
      return Answer.DONE;
    }
    return machine.write(register, newValue);
  }

  @Override
  public Answer system(int register, long operand) {
    return machine.system(register, operand);
  }

  @Override
  public long value() {
    return value;
  }
}
