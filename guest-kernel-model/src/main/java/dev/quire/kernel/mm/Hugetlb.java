package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.rmap.HugetlbRmap;
import dev.quire.mmu.PteFormat;
import java.util.ArrayList;
import java.util.List;

/**
 * The hugetlb pages of a kernel: its sizes with their pools, and the handlers to which the memory
 * management hands mappings of such pages. Pools are empty until {@code nr_hugepages} or {@code
 * nr_overcommit_hugepages} of one is written. Used on the kernel's thread.
 *
 * <p>Source: Linux v6.18 mm/hugetlb.c; sizes: arch/x86/mm/hugetlbpage.c (2 MiB and 1 GiB),
 * arch/arm64/mm/hugetlbpage.c (PUD where there are such blocks, contiguous PMDs, PMD, contiguous
 * PTEs).
 */
public final class Hugetlb {
  private final Kernel kernel;
  private final List<HugetlbSize> sizes = new ArrayList<>();
  final HugetlbRmap rmap;
  final HugetlbFault fault;
  final HugetlbZap zap;
  final HugetlbFork fork;
  final HugetlbFill fill;
  final HugetlbProtect protect;
  final HugetlbMove move;
  final HugetlbEntries entries;
  final HugetlbReservations reservations;
  final HugetlbReports reports;

  Hugetlb(Kernel kernel) {
    this.kernel = kernel;
    PteFormat format = kernel.format().hardware();
    addSizes(format, 0);
    addSizes(format, 1);
    if (format.rootLevel() >= 2 && format.leafAllowed(2)) {
      addSize(format, 2, format.leafOrder(2));
    }
    rmap = new HugetlbRmap(kernel.frames(), kernel.counters(), kernel.config().rmap());
    entries = new HugetlbEntries(kernel);
    reservations = new HugetlbReservations(kernel);
    zap = new HugetlbZap(kernel, this);
    fault = new HugetlbFault(kernel, this);
    fork = new HugetlbFork(kernel, this);
    reports = new HugetlbReports(kernel, this);
    fill = new HugetlbFill(kernel, this);
    protect = new HugetlbProtect(kernel, this);
    move = new HugetlbMove(kernel, this);
  }

  private void addSizes(PteFormat format, int level) {
    if (level > 0) {
      addSize(format, level, format.leafOrder(level));
    }
    if (format.contiguousOrder(level) > format.leafOrder(level)) {
      addSize(format, level, format.contiguousOrder(level));
    }
  }

  private void addSize(PteFormat format, int level, int order) {
    int baseOrder = format.leafOrder(0);
    int folioOrder = order - baseOrder;
    int entries = 1 << order - format.leafOrder(level);
    sizes.add(
        new HugetlbSize(
            folioOrder, level, entries, kernel.pageShift(), kernel.folios().pool(folioOrder)));
  }

  /** All sizes, ascending. */
  public List<HugetlbSize> sizes() {
    return List.copyOf(sizes);
  }

  /** The size of so many bytes, or null. */
  public HugetlbSize size(long bytes) {
    for (HugetlbSize size : sizes) {
      if (size.bytes() == bytes) {
        return size;
      }
    }
    return null;
  }

  /** What MAP_HUGETLB and MFD_HUGETLB mean without a size: a PMD. */
  public HugetlbSize defaultSize() {
    return size(kernel.pmdBytes());
  }

  /** A file, or null: see {@link Process#openHugetlb}. */
  OpenFile open(long hugePageBytes, long pages) {
    FileSystems files = kernel.fileSystems();
    HugetlbSize size = size(hugePageBytes);
    if (files == null || size == null || (pages & size.pages() - 1) != 0) {
      return null;
    }
    return files.openHugetlb(this, size, pages);
  }

  /**
   * What mmap's flags ask for (hstate_sizelog).
   *
   * @return null if there is no such size
   */
  HugetlbSize requested(int mapFlags) {
    int log = mapFlags >>> Mman.MAP_HUGE_SHIFT & Mman.MAP_HUGE_MASK;
    return log == 0 ? defaultSize() : size(1L << log);
  }

  /** The size of a file's pages, or null of a file with ordinary ones. */
  static HugetlbSize sizeOf(OpenFile file) {
    return file instanceof HugetlbInode inode ? inode.hugetlbSize() : null;
  }

  /**
   * Reserves for a new mapping of a file and marks it as one of hugetlb pages
   * (hugetlbfs_file_mmap).
   *
   * @param vma not in the process's tree yet
   * @return 0 or -errno
   */
  long prepare(Vma vma) {
    HugetlbInode file = (HugetlbInode) vma.file();
    HugetlbSize size = file.hugetlbSize();
    long from = vma.pgoff() >>> size.order();
    long to = from + (vma.bytes() >>> size.shift());
    boolean privately = !vma.is(VmFlags.MAYSHARE) && !vma.is(VmFlags.NORESERVE);
    ReservationMap owned = privately ? new ReservationMap() : null;
    long error = reservations.reserve(file, from, to, vma.flags(), owned);
    if (error == 0) {
      vma.setHugetlb(new HugetlbVma(size, owned));
      if (vma.is(VmFlags.WRITE)) {
        file.growTo(to << size.shift());
      }
    }
    return error;
  }

  /** A folio with one reference for a page of a file (fallocate), or FrameTable.NONE. */
  public long allocate(HugetlbInode file, long pgoff) {
    long folio = reservations.allocate(file, pgoff >>> file.hugetlbSize().order());
    if (folio >= 0) {
      fault.clear(folio);
    }
    return folio;
  }

  /**
   * Pages of a file are gone (hugetlb_unreserve_pages).
   *
   * @param first in huge pages
   * @param end exclusive
   * @param freed how many of them had been allocated
   */
  public void unreserve(HugetlbInode file, long first, long end, long freed) {
    reservations.unreserve(file, first, end, freed);
  }

  /** Part of a huge page of a file was punched out. */
  public void clearPages(long firstPage, long pages) {
    for (long i = 0; i < pages; i++) {
      kernel.frames().clear(firstPage + i, PageFlag.NONZERO);
      kernel.cleared(firstPage + i, 0);
    }
  }
}
