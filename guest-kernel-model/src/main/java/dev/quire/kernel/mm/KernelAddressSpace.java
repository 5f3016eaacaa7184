package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The address space of a VMM on a modelled kernel: guest memory is private anonymous memory of that
 * process, and what KVM faults in goes through the kernel's own fault handler (get_user_pages).
 * Used on the machine's executor thread.
 *
 * <p>A host event is brought about as user space or the kernel would: mprotect there and back, a
 * fork, folio split, migration, MADV_COLLAPSE.
 */
public final class KernelAddressSpace implements GuestBacking {
  private static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;

  private final Kernel kernel;
  private final KernelPteFormat format;
  private final HostPagePolicy policy;
  private final Process vmm;
  private final FolioMigration migration;
  private final int baseOrder;
  private final int pmdOrder;

  /** The child that shares what is write-protected; null before the first. */
  private Process child;

  /** Start and bytes of each mapping. */
  private final List<long[]> mappings = new ArrayList<>();

  /**
   * @param kernel configured as {@link #settings} says
   */
  public KernelAddressSpace(Kernel kernel, HostPagePolicy policy) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.policy = policy;
    this.vmm = kernel.spawn();
    this.migration = new FolioMigration(kernel);
    this.baseOrder = policy.granule().baseOrder();
    this.pmdOrder = policy.granule().pmdOrder();
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

  @Override
  public void map(long hva, long bytes) {
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_NORESERVE | Mman.MAP_FIXED;
    long result = vmm.mmap(hva, bytes, READ_WRITE, flags, null, 0);
    if (result != hva) {
      throw new IllegalArgumentException(
          "mmap of 0x%x bytes at 0x%x gives %d".formatted(bytes, hva, result));
    }
    mappings.add(new long[] {hva, bytes});
  }

  /** The process of the VMM, whose memory this is. */
  public Process process() {
    return vmm;
  }

  /**
   * Maps a part of a file, readable and writable.
   *
   * @param shared MAP_SHARED; else MAP_PRIVATE, whose writes are copies
   * @param offset in bytes
   */
  public void map(long hva, long bytes, OpenFile file, long offset, boolean shared) {
    int flags = (shared ? Mman.MAP_SHARED : Mman.MAP_PRIVATE) | Mman.MAP_FIXED;
    long result = vmm.mmap(hva, bytes, READ_WRITE, flags | Mman.MAP_NORESERVE, file, offset);
    if (result != hva) {
      throw new IllegalArgumentException(
          "mmap of 0x%x bytes of %s at 0x%x gives %d".formatted(bytes, file.kind(), hva, result));
    }
    mappings.add(new long[] {hva, bytes});
  }

  @Override
  public void discard(long hva, long bytes) {
    long result = vmm.madvise(hva, bytes, Mman.MADV_DONTNEED);
    if (result != 0) {
      throw new IllegalArgumentException(
          "MADV_DONTNEED of 0x%x bytes at 0x%x gives %d".formatted(bytes, hva, result));
    }
  }

  @Override
  public long fault(long hva, boolean write) {
    long found = lookup(hva);
    if (!Translation.failed(found) && (!write || isWritable(found))) {
      return found;
    }
    int signal = vmm.touch(hva, write);
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
    PageTable pmd = hva < 0 || hva >= kernel.taskSize() ? null : tables.pmd(hva);
    if (pmd == null) {
      return Translation.failure(NOT_MAPPED);
    }
    int index = tables.pmdIndex(hva);
    if (tables.isTable(pmd, index)) {
      return page(pmd.below[index], tables.pteIndex(hva), hva);
    }
    long entry = pmd.entries[index];
    return entry == 0 || !format.hardware().isPresent(entry)
        ? Translation.failure(NOT_MAPPED)
        : translation(format.pfn(entry, 1), hva, pmdOrder, entry, pmdOrder, pmdOrder);
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
    return vmm.anonPages() << baseOrder;
  }

  @Override
  public void addNotifier(MmuNotifier notifier) {
    vmm.addNotifier(notifier);
  }

  @Override
  public boolean unmap(long hva, long bytes) {
    if (Translation.failed(lookup(hva))) {
      return false;
    }
    long first = hva;
    long end = hva + bytes;
    if (isHuge(hva)) {
      first = hva & -Order.bytes(pmdOrder);
      end = Math.max(end, first + Order.bytes(pmdOrder));
    }
    return thereAndBack(first, end);
  }

  /** mprotect without rights and with them again: the pages stay, no entry maps them meanwhile. */
  private boolean thereAndBack(long first, long end) {
    long[] mapping = mappingOf(first);
    long past = Math.min(end, mapping[0] + mapping[1]);
    return vmm.mprotect(first, past - first, Mman.PROT_NONE) == 0
        && vmm.mprotect(first, past - first, READ_WRITE) == 0;
  }

  private long[] mappingOf(long hva) {
    for (long[] mapping : mappings) {
      if (hva >= mapping[0] && hva - mapping[0] < mapping[1]) {
        return mapping;
      }
    }
    throw new IllegalArgumentException("hva 0x%x is not mapped".formatted(hva));
  }

  private boolean isHuge(long hva) {
    long found = lookup(hva);
    return !Translation.failed(found) && Translation.stage1Order(found) == pmdOrder;
  }

  /** A fork: the child stays until the next, so that writes copy what it shares. */
  @Override
  public boolean writeProtect(long hva, long bytes) {
    if (Translation.failed(lookup(hva))) {
      return false;
    }
    if (child != null) {
      child.exit();
    }
    child = vmm.fork();
    return child != null;
  }

  @Override
  public boolean splitMapping(long hva) {
    long page = hva & -Order.bytes(baseOrder);
    return isHuge(hva) && thereAndBack(page, page + Order.bytes(baseOrder)) && !isHuge(hva);
  }

  @Override
  public boolean split(long hva) {
    long folio = folioAt(hva);
    if (folio == FrameTable.NONE || kernel.frames().order(folio) == 0) {
      return false;
    }
    kernel.folios().lru().drain();
    kernel.folios().get(folio, 1);
    boolean done = kernel.splitFolio(folio) == 0;
    kernel.folios().put(folio, 1);
    return done;
  }

  @Override
  public boolean migrate(long hva) {
    long folio = folioAt(hva);
    return folio != FrameTable.NONE && migration.migrate(vmm.mm(), folio, hva);
  }

  /** The anonymous folio mapped at an address, or NONE. */
  private long folioAt(long hva) {
    long found = lookup(hva);
    if (Translation.failed(found)) {
      return FrameTable.NONE;
    }
    long folio = kernel.frames().folioOf(Translation.pfn(found) >>> baseOrder);
    return kernel.frames().is(folio, PageFlag.ANON) ? folio : FrameTable.NONE;
  }

  @Override
  public boolean collapse(long hva) {
    long first = hva & -Order.bytes(pmdOrder);
    return policy.hasPmdFolios()
        && !isHuge(hva)
        && vmm.madvise(first, Order.bytes(pmdOrder), Mman.MADV_COLLAPSE) == 0
        && isHuge(hva);
  }
}
