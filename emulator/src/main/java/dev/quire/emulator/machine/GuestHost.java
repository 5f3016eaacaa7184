package dev.quire.emulator.machine;

import dev.quire.bindings.NativeMemory;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.kvm.GuestPhysicalView;
import dev.quire.kernel.kvm.HostEventInjector;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.BuddyFrames;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.page.Fragmentation;
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
  private final Kernel kernel;
  private final ModelledFiles files;
  private final KernelAddressSpace space;
  private final GuestFrames bytes;
  private final Stage2Mmu stage2;

  /** Null if guest memory is anonymous. */
  private final OpenFile memoryFile;

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
    bytes = new GuestFrames(memory, engineMemory.coherence());
    kernel = kernelOf(config, architecture, pages);
    kernel.setStorage(bytes);
    files = ModelledFiles.of(kernel);
    kernel.setFileSystems(files);
    if (config.measure() != null) {
      // Where frames lie shows there alone: as on a host that has run for long.
      kernel.folios().allocator().shuffle(config.seed());
    }
    space = new KernelAddressSpace(kernel, config.hostPages());
    FrameAllocator frames = bytes.forTables(new BuddyFrames(kernel.folios(), granule));
    MemSlots slots = new MemSlots(SLOT_LIMIT, PHYSICAL_BITS, granule.baseOrder());
    stage2 = new Stage2Mmu(slots, space, memory, frames, format, config.hostPages().contpte());
    guestMemory = new GuestPhysicalView(slots, space, memory);
    events =
        config.hostEvents() == null
            ? null
            : new HostEventInjector(config.hostEvents(), space, stage2);
    memoryFile = openMemory(config.hostPages().memory(), ramBytes);
    long offset = 0;
    for (GuestRam.Range range : ram.ranges()) {
      addRam(range.gpa(), range.bytes(), offset);
      offset += range.bytes();
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
    // Reserved pages were set aside at boot.
    Fragmentation fragmentation =
        policy.reserved()
            ? Fragmentation.NONE
            : new Fragmentation(config.fragmentation(), config.seed());
    return new Kernel(
        kernelConfig, format, Kernel.layout(kernelConfig).withFragmentation(fragmentation));
  }

  private static long hostPages(long guestBytes, HostPagePolicy policy) {
    long guestPages = guestBytes >>> Order.BASE_PAGE_SHIFT;
    // What a fork copies of anonymous memory, or a file that memory is restored from; watermarks,
    // the lowest zone, page tables.
    return 2 * guestPages + guestPages / 4 + 16 * SPARE_PAGES + (4L << policy.order());
  }

  /** The file of all guest memory, or null if it is anonymous. */
  private OpenFile openMemory(HostMemoryKind kind, long bytes) {
    if (kind != HostMemoryKind.GUEST_MEMFD) {
      return space.open(bytes);
    }
    int flags = GuestMemfd.MMAP | GuestMemfd.INIT_SHARED;
    return files.guestMemfd(stage2.guestMemfdUser(), bytes >>> kernel.pageShift(), flags);
  }

  /**
   * Gives the guest RAM at {@code gpa}, backed on demand.
   *
   * @param offset of these bytes in the file of guest memory
   */
  private void addRam(long gpa, long bytes, long offset) {
    if (memoryFile == null) {
      space.map(nextHva, bytes);
    } else {
      space.map(nextHva, bytes, memoryFile, offset, true);
    }
    // KVM takes pages of a guest_memfd from the file itself; the mapping is the VMM's own.
    GuestMemfd bound = memoryFile instanceof GuestMemfd file ? file : null;
    int flags = bound == null ? 0 : MemSlots.GUEST_MEMFD;
    require(stage2.setRegion(nextSlot++, flags, gpa, bytes, nextHva, bound, offset), gpa);
    nextHva += bytes + Order.bytes(Order.SIZE_1G) & -Order.bytes(Order.SIZE_1G);
  }

  /**
   * Has the guest's faults go through the VMM's mapping, where userfaultfd sees them, and not
   * straight to the guest_memfd: its slots are made anew without it.
   */
  public void reachMemoryThroughMapping() {
    MemSlots slots = stage2.slots();
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      if (slot.guestMemfd() != null) {
        long gpa = slot.baseGfn() << Order.BASE_PAGE_SHIFT;
        stage2.setRegion(slot.id(), 0, 0, 0, 0);
        long bytes = slot.pages() << Order.BASE_PAGE_SHIFT;
        require(stage2.setRegion(slot.id(), 0, gpa, bytes, slot.hva()), gpa);
      }
    }
  }

  /** The file of guest memory, its slots one behind the other; null if memory is anonymous. */
  public OpenFile memoryFile() {
    return memoryFile;
  }

  private static void require(MemSlots.Outcome outcome, long gpa) {
    if (outcome != MemSlots.Outcome.CREATED) {
      throw new IllegalStateException("no memory slot at gpa 0x%x: %s".formatted(gpa, outcome));
    }
  }

  /** What the host's kernel counted, by Linux's names. */
  Map<String, Long> kernelCounts() {
    return kernel.counters().snapshot().named(Order.shift(granule.baseOrder()));
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

  /** The address space of the VMM on the modelled kernel. */
  public KernelAddressSpace kernelSpace() {
    return space;
  }

  /**
   * The 4096 bytes of a guest page if the host has them, without bringing anything in; null if the
   * guest or the VMM never touched it.
   */
  MemorySegment peek(long gfn) {
    MemSlot slot = stage2.slots().find(gfn);
    long found = slot == null ? Translation.failure(0) : space.peek(slot.hvaOf(gfn));
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
