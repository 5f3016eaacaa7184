package dev.quire.kernel.mm;

/**
 * Which folio sizes a mapping may have (Linux v6.18 include/linux/huge_mm.h,
 * thp_vma_allowable_orders and thp_vma_suitable_orders). Sets of orders are bit masks.
 */
final class ThpPolicy {
  private final ThpSettings settings;
  private final int pageShift;
  private final int pmdOrder;
  private final int always;
  private final int madvise;
  private final int inherit;

  ThpPolicy(ThpSettings settings, int pageShift, int pmdOrder) {
    this.settings = settings;
    this.pageShift = pageShift;
    this.pmdOrder = pmdOrder;
    this.always = mask(ThpMode.ALWAYS);
    this.madvise = mask(ThpMode.MADVISE);
    this.inherit = mask(ThpMode.INHERIT);
  }

  private int mask(ThpMode mode) {
    int mask = 0;
    // The smallest large anonymous folio has four pages: THP_ORDERS_ALL_ANON.
    for (int order = 2; order <= pmdOrder; order++) {
      if (settings.anon(order) == mode) {
        mask |= 1 << order;
      }
    }
    return mask;
  }

  int pmdOrder() {
    return pmdOrder;
  }

  boolean useZeroPage() {
    return settings.useZeroPage();
  }

  /** Orders that sysfs and madvise allow a private anonymous mapping, whatever its place. */
  int anonOrders(Vma vma) {
    if (vma.is(VmFlags.NOHUGEPAGE)) {
      return 0;
    }
    int mask = always;
    boolean advised = vma.is(VmFlags.HUGEPAGE);
    if (advised) {
      mask |= madvise;
    }
    if (settings.topLevel() == ThpMode.ALWAYS || advised && settings.topLevel() != ThpMode.NEVER) {
      mask |= inherit;
    }
    return mask;
  }

  /** Of {@code orders}, those whose aligned block round an address lies in the mapping. */
  int suitable(Vma vma, long address, int orders) {
    int left = orders;
    while (left != 0) {
      int order = highest(left);
      if (isSuitable(vma, address, order)) {
        return left;
      }
      left &= ~(1 << order);
    }
    return 0;
  }

  /** thp_vma_suitable_order: of files, page offsets must be congruent to addresses too. */
  boolean isSuitable(Vma vma, long address, int order) {
    long size = 1L << order + pageShift;
    if (!vma.isAnonymous()
        && ((vma.start() >>> pageShift) - vma.pgoff() & (1L << order) - 1) != 0) {
      return false;
    }
    long block = address & -size;
    return block >= vma.start() && block + size <= vma.end();
  }

  /** Whether a whole PMD of an anonymous mapping may be one folio, by sysfs and madvise. */
  boolean allowsAnonPmd(Vma vma) {
    return (anonOrders(vma) & 1 << pmdOrder) != 0;
  }

  /** THPeligible of smaps. */
  boolean eligible(Vma vma) {
    int orders =
        vma.isAnonymous() ? anonOrders(vma) : (int) vma.ops().thpOrders(vma) & (2 << pmdOrder) - 1;
    for (int order = pmdOrder; order > 0; order--) {
      // Some block of the order must fit: the last one that could.
      if ((orders & 1 << order) != 0
          && vma.bytes() >= 1L << order + pageShift
          && isSuitable(vma, vma.end() - (1L << order + pageShift), order)) {
        return true;
      }
    }
    return false;
  }

  static int highest(int orders) {
    return 31 - Integer.numberOfLeadingZeros(orders);
  }
}
