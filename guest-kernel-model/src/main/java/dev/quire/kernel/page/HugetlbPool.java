package dev.quire.kernel.page;

/**
 * The hugetlb folios of one size (struct hstate): those set aside by the administrator, those that
 * are reserved for mappings, and surplus ones beyond the former.
 *
 * <p>Counts are folios. Used on the kernel's thread. Source: Linux v6.18 mm/hugetlb.c
 * (set_max_huge_pages, gather_surplus_pages, dequeue_hugetlb_folio, free_huge_folio).
 */
public final class HugetlbPool {
  private final FrameTable frames;
  private final PageAllocator allocator;
  private final int order;
  private final FrameList free;
  private long total;
  private long surplus;
  private long reserved;
  private long overcommit;

  HugetlbPool(FrameTable frames, PageAllocator allocator, int order) {
    if (order < 1) {
      throw new IllegalArgumentException("hugetlb folios of order " + order);
    }
    this.frames = frames;
    this.allocator = allocator;
    this.order = order;
    this.free = new FrameList(frames, 0);
  }

  public int order() {
    return order;
  }

  /** nr_hugepages: all there are, surplus ones included. */
  public long total() {
    return total;
  }

  /** free_hugepages. */
  public long free() {
    return free.length();
  }

  /** resv_hugepages: of the free ones, those promised to a mapping. */
  public long reserved() {
    return reserved;
  }

  /** surplus_hugepages. */
  public long surplus() {
    return surplus;
  }

  /** Sets nr_overcommit_hugepages: how many surplus folios there may be. */
  public void allowSurplus(long folios) {
    overcommit = folios;
  }

  /**
   * Writes nr_hugepages: grows the pool as far as memory lasts, shrinks it by free folios that are
   * not reserved, and turns the rest into surplus.
   *
   * @return how many there are then, surplus ones not counted
   */
  public long resize(long wanted) {
    while (surplus > 0 && wanted > total - surplus) {
      surplus--;
    }
    while (wanted > total - surplus && grow()) {
      // one more
    }
    while (wanted < total - surplus && free.length() > reserved) {
      discard();
    }
    while (wanted < total - surplus) {
      surplus++;
    }
    return total - surplus;
  }

  /** Promises so many folios to a mapping; makes surplus ones if it has to and may. */
  public boolean reserve(long folios) {
    long missing = reserved + folios - free.length();
    long made = 0;
    while (made < missing && surplus < overcommit && grow()) {
      surplus++;
      made++;
    }
    if (made < missing) {
      for (; made > 0; made--) {
        discard();
        surplus--;
      }
      return false;
    }
    reserved += folios;
    return true;
  }

  /** Takes back a promise that was not used; surplus folios that are no longer needed go. */
  public void unreserve(long folios) {
    reserved -= folios;
    for (long i = 0; i < folios && surplus > 0 && free.length() > reserved; i++) {
      discard();
      surplus--;
    }
  }

  /**
   * A folio with one reference.
   *
   * @param promised whether it was reserved before
   * @return its first frame, or {@link FrameTable#NONE}
   */
  public long allocate(boolean promised) {
    if (free.length() <= (promised ? 0 : reserved)) {
      if (surplus >= overcommit || !grow()) {
        return FrameTable.NONE;
      }
      surplus++;
    }
    if (promised) {
      reserved--;
    }
    long folio = free.first();
    free.remove(folio);
    frames.makeFolio(folio, order);
    frames.set(folio, PageFlag.HUGETLB);
    frames.setRefCount(folio, 1);
    return folio;
  }

  /** Takes back a folio without references (free_huge_folio). */
  void free(long folio) {
    if (frames.is(folio, PageFlag.RESTORE_RESERVE)) {
      reserved++;
    }
    if (!frames.retire(folio, order)) {
      throw new IllegalStateException("hugetlb folio at pfn 0x%x is in use".formatted(folio));
    }
    if (surplus > 0) {
      surplus--;
      total--;
      allocator.free(folio);
    } else {
      free.addFirst(folio);
    }
  }

  private boolean grow() {
    long folio = allocator.allocate(order);
    if (folio == FrameTable.NONE) {
      return false;
    }
    frames.setRefCount(folio, 0);
    free.addFirst(folio);
    total++;
    return true;
  }

  private void discard() {
    long folio = free.first();
    free.remove(folio);
    total--;
    allocator.free(folio);
  }
}
