package dev.quire.emulator.vcpu.arm64;

import dev.quire.emulator.device.arm64.GenericTimer;
import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.exec.SystemRegisterHandler;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.S2Walker;
import dev.quire.mmu.arm64.VtcrEl2;
import java.util.function.Function;

/**
 * An arm64 core with its MMU on a second stage: what a machine's vCPU and KVM's have in common.
 * Wiring only.
 *
 * @param registers what the machine answers for
 */
public record Arm64Processor(Arm64Engine engine, Arm64Mmu mmu, Arm64SystemRegisters registers) {
  /** ID_AA64MMFR0_EL1.PARange of the core: 44 bits, encoded 4. */
  public static final int PHYSICAL_BITS = 44;

  private static final int PHYSICAL_BITS_ENCODED = 4;

  /** The start level of the root's tables is concatenated out of up to 2^4. */
  private static final int CONCATENATED_BITS = 4;

  /**
   * As few levels as concatenation allows: 4 with a 4 KiB granule, 3 with 16 KiB, 2 with 64 KiB
   * (Linux v6.18 arch/arm64/include/asm/stage2_pgtable.h, stage2_pgtable_levels).
   */
  public static int startLevel(Granule granule, int ipaBits) {
    return granule.startLevel(ipaBits - CONCATENATED_BITS);
  }

  /** What a vCPU is among the others of its machine. */
  public record Place(int index, GenericTimer timer, Arm64SystemRegisters.TlbBroadcast broadcast) {}

  /**
   * Opens a core; the calling thread owns it.
   *
   * @param translationBytes room for translated code
   * @param inFront gives what the core asks: the machine's registers or something in front of them
   */
  public static Arm64Processor open(
      HostMemory memory,
      EngineMemory engineMemory,
      Stage2Mmu stage2,
      Granule granule,
      int ipaBits,
      int translationBytes,
      Place place,
      Function<Arm64SystemRegisters, SystemRegisterHandler> inFront) {
    MmuCounters counters = new MmuCounters();
    S2Walker walker = new S2Walker(memory, PHYSICAL_BITS, counters);
    int level = startLevel(granule, ipaBits);
    walker.configure(
        VtcrEl2.of(granule, ipaBits, level, PHYSICAL_BITS_ENCODED),
        stage2.root() << Order.BASE_PAGE_SHIFT);
    Arm64SystemRegisters registers =
        new Arm64SystemRegisters(place.index(), place.timer(), place.broadcast());
    Arm64Engine engine = Arm64Engine.open(engineMemory, translationBytes, inFront.apply(registers));
    Arm64Mmu mmu = new Arm64Mmu(memory, walker, engine, PHYSICAL_BITS, counters);
    engine.attach(mmu);
    registers.attach(engine, mmu);
    stage2.addListener(mmu::invalidate);
    return new Arm64Processor(engine, mmu, registers);
  }
}
