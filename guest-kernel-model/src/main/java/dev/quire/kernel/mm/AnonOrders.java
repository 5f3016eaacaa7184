package dev.quire.kernel.mm;

/**
 * Which sizes an anonymous write fault may allocate, below a PMD. Two algorithms:
 *
 * <ul>
 *   <li>upstream (Linux v6.18 mm/memory.c, alloc_anon_folio): the orders that sysfs enables, whose
 *       aligned block lies in the VMA, from the highest whose entries are all none;
 *   <li>series v1 (R. Roberts, 20230626171430.3167004-11): every order from the architecture's
 *       maximum down to 2, by one scan that remembers the lowest entry found set.
 * </ul>
 */
final class AnonOrders {
  private static final int V1_SMALLEST = 2;

  private final ThpPolicy thp;
  private final Ptes ptes;
  private final boolean upstream;
  private final int v1Advised;
  private final int v1Plain;
  private final int belowPmd;

  AnonOrders(KernelConfig config, ThpPolicy thp, Ptes ptes) {
    this.thp = thp;
    this.ptes = ptes;
    this.upstream = config.anonFault() == AnonFaultAlgorithm.UPSTREAM;
    this.belowPmd = (1 << config.pmdOrder()) - 1;
    // ARCH_LARGE_ANON_FOLIO_THP_ORDER_MAX and _NOTHP_, patch 9/10: arm64 alone has them.
    boolean arm = config.architecture() == HostArchitecture.ARM64;
    switch (config.granule()) {
      case BASE_4K -> {
        v1Advised = arm ? 4 : 0;
        v1Plain = arm ? 4 : 0;
      }
      case BASE_16K -> {
        v1Advised = 7;
        v1Plain = 2;
      }
      case BASE_64K -> {
        v1Advised = 5;
        v1Plain = 0;
      }
      default -> throw new IllegalArgumentException("granule " + config.granule());
    }
  }

  /** The orders to try, highest first, as a bit mask; empty for a base page. */
  int candidates(FaultContext fault, PageTable table) {
    return upstream ? upstream(fault, table) : seriesV1(fault, table);
  }

  private int upstream(FaultContext fault, PageTable table) {
    Vma vma = fault.vma();
    if ((vma.flags() & VmFlags.UFFD) != 0) {
      return 0;
    }
    int orders = thp.anonOrders(vma) & belowPmd;
    if (orders == 0) {
      return 0;
    }
    orders = thp.suitable(vma, fault.address(), orders);
    int index = fault.tables().pteIndex(fault.address());
    while (orders != 0) {
      int order = ThpPolicy.highest(orders);
      if (ptes.rangeNone(table, index & -1 << order, 1 << order)) {
        return orders;
      }
      orders &= ~(1 << order);
    }
    return 0;
  }

  /** The largest order of series v1 for a VMA; 0 for none but base pages. */
  int v1Max(Vma vma) {
    if ((vma.flags() & VmFlags.UFFD) != 0) {
      return 0;
    }
    return vma.is(VmFlags.HUGEPAGE) ? v1Advised : v1Plain;
  }

  private int seriesV1(FaultContext fault, PageTable table) {
    Vma vma = fault.vma();
    int index = fault.tables().pteIndex(fault.address());
    int firstSet = Integer.MAX_VALUE;
    for (int order = v1Max(vma); order >= V1_SMALLEST; order--) {
      if (!thp.isSuitable(vma, fault.address(), order)) {
        continue;
      }
      int start = index & -1 << order;
      int nr = 1 << order;
      if (firstSet >= start + nr) {
        firstSet = firstSet(table, start, nr, firstSet);
        if (firstSet >= start + nr) {
          return (2 << order) - 1 & -1 << V1_SMALLEST;
        }
      }
    }
    return 0;
  }

  /** The first entry of a block that is set, or {@code none}. */
  private int firstSet(PageTable table, int start, int nr, int none) {
    if (ptes.rangeNone(table, start, nr)) {
      return none;
    }
    int at = start;
    while (table.entries[at] == 0) {
      at++;
    }
    return at;
  }
}
