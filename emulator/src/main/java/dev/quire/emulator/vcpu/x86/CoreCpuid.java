package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import java.util.function.LongSupplier;

/** CPUID and RDTSC, answered inside a run. Machine thread only. */
public final class CoreCpuid implements X86Engine.CoreInstructions {
  private static final long LOW_32 = 0xffff_ffffL;

  private final X86Core core;
  private final Cpuid table;
  private final int[] registers = new int[4];
  private LongSupplier timeStampCounter;

  public CoreCpuid(X86Core core, Cpuid table) {
    this.core = core;
    this.table = table;
  }

  /** Names the holder of the time-stamp counter; before the first run. */
  public void attach(LongSupplier counter) {
    timeStampCounter = counter;
  }

  @Override
  public void cpuid() {
    table.query((int) core.gpr(X86Core.RAX), (int) core.gpr(X86Core.RCX), registers);
    core.setGpr(X86Core.RAX, registers[0] & LOW_32);
    core.setGpr(X86Core.RBX, registers[1] & LOW_32);
    core.setGpr(X86Core.RCX, registers[2] & LOW_32);
    core.setGpr(X86Core.RDX, registers[3] & LOW_32);
  }

  @Override
  public long timeStamp() {
    return timeStampCounter.getAsLong();
  }
}
