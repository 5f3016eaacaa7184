package dev.quire.emulator.vcpu.x86;

import java.util.HashMap;
import java.util.Map;

/** Registers in a map; EFER and the APIC base can be made to refuse. */
final class FakeMsrPort implements X86MsrPort {
  final Map<Integer, Long> engine = new HashMap<>();
  long tsc = 12345;
  long apicBase = 0xfee0_0900L;
  long deadline;
  boolean refuses;

  @Override
  public long engineMsr(int msr) {
    return engine.getOrDefault(msr, 0L);
  }

  @Override
  public void setEngineMsr(int msr, long value) {
    engine.put(msr, value);
  }

  @Override
  public boolean writeEfer(long value) {
    if (!refuses) {
      engine.put(X86Msr.EFER, value);
    }
    return !refuses;
  }

  @Override
  public long tsc() {
    return tsc;
  }

  @Override
  public void writeTsc(long value) {
    tsc = value;
  }

  @Override
  public long apicBase() {
    return apicBase;
  }

  @Override
  public boolean writeApicBase(long value) {
    apicBase = refuses ? apicBase : value;
    return !refuses;
  }

  @Override
  public long tscDeadline() {
    return deadline;
  }

  @Override
  public void writeTscDeadline(long value) {
    deadline = value;
  }
}
