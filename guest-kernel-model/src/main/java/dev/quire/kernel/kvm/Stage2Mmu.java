package dev.quire.kernel.kvm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.kernel.kvm.MemSlots.Outcome;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostAddressSpace;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.mmu.Access;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.Translation;

/**
 * The host's answer to second-stage faults: memory slot to host address, host address to frame,
 * frame to a leaf of the largest size that Linux's KVM would install (Linux v6.18
 * arch/x86/kvm/mmu/mmu.c, kvm_tdp_page_fault; arch/arm64/kvm/mmu.c, user_mem_abort).
 *
 * <p>Used on the machine's executor thread; {@link #fault} allocates nothing but table frames and
 * what the host address space needs. Other threads hand their unmaps to that thread.
 */
public final class Stage2Mmu implements AutoCloseable {
  /** The address is mapped now (or was): run the access again. */
  public static final int MAPPED = 0;

  /** No slot holds the address: a device, or nothing. */
  public static final int MMIO = 1;

  /** A write to a read-only slot, which KVM hands out as MMIO. */
  public static final int READONLY_MMIO = 2;

  /** A host mapping went while the fault was served: run the access again. */
  public static final int RETRY = 3;

  /** Host memory has no frame left. */
  public static final int OUT_OF_MEMORY = 4;

  /** The slot's host address is not mapped (EFAULT). */
  public static final int BAD_HOST_ADDRESS = 5;

  /** The page waits for user space (userfaultfd): run the access again once it has answered. */
  public static final int WAIT = 6;

  /** KVM_EXIT_MEMORY_FAULT: {@link #memoryFault} says what user space has to put right. */
  public static final int MEMORY_FAULT = 7;

  private static final int ORDER_SHIFT = 8;

  private final MemSlots slots;
  private final HostAddressSpace space;
  private final PteFormat format;
  private final boolean contiguousLeaves;
  private final Stage2Counters counters = new Stage2Counters();
  private final Stage2Tables tables;
  private final Stage2Removals removals;
  private final HostInvalidations invalidations;
  private final DirtyLogs dirtyLogs;
  private final PreFaulting preFaulting = new PreFaulting(this);
  private MemoryFault memoryFault;

  /** Null where all memory is shared. */
  private MemoryAttributes attributes;

  /** A second stage as Linux's KVM builds it. */
  public Stage2Mmu(
      MemSlots slots,
      HostAddressSpace space,
      HostMemory memory,
      FrameAllocator frames,
      PteFormat format) {
    this(slots, space, memory, frames, format, false);
  }

  /**
   * @param contiguousLeaves a what-if that Linux's KVM does not do: base leaves of a folio that
   *     holds a whole contiguous group are installed as a group, with the contiguous bit
   */
  public Stage2Mmu(
      MemSlots slots,
      HostAddressSpace space,
      HostMemory memory,
      FrameAllocator frames,
      PteFormat format,
      boolean contiguousLeaves) {
    this.slots = slots;
    this.contiguousLeaves = contiguousLeaves;
    this.space = space;
    this.format = format;
    int unit = contiguousLeaves ? format.contiguousOrder(0) : 0;
    this.tables = new Stage2Tables(memory, frames, format, counters, unit);
    this.removals = new Stage2Removals(tables, counters);
    this.invalidations = new HostInvalidations(slots, tables, removals);
    this.dirtyLogs = new DirtyLogs(slots, tables, removals);
    if (slots.gfnLimit() > tables.gfnSpan()) {
      throw new IllegalArgumentException(
          "gfns up to 0x%x do not fit second-stage tables that cover 0x%x"
              .formatted(slots.gfnLimit(), tables.gfnSpan()));
    }
    if (format.leafOrder(0) != slots.baseOrder()) {
      throw new IllegalArgumentException(
          "leaves of order %d under slots of pages of order %d"
              .formatted(format.leafOrder(0), slots.baseOrder()));
    }
    space.addNotifier(invalidations);
  }

  /** A pre-fault maps a page, or finds it mapped. */
  void countPreFault() {
    counters.preFaults++;
  }

  /** The pfn of the root table, for EPTP or VTTBR_EL2. */
  public long root() {
    return tables.root();
  }

  public MemSlots slots() {
    return slots;
  }

  /** This VM as its guest_memfd files know it. */
  public GuestMemfdUser guestMemfdUser() {
    return invalidations;
  }

  /** The slots' logs of written pages. */
  public DirtyLogs dirtyLogs() {
    return dirtyLogs;
  }

  /** Adds who must drop translations when entries go. */
  public void addListener(Stage2Listener listener) {
    removals.addListener(listener);
  }

  public Stage2Counters.Snapshot counters() {
    return counters.snapshot(space.residentPages());
  }

  /** How many leaves of an order there are now. */
  public long leaves(int order) {
    return counters.leaves[order];
  }

  /** The code of a {@link #fault}'s result: one of the constants above. */
  public static int code(long result) {
    return (int) result & 0xff;
  }

  /** The order of the leaf installed, of a result {@link #MAPPED}. */
  public static int order(long result) {
    return (int) (result >>> ORDER_SHIFT);
  }

  /**
   * Serves a second-stage fault.
   *
   * @param access {@link Access}, also of a table entry
   * @return a packed result, see {@link #code} and {@link #order}
   */
  public long fault(long gpa, int access) {
    counters.faults++;
    return serve(gpa, access);
  }

  /**
   * Goes on with a fault that ended with {@link #WAIT}, now that it was resolved: in Linux that is
   * one fault, which slept in get_user_pages.
   */
  public long resume(long gpa, int access) {
    return serve(gpa, access);
  }

  /** A fault that nobody counts as a vCPU's. */
  long serve(long gpa, int access) {
    long gfn = gpa >>> Order.BASE_PAGE_SHIFT;
    MemSlot slot = slots.find(gfn);
    boolean isPrivate = attributes != null && attributes.isPrivate(gfn);
    if (isPrivate || slot != null && slot.isGuestMemfdOnly()) {
      return serveFromFile(slot, gfn, isPrivate, Access.isWrite(access));
    }
    if (slot == null) {
      counters.mmioExits++;
      return MMIO;
    }
    boolean write = Access.isWrite(access);
    if (write && slot.isReadonly()) {
      counters.readonlyExits++;
      return READONLY_MMIO;
    }
    long sequence = invalidations.sequence();
    long host = space.fault(slot.hvaOf(gfn), write);
    if (Translation.failed(host)) {
      return failed(Translation.kind(host));
    }
    if (invalidations.staleSince(sequence)) {
      counters.retries++;
      return RETRY;
    }
    return install(slot, gfn, host, write);
  }

  /** kvm_mmu_faultin_pfn_gmem: the page comes from the slot's guest_memfd, whatever its hva is. */
  private long serveFromFile(MemSlot slot, long gfn, boolean isPrivate, boolean write) {
    GuestMemfd file = slot == null ? null : slot.guestMemfd();
    if (file == null || !file.isOpen()) {
      return memoryFault(gfn, isPrivate, Errno.EFAULT);
    }
    long page = file.guestPage(slot.pgoffOf(gfn));
    if (page == GuestMemfd.POISONED) {
      return memoryFault(gfn, isPrivate, Errno.EHWPOISON);
    }
    if (page < 0) {
      counters.failures++;
      return OUT_OF_MEMORY;
    }
    int base = slots.baseOrder();
    long pfn = (page << base) + (gfn & (1L << base) - 1);
    long result = install(slot, gfn, Translation.of(pfn, Protection.ALL, base, base), write);
    file.putGuestPage(page);
    return result;
  }

  private long memoryFault(long gfn, boolean isPrivate, int error) {
    counters.memoryFaults++;
    int order = slots.baseOrder();
    memoryFault =
        new MemoryFault(
            isPrivate ? MemoryFault.PRIVATE : 0,
            (gfn & -(1L << order)) << Order.BASE_PAGE_SHIFT,
            Order.bytes(order),
            error);
    return MEMORY_FAULT;
  }

  private int failed(int kind) {
    if (kind == HostAddressSpace.MUST_WAIT) {
      counters.waits++;
      return WAIT;
    }
    counters.failures++;
    return kind == HostAddressSpace.OUT_OF_MEMORY ? OUT_OF_MEMORY : BAD_HOST_ADDRESS;
  }

  /**
   * KVM_PRE_FAULT_MEMORY: maps a range as read faults of a vCPU would (Linux v6.18
   * virt/kvm/kvm_main.c, kvm_vcpu_pre_fault_memory). Copies nothing on write, and marks nothing
   * accessed.
   *
   * @param flags none are known
   */
  public PreFault preFault(long gpa, long bytes, long flags) {
    return preFaulting.begin(gpa, bytes, flags);
  }

  /**
   * Answers as a KVM that shadows the guest's own tables, as in a virtual machine without nested
   * paging: nothing can be pre-faulted.
   */
  public void withoutTwoDimensionalPaging() {
    preFaulting.refuse();
  }

  /** Goes on with a call that slept in a userfaultfd. */
  public PreFault preFault(PreFault soFar) {
    return preFaulting.goOn(soFar);
  }

  /**
   * Makes this a VM whose memory can be private (KVM_CREATE_VM of KVM_X86_SW_PROTECTED_VM).
   *
   * @return 0, or -EINVAL from a kernel without memory attributes
   */
  public long allowPrivateMemory(KernelProfile kernel) {
    if (!kernel.memoryAttributes()) {
      return -Errno.EINVAL;
    }
    attributes = attributes == null ? new MemoryAttributes() : attributes;
    return 0;
  }

  /** Whether memory can be private: what KVM_CAP_MEMORY_ATTRIBUTES of the VM says. */
  public boolean hasPrivateMemory() {
    return attributes != null;
  }

  /**
   * KVM_SET_MEMORY_ATTRIBUTES of a VM that has them; drops the entries that become wrong.
   *
   * @param newAttributes {@link MemoryAttributes#PRIVATE} or 0
   * @return 0 or -EINVAL
   */
  public long setMemoryAttributes(long gpa, long bytes, long newAttributes, long flags) {
    long known = attributes == null ? 0 : MemoryAttributes.PRIVATE;
    if (flags != 0
        || (newAttributes & ~known) != 0
        || bytes == 0
        || Long.compareUnsigned(gpa + bytes, gpa) < 0
        || ((gpa | bytes) & Order.offsetMask(slots.baseOrder())) != 0) {
      return -Errno.EINVAL;
    }
    if (attributes != null) {
      long first = gpa >>> Order.BASE_PAGE_SHIFT;
      long end = first + (bytes >>> Order.BASE_PAGE_SHIFT);
      boolean isPrivate = newAttributes != 0;
      if (attributes.isPrivate(first) != isPrivate || !attributes.isUniform(first, end - 1)) {
        invalidations.begin();
        unmap(first, end - first);
        attributes.set(first, end, isPrivate);
        invalidations.end();
      }
    }
    return 0;
  }

  /** What the last result {@link #MEMORY_FAULT} was about. */
  public MemoryFault memoryFault() {
    return memoryFault;
  }

  /** KVM_SET_USER_MEMORY_REGION: see {@link MemSlots#set}; drops the entries it makes wrong. */
  public Outcome setRegion(int id, int flags, long gpa, long bytes, long hva) {
    return setRegion(id, flags, gpa, bytes, hva, null, 0);
  }

  /** KVM_SET_USER_MEMORY_REGION2: with {@link MemSlots#GUEST_MEMFD} bound to a file of this VM. */
  public Outcome setRegion(
      int id, int flags, long gpa, long bytes, long hva, GuestMemfd file, long offset) {
    MemSlot old = slots.byId(id);
    Outcome outcome = slots.set(id, flags, gpa, bytes, hva, file, offset, invalidations);
    switch (outcome) {
      // FLAGS_CHANGED: logging starts with write-protected base pages, and ends with large ones.
      case DELETED, MOVED, FLAGS_CHANGED -> unmap(old.baseGfn(), old.pages());
      case CREATED, UNCHANGED, INVALID, OUT_OF_RANGE, OVERLAP, NO_FILE -> {}
    }
    return outcome;
  }

  /** Removes the leaves that map any of these gfns; the host's own mappings stay. */
  public void unmap(long firstGfn, long pages) {
    tables.remove(firstGfn, firstGfn + pages);
    removals.finish();
  }

  private long install(MemSlot slot, long gfn, long host, boolean write) {
    int rights = Translation.rights(host);
    if (slot.isReadonly() || slot.logsDirtyPages() && !write) {
      rights &= ~Protection.WRITE;
    }
    int level = leafLevel(slot, gfn, Translation.stage1Order(host));
    boolean group = contiguousLeaves && level == 0 && mayGroup(slot, gfn, host);
    int outcome =
        group
            ? tables.installGroup(gfn, Translation.pfn(host), rights)
            : tables.install(gfn, Translation.pfn(host), level, rights);
    removals.finish();
    if (outcome == Stage2Tables.OUT_OF_MEMORY) {
      counters.failures++;
      return OUT_OF_MEMORY;
    }
    if (outcome == Stage2Tables.SPURIOUS) {
      counters.spuriousFaults++;
    }
    if (write) {
      dirtyLogs.markDirty(slot, gfn);
    }
    return MAPPED | (long) format.leafOrder(level) << ORDER_SHIFT;
  }

  /**
   * The largest leaf that the host's own mapping, the slot's ends and the offset of gfn to host
   * address allow; base pages while dirty pages are logged.
   */
  private int leafLevel(MemSlot slot, long gfn, int hostOrder) {
    if (slot.logsDirtyPages()) {
      return 0;
    }
    for (int level = format.rootLevel(); level > 0; level--) {
      int order = format.leafOrder(level);
      if (format.leafAllowed(level)
          && order <= hostOrder
          && fits(slot, gfn, order)
          && isUniform(gfn, order)) {
        return level;
      }
    }
    return 0;
  }

  /** Whether a large leaf holds no private pages beside shared ones. */
  private boolean isUniform(long gfn, int order) {
    long mask = (1L << order) - 1;
    return attributes == null || attributes.isUniform(gfn & ~mask, gfn | mask);
  }

  /** Whether the folio and the slot hold the whole contiguous group around {@code gfn}. */
  private boolean mayGroup(MemSlot slot, long gfn, long host) {
    int order = format.contiguousOrder(0);
    return !slot.logsDirtyPages() && order <= Translation.order(host) && fits(slot, gfn, order);
  }

  /** Whether the slot holds the aligned range, equally aligned in guest and host addresses. */
  private static boolean fits(MemSlot slot, long gfn, int order) {
    long mask = (1L << order) - 1;
    long offset = gfn ^ slot.hvaOf(gfn) >>> Order.BASE_PAGE_SHIFT;
    return (offset & mask) == 0 && slot.contains(gfn & ~mask) && slot.contains(gfn | mask);
  }

  /** The VM ends: its slots and tables go, and nobody is told of anything any more. */
  @Override
  public void close() {
    space.removeNotifier(invalidations);
    removals.forgetListeners();
    while (slots.count() > 0) {
      setRegion(slots.at(0).id(), 0, 0, 0, 0);
    }
    tables.free();
  }
}
