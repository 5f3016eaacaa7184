package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.emulator.exec.X86Core;
import dev.quire.mmu.x86.X86Mmu;

/** Where the model-specific registers of one vCPU live. Machine thread only. */
public final class CoreMsrs implements X86MsrPort {
  private final EngineMsrs engine;
  private final LocalApic apic;
  private final VirtualClock clock;
  private long tscOffset;

  public CoreMsrs(X86Core core, X86Mmu mmu, LocalApic apic, VirtualClock clock) {
    this.engine = new EngineMsrs(core, mmu);
    this.apic = apic;
    this.clock = clock;
  }

  @Override
  public long engineMsr(int msr) {
    return engine.engineMsr(msr);
  }

  @Override
  public void setEngineMsr(int msr, long value) {
    engine.setEngineMsr(msr, value);
  }

  @Override
  public boolean writeEfer(long value) {
    return engine.writeEfer(value);
  }

  @Override
  public long tsc() {
    return clock.nowNanos() + tscOffset;
  }

  @Override
  public void writeTsc(long value) {
    tscOffset = value - clock.nowNanos();
    apic.setTscOffset(tscOffset);
  }

  /** TSC less virtual time. */
  public long tscOffset() {
    return tscOffset;
  }

  /** Puts {@link #tscOffset} back; the local APIC keeps its own. */
  public void restoreTscOffset(long offset) {
    tscOffset = offset;
  }

  @Override
  public long apicBase() {
    return apic.apicBase();
  }

  @Override
  public boolean writeApicBase(long value) {
    return apic.setApicBase(value);
  }

  @Override
  public long tscDeadline() {
    return apic.tscDeadline();
  }

  @Override
  public void writeTscDeadline(long value) {
    apic.setTscDeadline(value);
  }
}
