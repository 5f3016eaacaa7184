package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The address space of a VMM on a modelled kernel: guest memory is memory of that process of the
 * policy's kind (private anonymous memory, a memfd, a guest_memfd), and what KVM faults in goes
 * through the kernel's own fault handler (get_user_pages). Used on the machine's executor thread.
 */
public final class KernelAddressSpace implements GuestBacking {
  /** FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE. */
  private static final int PUNCH_HOLE = 3;

  private final Kernel kernel;
  private final KernelPteFormat format;
  private final HostPagePolicy policy;
  private final Process vmm;
  private final int baseOrder;

  private final HostMemoryEvents events;
  private final List<VmmMapping> mappings = new ArrayList<>();

  /**
   * @param kernel configured as {@link #settings} says
   */
  public KernelAddressSpace(Kernel kernel, HostPagePolicy policy) {
    this(kernel, kernel.spawn(), policy);
  }

  /** The address space of a process that maps its memory itself. */
  public KernelAddressSpace(Process vmm) {
    this(vmm.kernel(), vmm, HostPagePolicy.base(vmm.kernel().config().granule()));
  }

  private KernelAddressSpace(Kernel kernel, Process vmm, HostPagePolicy policy) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.policy = policy;
    this.vmm = vmm;
    this.events = new VmmEvents(kernel, policy, this);
    this.baseOrder = policy.granule().baseOrder();
  }

  /** How a kernel is set up that backs anonymous memory by this policy. */
  public static ThpSettings settings(HostPagePolicy policy) {
    Map<Integer, ThpMode> modes = new TreeMap<>();
    int base = policy.granule().baseOrder();
    for (int order = base + 1; order <= policy.order(); order++) {
      if ((policy.folioOrders() >>> order & 1) != 0) {
        modes.put(order - base, ThpMode.ALWAYS);
      }
    }
    return new ThpSettings(
        ThpMode.NEVER, modes, ShmemThpMode.NEVER, Map.of(), true, ThpDefrag.MADVISE);
  }

  /** {@inheritDoc} Memory of a file is a new file of that size, mapped shared. */
  @Override
  public void map(long hva, long bytes) {
    OpenFile file = open(bytes);
    if (file == null) {
      map(new VmmMapping(hva, bytes, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, null, 0));
    } else {
      map(hva, bytes, file, 0, true);
      // The mapping holds it.
      file.put();
    }
  }

  /**
   * A new file for so much guest memory; null if the policy's memory is of no file.
   *
   * @throws IllegalStateException if the host cannot set huge pages aside for it
   */
  public OpenFile open(long bytes) {
    long pages = bytes >>> kernel.pageShift();
    return switch (policy.memory()) {
      case ANONYMOUS -> null;
      case SHMEM -> Objects.requireNonNull(vmm.open(FileKind.MEMFD, pages));
      case GUEST_MEMFD -> Objects.requireNonNull(vmm.open(FileKind.GUEST_MEMFD, pages));
      case HUGETLB -> openReserved(bytes);
    };
  }

  /** Sets the huge pages aside first, as an administrator does. */
  private OpenFile openReserved(long bytes) {
    HugetlbSize size = kernel.hugetlb().size(Order.bytes(policy.order()));
    long whole = size.alignUp(bytes);
    long wanted = size.pool().total() + whole / size.bytes();
    long got = size.pool().resize(wanted);
    if (got < wanted) {
      throw new IllegalStateException(
          "the host sets %d huge pages aside, not the %d of %s".formatted(got, wanted, policy));
    }
    return Objects.requireNonNull(vmm.openHugetlb(size.bytes(), whole >>> kernel.pageShift()));
  }

  /**
   * Maps a part of a file, readable and writable, over what was mapped there.
   *
   * @param offset in bytes
   * @param shared MAP_SHARED; else MAP_PRIVATE, whose writes are copies
   */
  public void map(long hva, long bytes, OpenFile file, long offset, boolean shared) {
    int sharing = shared ? Mman.MAP_SHARED : Mman.MAP_PRIVATE;
    long page = policy.reserved() && shared ? Order.bytes(policy.order()) : kernel.pageBytes();
    map(new VmmMapping(hva, bytes + page - 1 & -page, sharing, file, offset));
  }

  private void map(VmmMapping mapping) {
    long result = mapping.mapAt(vmm);
    if (result != mapping.hva()) {
      throw new IllegalArgumentException(mapping + ": mmap gives " + result);
    }
    mappings.removeIf(mapping::covers);
    mappings.addFirst(mapping);
  }

  /** The process of the VMM, whose memory this is. */
  public Process process() {
    return vmm;
  }

  /** The mapping with an address. */
  VmmMapping mappingOf(long hva) {
    for (VmmMapping mapping : mappings) {
      if (mapping.contains(hva)) {
        return mapping;
      }
    }
    throw new IllegalArgumentException("hva 0x%x is not mapped".formatted(hva));
  }

  /** {@inheritDoc} Of a file it is a hole that is punched. */
  @Override
  public void discard(long hva, long bytes) {
    VmmMapping mapping = mappingOf(hva);
    long result =
        mapping.file() == null
            ? vmm.madvise(hva, bytes, Mman.MADV_DONTNEED)
            : mapping.file().fallocate(PUNCH_HOLE, mapping.offsetOf(hva), bytes);
    if (result != 0) {
      throw new IllegalArgumentException(
          "discarding 0x%x bytes at 0x%x gives %d".formatted(bytes, hva, result));
    }
  }

  @Override
  public long fault(long hva, boolean write) {
    long found = lookup(hva);
    if (!Translation.failed(found) && (!write || isWritable(found))) {
      return found;
    }
    int signal = vmm.touchInKernel(hva, write, 1);
    if (signal != UserSignal.NONE) {
      return Translation.failure(failure(signal));
    }
    return lookup(hva);
  }

  private static int failure(int signal) {
    return switch (signal) {
      case UserSignal.OOM_KILLED -> OUT_OF_MEMORY;
      case UserSignal.BLOCKED -> MUST_WAIT;
      default -> NOT_MAPPED;
    };
  }

  private static boolean isWritable(long translation) {
    return (Translation.rights(translation) & Protection.WRITE) != 0;
  }

  @Override
  public long lookup(long hva) {
    PageTables tables = vmm.mm().tables();
    if (hva < 0 || hva >= kernel.taskSize()) {
      return Translation.failure(NOT_MAPPED);
    }
    PageTable pmd = tables.pmd(hva);
    if (pmd == null) {
      PageTable pud = format.hardware().leafAllowed(2) ? tables.table(hva, 2) : null;
      return pud == null ? Translation.failure(NOT_MAPPED) : large(pud, hva);
    }
    int index = tables.pmdIndex(hva);
    return tables.isTable(pmd, index)
        ? page(pmd.below[index], tables.pteIndex(hva), hva)
        : large(pmd, hva);
  }

  /**
   * As {@link #lookup}, of pages too that are in the file behind the address and that no entry of
   * the VMM maps: after an unmap, or because only the guest touched them.
   */
  public long peek(long hva) {
    long found = lookup(hva);
    VmmMapping mapping = Translation.failed(found) ? mappingOf(hva) : null;
    if (mapping == null || !mapping.isShared()) {
      return found;
    }
    OpenFile file = mapping.file();
    long pgoff = mapping.offsetOf(hva) >>> kernel.pageShift();
    if (!file.cached(pgoff)) {
      return found;
    }
    long folio = file.hugeFolio(pgoff);
    long page = folio + pgoff - kernel.frames().index(folio);
    long inPage = (hva & kernel.pageBytes() - 1) >>> Order.BASE_PAGE_SHIFT;
    return Translation.of((page << baseOrder) + inPage, Protection.READ, baseOrder, baseOrder);
  }

  private long large(PageTable table, long hva) {
    PteFormat hardware = format.hardware();
    long entry = table.entries[hardware.index(hva, table.level)];
    int order = hardware.leafOrder(table.level);
    return entry == 0 || !hardware.isLeaf(entry, table.level)
        ? Translation.failure(NOT_MAPPED)
        : translation(format.pfn(entry, table.level), hva, order, entry, order, order);
  }

  private long page(PageTable table, int index, long hva) {
    long entry = table.entries[index];
    if (entry == 0 || !format.hardware().isPresent(entry)) {
      return Translation.failure(NOT_MAPPED);
    }
    int folioOrder = policy.contpte() ? wholeOrder(table, index) : baseOrder;
    return translation(format.pfn(entry, 0), hva, baseOrder, entry, folioOrder, baseOrder);
  }

  private long translation(
      long firstPfn, long hva, int leafOrder, long entry, int folioOrder, int mappedOrder) {
    long pfn = firstPfn + ((hva & Order.offsetMask(leafOrder)) >>> Order.BASE_PAGE_SHIFT);
    int rights = Protection.READ | Protection.EXEC;
    rights |= format.isWritable(entry) ? Protection.WRITE : 0;
    return Translation.of(pfn, rights, folioOrder, mappedOrder);
  }

  /** The order of the aligned part of the folio at an entry that is mapped as a whole. */
  private int wholeOrder(PageTable table, int index) {
    FrameTable frames = kernel.frames();
    long frame = kernel.ptes().frame(table.entries[index]);
    int order = frames.order(frames.folioOf(frame));
    while (order > 0 && !isWhole(table, index, frame, order)) {
      order--;
    }
    return order + baseOrder;
  }

  private boolean isWhole(PageTable table, int index, long frame, int order) {
    int first = index & -(1 << order);
    long firstFrame = frame & -(1L << order);
    if (first + (1 << order) > table.entries.length || index - first != frame - firstFrame) {
      return false;
    }
    for (int i = 0; i < 1 << order; i++) {
      long entry = table.entries[first + i];
      if (entry == 0
          || !format.hardware().isPresent(entry)
          || kernel.ptes().frame(entry) != firstFrame + i
          || format.isWritable(entry) != format.isWritable(table.entries[index])) {
        return false;
      }
    }
    return true;
  }

  @Override
  public long residentPages() {
    long pages = vmm.anonPages();
    OpenFile last = null;
    for (VmmMapping mapping : mappings) {
      if (mapping.file() != null && mapping.file() != last) {
        pages += mapping.isShared() ? mapping.file().cachedPages() : vmm.filePages();
        last = mapping.file();
      }
    }
    return pages << baseOrder;
  }

  @Override
  public void addNotifier(MmuNotifier notifier) {
    vmm.addNotifier(notifier);
  }

  @Override
  public void removeNotifier(MmuNotifier notifier) {
    vmm.removeNotifier(notifier);
  }

  @Override
  public boolean unmap(long hva, long bytes) {
    return events.unmap(hva, bytes);
  }

  @Override
  public boolean writeProtect(long hva, long bytes) {
    return events.writeProtect(hva, bytes);
  }

  @Override
  public boolean splitMapping(long hva) {
    return events.splitMapping(hva);
  }

  @Override
  public boolean split(long hva) {
    return events.split(hva);
  }

  @Override
  public boolean migrate(long hva) {
    return events.migrate(hva);
  }

  @Override
  public boolean collapse(long hva) {
    return events.collapse(hva);
  }
}
