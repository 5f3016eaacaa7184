package dev.quire.emulator.restore;

import dev.quire.emulator.machine.GuestHost;
import dev.quire.emulator.restore.HostMeter.Share;
import dev.quire.emulator.snapshot.MemoryImage;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.PreFault;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * What a VMM has at hand when it restores a guest: its process on the modelled kernel, the mapping
 * that backs guest memory, the snapshot's memory file, and books on what it does. Machine thread
 * only.
 */
final class RestoreHost {
  private static final int PAGE_SHIFT = Order.BASE_PAGE_SHIFT;
  private static final long PAGE_BYTES = 1L << PAGE_SHIFT;

  private final GuestHost host;
  private final RestoreSettings settings;
  private final KernelAddressSpace space;
  private final Process vmm;
  private final Kernel kernel;
  private final GuestLayout layout;
  private final SnapshotSource source;
  private final SnapshotBytes bytes;
  private final HostMeter meter;
  private final RestoreTimeline timeline;
  private LongSupplier instructions = () -> 0;

  /** Null where guest memory is anonymous. */
  private final OpenFile file;

  RestoreHost(
      GuestHost host, MemoryImage image, RestoreSettings settings, RestoreTimeline timeline) {
    this.host = host;
    this.settings = settings;
    this.timeline = timeline;
    space = host.kernelSpace();
    file = host.memoryFile();
    vmm = space.process();
    kernel = vmm.kernel();
    layout = layout(host.stage2().slots(), pageBytes(settings));
    meter = new HostMeter(kernel.counters(), settings.costs());
    source = new SnapshotSource(kernel, layout, image);
    bytes = new SnapshotBytes(source);
    host.setSource(bytes);
    if (settings.warm()) {
      source.warm();
    }
    if (settings.logDirty()) {
      logDirtyPages();
    }
  }

  private static long pageBytes(RestoreSettings settings) {
    return settings.hostPages().reserved()
        ? Order.bytes(settings.hostPages().order())
        : Order.bytes(settings.hostPages().granule().baseOrder());
  }

  private static GuestLayout layout(MemSlots slots, long pageBytes) {
    List<GuestLayout.Region> regions = new ArrayList<>();
    long fileOffset = 0;
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      long bytes = slot.pages() << PAGE_SHIFT;
      regions.add(
          new GuestLayout.Region(slot.baseGfn() << PAGE_SHIFT, slot.hva(), bytes, fileOffset));
      fileOffset += bytes;
    }
    return new GuestLayout(regions, pageBytes);
  }

  private void logDirtyPages() {
    MemSlots slots = host.stage2().slots();
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      host.stage2()
          .setRegion(
              slot.id(),
              slot.flags() | MemSlots.LOG_DIRTY_PAGES,
              slot.baseGfn() << PAGE_SHIFT,
              slot.pages() << PAGE_SHIFT,
              slot.hva());
    }
  }

  RestoreSettings settings() {
    return settings;
  }

  Process vmm() {
    return vmm;
  }

  Stage2Mmu stage2() {
    return host.stage2();
  }

  GuestLayout layout() {
    return layout;
  }

  SnapshotSource source() {
    return source;
  }

  HostMeter meter() {
    return meter;
  }

  GuestHost guestHost() {
    return host;
  }

  /** How many instructions the guest has retired, from now on. */
  void setInstructions(LongSupplier retired) {
    instructions = retired;
  }

  /** Modelled time since the restore began, as a clock of the guest's would show it. */
  long nowNanos() {
    return Math.round(meter.stalledNanos()) + instructions.getAsLong();
  }

  /** Notes that pages of a range of the VMM's addresses have their contents. */
  void populated(long address, long bytes, Populator by) {
    long gfn = layout.gpaOf(address) >>> PAGE_SHIFT;
    timeline.populated(gfn, (int) (bytes >>> PAGE_SHIFT), by, instructions.getAsLong(), nowNanos());
  }

  /** A vCPU's fault is served by a leaf of this order; the kernel populated it if nobody had. */
  void faulted(long gpa, int order) {
    long gfn = gpa >>> PAGE_SHIFT;
    long instruction = instructions.getAsLong();
    long now = nowNanos();
    if (!timeline.isPopulated(gfn)) {
      timeline.populated(gfn & -(1L << order), 1 << order, Populator.VCPU_FAULT, instruction, now);
    }
    timeline.faulted(gfn, instruction, now);
  }

  /** A vCPU's fault came to nothing, as the host changed meanwhile: it is taken again. */
  void retried(long gpa) {
    timeline.faulted(gpa >>> PAGE_SHIFT, instructions.getAsLong(), nowNanos());
  }

  /** Backs guest memory by the snapshot's memory file, mapped privately. */
  void backBySnapshot() {
    bytes.guestMapsFile();
    mapFile(source.file(), false);
  }

  private void mapFile(OpenFile mapped, boolean shared) {
    for (GuestLayout.Region region : layout.regions()) {
      space.map(region.address(), region.bytes(), mapped, region.fileOffset(), shared);
    }
  }

  /** write(2) of a part of the memory file to the file behind guest memory, at the same place. */
  void write(long fileOffset, long bytes) {
    source.touch(fileOffset, bytes);
    write(fileOffset, bytes, source.addressOf(fileOffset));
  }

  /** write(2) to the file behind guest memory, of bytes that are mapped. */
  void write(long fileOffset, long bytes, long userAddress) {
    long written = file.write(fileOffset, bytes, userAddress);
    if (written != bytes) {
      throw new IllegalStateException(
          "write of 0x%x bytes at 0x%x of guest memory gives %d"
              .formatted(bytes, fileOffset, written));
    }
  }

  /**
   * memcpy by a process that maps the same memory: faults in what is not there, then stores.
   *
   * @param in the process, by its mappings
   * @param address of the destination in it
   * @param userAddress of the contents, mapped
   */
  void memcpy(KernelAddressSpace in, long address, long userAddress, long bytes) {
    for (long done = 0; done < bytes; done += kernel.pageBytes()) {
      int signal = in.process().touch(address + done, true);
      if (signal != UserSignal.NONE) {
        throw new IllegalStateException(
            "the store to 0x%x ends with signal %d".formatted(address + done, signal));
      }
      for (long part = 0; part < kernel.pageBytes(); part += PAGE_BYTES) {
        store(in.lookup(address + done + part), userAddress + done + part);
      }
    }
    meter.add(HostWork.USER_PAGE_COPY, bytes >>> PAGE_SHIFT);
  }

  /** A page of 4 KiB that the kernel has cleared, unless something was there before. */
  private void store(long found, long userAddress) {
    if (Translation.failed(found)) {
      throw new IllegalStateException("nothing is mapped after a store");
    }
    long pfn = Translation.pfn(found);
    MemorySegment bytes = host.memory().arena().asSlice(pfn << PAGE_SHIFT, PAGE_BYTES);
    if (!source.isZero(userAddress)) {
      source.read(userAddress, bytes);
      host.wrote(pfn);
    }
  }

  /** memcpy by the VMM out of the memory file, into guest memory. */
  void memcpy(long address, long fileOffset, long bytes) {
    source.touch(fileOffset, bytes);
    memcpy(space, address, source.addressOf(fileOffset), bytes);
  }

  /** A process of its own that maps the file behind guest memory, at the file's offsets. */
  KernelAddressSpace mapElsewhere(long address) {
    KernelAddressSpace other = new KernelAddressSpace(kernel, settings.hostPages());
    other.map(address, layout.bytes(), file, 0, true);
    return other;
  }

  /** madvise(MADV_POPULATE_WRITE) of all of guest memory. */
  void populateWrite() {
    for (GuestLayout.Region region : layout.regions()) {
      long result = vmm.madvise(region.address(), region.bytes(), Mman.MADV_POPULATE_WRITE);
      if (result != 0) {
        throw new IllegalStateException("MADV_POPULATE_WRITE gives " + result);
      }
    }
  }

  /** KVM_PRE_FAULT_MEMORY of all of guest memory. */
  void preFault() {
    for (GuestLayout.Region region : layout.regions()) {
      long before = leaves();
      PreFault result = stage2().preFault(region.gpa(), region.bytes(), 0);
      if (result.result() != 0 || result.bytes() != 0) {
        throw new IllegalStateException("KVM_PRE_FAULT_MEMORY gives " + result);
      }
      meter.add(HostWork.STAGE2_LEAF, leaves() - before);
    }
  }

  private long leaves() {
    long sum = 0;
    for (long leaves : stage2().counters().leavesInstalled()) {
      sum += leaves;
    }
    return sum;
  }

  /** What a loader does with memory, part by part; each part is populated then. */
  interface Part {
    void load(GuestLayout.Region region, long offset, long bytes);
  }

  /** Goes through guest memory in batches, the work and its result on the books. */
  void eachBatch(Part part) {
    Share before = meter.enter(Share.EAGER);
    long batchBytes = settings.batchPages() * kernel.pageBytes();
    for (GuestLayout.Region region : layout.regions()) {
      for (long offset = 0; offset < region.bytes(); offset += batchBytes) {
        long bytes = Math.min(batchBytes, region.bytes() - offset);
        part.load(region, offset, bytes);
        populated(region.address() + offset, bytes, Populator.EAGER);
      }
    }
    meter.enter(before);
  }
}
