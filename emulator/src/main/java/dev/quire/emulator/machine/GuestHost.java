package dev.quire.emulator.machine;

import dev.quire.bindings.NativeMemory;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.kernel.kvm.GuestPhysicalView;
import dev.quire.kernel.kvm.HostEventInjector;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.BuddyFrames;
import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.GuestBacking;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.LinuxArm64Pte;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * The host under one guest: its physical memory, the address space that backs the guest, and the
 * second stage. Owned by the machine; its memory lives until {@link #close}.
 */
public final class GuestHost implements HostFaults, AutoCloseable {
  private static final int SLOT_LIMIT = 32;
  private static final int PHYSICAL_BITS = 40;
  private static final long FIRST_HVA = 1L << 40;

  /** Frames beside the guest's own: second-stage tables and room to keep large ones aligned. */
  private static final long SPARE_PAGES = 4096;

  private final NativeMemory arena;
  private final HostMemory memory;
  private final EngineMemory engineMemory;
  private final HostGranule granule;
  private final KernelCounters kernel;
  private final GuestBacking space;
  private final GuestFrames bytes;
  private final Stage2Mmu stage2;

  /** Null if the host leaves the guest alone. */
  private final HostEventInjector events;

  private final GuestPhysicalView guestMemory;
  private final DeviceBus bus;
  private final boolean everyAddressAnswers;
  private long nextHva = FIRST_HVA;
  private int nextSlot;
  private String problem = "";
  private HostWait wait = HostWait.NOBODY;
  private FaultObserver observer = FaultObserver.NOBODY;

  /**
   * @param everyAddressAnswers x86: reading where nothing is gives all ones; Arm: an abort
   */
  GuestHost(
      MachineConfig config,
      GuestRam ram,
      PteFormat format,
      DeviceBus bus,
      boolean everyAddressAnswers,
      HostArchitecture architecture) {
    this.bus = bus;
    this.granule = config.hostPages().granule();
    this.everyAddressAnswers = everyAddressAnswers;
    long ramBytes = ram.ranges().stream().mapToLong(GuestRam.Range::bytes).sum();
    long pages = hostPages(ramBytes, config.hostPages());
    arena = NativeMemory.reserve((pages + EngineMemory.HIDDEN_PAGES) << Order.BASE_PAGE_SHIFT);
    memory = new HostMemory(arena.segment().asSlice(0, pages << Order.BASE_PAGE_SHIFT));
    engineMemory = new EngineMemory(arena.segment(), memory);
    boolean onKernel = config.hostPages().memory() == HostMemoryKind.ANONYMOUS;
    bytes = new GuestFrames(memory, engineMemory.coherence(), onKernel);
    FrameAllocator frames;
    if (onKernel) {
      Kernel linux = kernelOf(config, architecture, pages);
      linux.setStorage(bytes);
      if (config.measure() != null) {
        // Where frames lie shows there alone: as on a host that has run for long.
        linux.folios().allocator().shuffle(config.seed());
      }
      kernel = linux.counters();
      space = new KernelAddressSpace(linux, config.hostPages());
      frames = bytes.forTables(new BuddyFrames(linux.folios(), granule));
    } else {
      FirstTouchFrames.Layout layout =
          config.measure() == null
              ? FirstTouchFrames.Layout.SEQUENTIAL
              : FirstTouchFrames.Layout.SHUFFLED;
      frames = new FirstTouchFrames(pages, layout, config.seed());
      Fragmentation fragmentation = new Fragmentation(config.fragmentation(), config.seed());
      kernel = new KernelCounters();
      space = new DemandAddressSpace(bytes, frames, config.hostPages(), fragmentation, kernel);
    }
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

  /** The kernel of a host whose memory is {@code pages} of 4 KiB. */
  private static Kernel kernelOf(MachineConfig config, HostArchitecture architecture, long pages) {
    HostPagePolicy policy = config.hostPages();
    KernelConfig kernelConfig =
        KernelConfig.of(architecture, policy.granule(), pages >> policy.granule().baseOrder())
            .withThp(KernelAddressSpace.settings(policy))
            .withProfile(config.hostKernel());
    KernelPteFormat format =
        architecture == HostArchitecture.X86_64
            ? new LinuxX86Pte(Ia32ePte.FOUR_LEVEL)
            : new LinuxArm64Pte(VirtMachine.granule(policy.granule()), 48);
    return new Kernel(
        kernelConfig,
        format,
        Kernel.layout(kernelConfig)
            .withFragmentation(new Fragmentation(config.fragmentation(), config.seed())));
  }

  private static long hostPages(long guestBytes, HostPagePolicy policy) {
    long guestPages = guestBytes >>> Order.BASE_PAGE_SHIFT;
    long tables = guestPages / 256;
    if (policy.memory() == HostMemoryKind.ANONYMOUS) {
      // Watermarks, lowest zone, page tables, and what a fork copies.
      return 2 * guestPages + guestPages / 4 + 16 * SPARE_PAGES + 4L * (1L << policy.order());
    }
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

  /** Host physical memory. */
  public HostMemory memory() {
    return memory;
  }

  /** The second stage and, in it, the memory slots. */
  public Stage2Mmu stage2() {
    return stage2;
  }

  /** Guest memory as the VMM reaches it, through its own mapping. */
  public GuestPhysicalView guestMemory() {
    return guestMemory;
  }

  /** Who waits for userfaultfd from now on. */
  public void setWait(HostWait who) {
    wait = who;
  }

  /** Who is told of second-stage faults from now on. */
  public void setObserver(FaultObserver who) {
    observer = who;
  }

  /** Where bytes come from that the kernel copies from user space and reads from disk. */
  public void setSource(FrameSource source) {
    bytes.setSource(source);
  }

  /** The VMM itself stored something in a frame. */
  public void wrote(long pfn) {
    bytes.wrote(pfn);
  }

  /**
   * The address space of the VMM on the modelled kernel.
   *
   * @throws IllegalStateException if this host page policy is not backed by it
   */
  public KernelAddressSpace kernelSpace() {
    if (space instanceof KernelAddressSpace onKernel) {
      return onKernel;
    }
    throw new IllegalStateException("guest memory is not on the modelled kernel");
  }

  /**
   * The 4096 bytes of a guest page if the host has them, without bringing anything in; null if the
   * guest or the VMM never touched it.
   */
  MemorySegment peek(long gfn) {
    MemSlot slot = stage2.slots().find(gfn);
    long found = slot == null ? Translation.failure(0) : space.lookup(slot.hvaOf(gfn));
    return Translation.failed(found) ? null : memory.bytesOf(Translation.pfn(found));
  }

  @Override
  public int resolve(FaultRecord fault) {
    long gpa = fault.gpa();
    observer.begin();
    long result = stage2.fault(gpa, fault.access());
    while (Stage2Mmu.code(result) == Stage2Mmu.WAIT) {
      String dead = wait.await(gpa, Access.isWrite(fault.access()));
      if (dead != null) {
        problem = dead;
        observer.end(gpa, result);
        return HANDLER_DEAD;
      }
      result = stage2.resume(gpa, fault.access());
    }
    observer.end(gpa, result);
    int code = Stage2Mmu.code(result);
    if (events != null && code == Stage2Mmu.MAPPED) {
      events.touched(gpa);
    }
    return switch (code) {
      case Stage2Mmu.MAPPED, Stage2Mmu.RETRY -> MAPPED;
      case Stage2Mmu.MEMORY_FAULT ->
          fail("the guest's page is not what its access needs: " + stage2.memoryFault());
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
