package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.measure.HostAccesses;
import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.emulator.vcpu.VcpuCounters;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.x86.EptWalker;
import dev.quire.mmu.x86.Eptp;
import dev.quire.mmu.x86.X86Mmu;

/**
 * An x86 core with its MMU on a second stage, and the parts that act in its stead: wired once, for
 * a machine and for a client of KVM alike. Machine thread only.
 */
public final class X86Processor {
  private final HostMemory memory;
  private final EngineMemory engineMemory;
  private final X86Engine engine;
  private final X86Mmu mmu;

  private X86Processor(HostMemory memory, EngineMemory engineMemory, X86Engine engine, X86Mmu mmu) {
    this.memory = memory;
    this.engineMemory = engineMemory;
    this.engine = engine;
    this.mmu = mmu;
  }

  /**
   * The second stage's shape.
   *
   * @param levels of its tables
   * @param physicalBits width of a guest-physical address: MAXPHYADDR
   */
  public record Ept(int levels, int physicalBits) {}

  /**
   * Opens a core; the calling thread owns it.
   *
   * @param ept how the second stage is walked
   * @param translationBytes room for translated code
   * @param factory what answers CPUID and RDTSC
   */
  public static X86Processor open(
      HostMemory memory,
      EngineMemory engineMemory,
      Stage2Mmu stage2,
      Ept ept,
      int translationBytes,
      X86Engine.CoreInstructionsFactory factory) {
    MmuCounters counters = new MmuCounters();
    long root = stage2.root() << Order.BASE_PAGE_SHIFT;
    EptWalker walker =
        new EptWalker(memory, counters, ept.physicalBits, Eptp.of(root, ept.levels, false));
    X86Mmu mmu = new X86Mmu(memory, walker, counters, ept.physicalBits);
    X86Engine engine = X86Engine.open(engineMemory, translationBytes, factory);
    engine.attach(mmu);
    mmu.attach(engine);
    stage2.addListener(mmu::invalidate);
    return new X86Processor(memory, engineMemory, engine, mmu);
  }

  public X86Engine engine() {
    return engine;
  }

  public X86Core core() {
    return engine.core();
  }

  public X86Mmu mmu() {
    return mmu;
  }

  /** What the processor does by itself and the core does not: events and some instructions. */
  public record Units(
      LinearMemory linear,
      X86EventDelivery events,
      X86HostInstructions instructions,
      VcpuCounters counters) {}

  /**
   * Makes the units.
   *
   * @param msrs as RDMSR and WRMSR see them
   * @param engineMsrs those that SYSCALL and SYSENTER use
   * @param accesses who is told of accesses the host makes in the core's stead
   */
  public Units units(
      HostFaults faults,
      ModelSpecificRegisters msrs,
      EngineMsrPort engineMsrs,
      HostAccesses accesses) {
    VcpuCounters counters = new VcpuCounters();
    LinearMemory linear = new MmuLinearMemory(mmu, memory, engineMemory.coherence(), accesses);
    X86EventDelivery events =
        new X86EventDelivery(core(), linear, mmu, faults, counters.exceptions);
    SystemRegisterInstructions system = new SystemRegisterInstructions(core(), mmu, linear, msrs);
    X86HostInstructions instructions =
        new X86HostInstructions(
            engine, events, linear, system, new SyscallUnit(core(), engineMsrs));
    return new Units(linear, events, instructions, counters);
  }
}
