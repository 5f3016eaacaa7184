package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.ShmemThpMode;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.mm.Vma;

/**
 * Which folio orders shmem may use, as bit masks (Linux v6.18 mm/shmem.c,
 * shmem_allowable_huge_orders, shmem_huge_global_enabled, shmem_get_orders_within_size). The files
 * of the model have no name any more when they are mapped, so the settings of each size apply to
 * their mappings; writes follow the mount alone. The mount of unnamed files takes the top-level
 * setting, a tmpfs has huge=never.
 */
final class ShmemOrders {
  private final ThpSettings settings;
  private final int pageShift;
  private final int pmdOrder;

  /** All orders that a page cache can have but 0. */
  private final int all;

  private final int always;
  private final int withinSize;
  private final int advise;
  private final int inherit;
  private final ShmemThpMode mount;

  ShmemOrders(FileSettings files, FileKind kind) {
    this.settings = files.thp();
    this.pageShift = files.pageShift();
    this.pmdOrder = files.pmdOrder();
    this.all = (2 << files.maxFolioOrder()) - 2;
    this.always = mask(ShmemThpMode.ALWAYS);
    this.withinSize = mask(ShmemThpMode.WITHIN_SIZE);
    this.advise = mask(ShmemThpMode.ADVISE);
    this.inherit = mask(ShmemThpMode.INHERIT);
    this.mount = kind == FileKind.TMPFS ? ShmemThpMode.NEVER : settings.shmemTopLevel();
  }

  private int mask(ShmemThpMode mode) {
    int mask = 0;
    for (int order = 1; order <= pmdOrder; order++) {
      if (settings.shmem(order) == mode) {
        mask |= 1 << order;
      }
    }
    return mask;
  }

  /**
   * Orders that the settings allow.
   *
   * @param vma of the fault, or null for a write
   * @param sizeInPages of the file, the write included
   * @param force for MADV_COLLAPSE
   */
  int allowed(Vma vma, long index, long sizeInPages, boolean force) {
    if (vma != null && vma.is(VmFlags.NOHUGEPAGE)) {
      return 0;
    }
    boolean advised = vma != null && vma.is(VmFlags.HUGEPAGE);
    int global = global(index, sizeInPages, advised, force);
    if (vma == null) {
      return global;
    }
    if (settings.shmemTopLevel() == ShmemThpMode.DENY) {
      return 0;
    }
    if (settings.shmemTopLevel() == ShmemThpMode.FORCE) {
      return inherit;
    }
    int orders = always | within(withinSize, index, sizeInPages);
    if (advised) {
      orders |= advise;
    }
    if (global != 0) {
      orders |= inherit;
    }
    return orders & all;
  }

  private int global(long index, long sizeInPages, boolean advised, boolean force) {
    if (settings.shmemTopLevel() == ShmemThpMode.DENY) {
      return 0;
    }
    if (force || settings.shmemTopLevel() == ShmemThpMode.FORCE) {
      return 1 << pmdOrder & all;
    }
    return switch (mount) {
      case ALWAYS -> all;
      case WITHIN_SIZE -> {
        int orders = within(all, index, sizeInPages);
        yield orders != 0 ? orders : advised ? all : 0;
      }
      case ADVISE -> advised ? all : 0;
      case INHERIT, NEVER, DENY, FORCE -> 0;
    };
  }

  /** The orders from the highest down whose block of the index ends within the file. */
  private static int within(int orders, long index, long sizeInPages) {
    int left = orders;
    while (left != 0) {
      int order = highest(left);
      if ((index >>> order) + 1 << order <= sizeInPages) {
        return left;
      }
      left &= ~(1 << order);
    }
    return 0;
  }

  /** Of {@code orders}, those up to the highest whose block of an address lies in the VMA. */
  int fitting(Vma vma, long address, int orders) {
    int left = orders;
    while (left != 0 && !fits(vma, address, highest(left))) {
      left &= ~(1 << highest(left));
    }
    return left;
  }

  private boolean fits(Vma vma, long address, int order) {
    long bytes = 1L << order + pageShift;
    long block = address & -bytes;
    return ((vma.start() >>> pageShift) - vma.pgoff() & (1L << order) - 1) == 0
        && block >= vma.start()
        && block + bytes <= vma.end();
  }

  static int highest(int orders) {
    return Integer.SIZE - 1 - Integer.numberOfLeadingZeros(orders);
  }
}
