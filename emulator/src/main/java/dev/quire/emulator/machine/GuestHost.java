package dev.quire.emulator.machine;

import dev.quire.bindings.NativeMemory;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.kernel.kvm.GuestPhysicalView;
import dev.quire.kernel.kvm.HostEventInjector;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;
import java.util.Map;

/**
 * The host under one guest: its physical memory, the address space that backs the guest, and the
 * second stage. Owned by the machine; its memory lives until {@link #close}.
 */
final class GuestHost implements HostFaults, AutoCloseable {
  private static final int SLOT_LIMIT = 32;
  private static final int PHYSICAL_BITS = 40;
  private static final long FIRST_HVA = 1L << 40;

  /** Frames beside the guest's own: second-stage tables and room to keep large ones aligned. */
  private static final long SPARE_PAGES = 4096;

  private final NativeMemory arena;
  private final HostMemory memory;
  private final EngineMemory engineMemory;
  private final HostGranule granule;
  private final KernelCounters kernel = new KernelCounters();
  private final DemandAddressSpace space;
  private final Stage2Mmu stage2;

  /** Null if the host leaves the guest alone. */
  private final HostEventInjector events;

  private final GuestPhysicalView guestMemory;
  private final DeviceBus bus;
  private final boolean everyAddressAnswers;
  private long nextHva = FIRST_HVA;
  private int nextSlot;
  private String problem = "";

  /**
   * @param everyAddressAnswers x86: reading where nothing is gives all ones; Arm: an abort
   */
  GuestHost(
      MachineConfig config,
      GuestRam ram,
      PteFormat format,
      DeviceBus bus,
      boolean everyAddressAnswers) {
    this.bus = bus;
    this.granule = config.hostPages().granule();
    this.everyAddressAnswers = everyAddressAnswers;
    long ramBytes = ram.ranges().stream().mapToLong(GuestRam.Range::bytes).sum();
    long pages = hostPages(ramBytes, config.hostPages());
    arena = NativeMemory.reserve((pages + EngineMemory.HIDDEN_PAGES) << Order.BASE_PAGE_SHIFT);
    memory = new HostMemory(arena.segment().asSlice(0, pages << Order.BASE_PAGE_SHIFT));
    engineMemory = new EngineMemory(arena.segment(), memory);
    // Where frames lie shows in measured runs alone: there as on a host that has run for long.
    FirstTouchFrames.Layout layout =
        config.measure() == null
            ? FirstTouchFrames.Layout.SEQUENTIAL
            : FirstTouchFrames.Layout.SHUFFLED;
    FrameAllocator frames = new FirstTouchFrames(pages, layout, config.seed());
    Fragmentation fragmentation = new Fragmentation(config.fragmentation(), config.seed());
    space =
        new DemandAddressSpace(
            new GuestFrames(memory, engineMemory.coherence()),
            frames,
            config.hostPages(),
            fragmentation,
            kernel);
    MemSlots slots = new MemSlots(SLOT_LIMIT, PHYSICAL_BITS, granule.baseOrder());
    stage2 = new Stage2Mmu(slots, space, memory, frames, format, config.hostPages().contpte());
    guestMemory = new GuestPhysicalView(slots, space, memory);
    events =
        config.hostEvents() == null
            ? null
            : new HostEventInjector(config.hostEvents(), space, stage2);
    for (GuestRam.Range range : ram.ranges()) {
      addRam(range.gpa(), range.bytes());
    }
  }

  private static long hostPages(long guestBytes, HostPagePolicy policy) {
    long guestPages = guestBytes >>> Order.BASE_PAGE_SHIFT;
    long tables = guestPages / 256;
    return guestPages + tables + SPARE_PAGES + 2L * (1L << policy.order());
  }

  /** Gives the guest RAM at {@code gpa}, backed on demand. */
  private void addRam(long gpa, long bytes) {
    space.map(nextHva, bytes);
    stage2.setRegion(nextSlot++, 0, gpa, bytes, nextHva);
    nextHva += bytes + Order.bytes(Order.SIZE_1G) & -Order.bytes(Order.SIZE_1G);
  }

  /** What the host's kernel counted, by Linux's names. */
  Map<String, Long> kernelCounts() {
    return kernel.snapshot().named(Order.shift(granule.baseOrder()));
  }

  /** What the host does to the guest's memory; null if nothing. */
  HostEventInjector events() {
    return events;
  }

  EngineMemory engineMemory() {
    return engineMemory;
  }

  HostMemory memory() {
    return memory;
  }

  Stage2Mmu stage2() {
    return stage2;
  }

  GuestPhysicalView guestMemory() {
    return guestMemory;
  }

  @Override
  public int resolve(FaultRecord fault) {
    long gpa = fault.gpa();
    int code = Stage2Mmu.code(stage2.fault(gpa, fault.access()));
    if (events != null && code == Stage2Mmu.MAPPED) {
      events.touched(gpa);
    }
    return switch (code) {
      case Stage2Mmu.MAPPED, Stage2Mmu.RETRY -> MAPPED;
      case Stage2Mmu.MMIO, Stage2Mmu.READONLY_MMIO ->
          everyAddressAnswers || bus.isMapped(gpa) ? DEVICE : UNCLAIMED;
      case Stage2Mmu.OUT_OF_MEMORY ->
          fail("host memory ran out while backing gpa 0x%x".formatted(gpa));
      default -> fail("the memory slot of gpa 0x%x has no host mapping".formatted(gpa));
    };
  }

  private int fail(String what) {
    problem = what;
    return FAILED;
  }

  @Override
  public String problem() {
    return problem;
  }

  @Override
  public void close() {
    arena.close();
  }
}
