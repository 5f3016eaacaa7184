package dev.quire.kvm.arm64;

import dev.quire.emulator.exec.Arm64Core;
import dev.quire.emulator.exec.SystemRegisterHandler;
import dev.quire.emulator.vcpu.arm64.Arm64SystemRegisters;

/**
 * System registers as a guest of KVM sees them: what identifies the vCPU is the client's choice,
 * the rest the machine's. VM thread only.
 */
final class GuestSystemRegisters implements SystemRegisterHandler {
  private final Arm64SystemRegisters machine;
  private Arm64Core core;
  private IdRegisters ids;
  private long value;

  GuestSystemRegisters(Arm64SystemRegisters machine) {
    this.machine = machine;
  }

  void attach(Arm64Core newCore) {
    core = newCore;
  }

  /** Names what the guest sees from now on; before the first run. */
  void setIds(IdRegisters newIds) {
    ids = newIds;
  }

  @Override
  public Answer read(int register) {
    if (core.exceptionLevel() != 0 && IdRegisters.owns(register)) {
      value = ids.read(register);
      return Answer.DONE;
    }
    Answer answer = machine.read(register);
    value = machine.value();
    return answer;
  }

  @Override
  public Answer write(int register, long newValue) {
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
