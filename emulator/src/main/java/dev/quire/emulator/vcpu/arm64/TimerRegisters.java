package dev.quire.emulator.vcpu.arm64;

/** The generic timer's registers of one vCPU, by {@link dev.quire.emulator.exec.SystemRegister}. */
public interface TimerRegisters {
  boolean owns(int register);

  long read(int register);

  void write(int register, long value);
}
