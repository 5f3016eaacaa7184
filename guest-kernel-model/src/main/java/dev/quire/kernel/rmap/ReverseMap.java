package dev.quire.kernel.rmap;

import static dev.quire.kernel.page.FrameTable.ENTIRELY_MAPPED;
import static dev.quire.kernel.page.FrameTable.PAGES_MAPPED_MASK;
import static dev.quire.kernel.stat.Primitive.ENTIRE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.FOLIO_LOOKUP;
import static dev.quire.kernel.stat.Primitive.LARGE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.NR_PAGES_MAPPED_ATOMIC;
import static dev.quire.kernel.stat.Primitive.RMAP_CALL;

import dev.quire.kernel.page.FolioMapping;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;

/**
 * The rmap calls of Linux: whoever maps or unmaps pages of a folio says so here, and the folio's
 * map counts, the mapped-pages gauges and the deferred split queue follow. Every atomic operation
 * that the kernel of the {@link RmapDesign} would do is counted; stores to a folio nobody else sees
 * yet are not atomics.
 *
 * <p>A folio is named by its first page, a run by its first page and length: it lies inside the
 * folio. {@code mm} is the id of a process's address space, 1 or more. References are the caller's
 * (a mapping holds one a PTE or PMD), so is mlock. Callers hold what Linux asks for, the page table
 * lock; used on the kernel's thread.
 *
 * <p>Source: Linux v6.18 mm/rmap.c, include/linux/rmap.h; for the designs before it see {@link
 * RmapDesign}.
 */
public final class ReverseMap {
  private final FrameTable frames;
  private final KernelCounters counters;
  private final DeferredSplits deferred;
  private final MappingOwners owners;
  private final RmapDesign design;
  private final int pmdOrder;

  /**
   * @param pmdOrder order of the folio that one PMD maps, in base pages of the kernel
   */
  public ReverseMap(
      FrameTable frames,
      KernelCounters counters,
      DeferredSplits deferred,
      RmapDesign design,
      int pmdOrder) {
    this.frames = frames;
    this.counters = counters;
    this.deferred = deferred;
    this.owners = new MappingOwners(frames);
    this.design = design;
    this.pmdOrder = pmdOrder;
  }

  public RmapDesign design() {
    return design;
  }

  /**
   * Maps a new anonymous folio, which nobody else sees yet, at the largest level that covers it
   * (folio_add_new_anon_rmap).
   *
   * @param anonVma what the folio shall belong to
   * @param index its linear page index there
   */
  public void addNewAnon(long folio, FolioMapping anonVma, long index, int mm, boolean exclusive) {
    counters.count(RMAP_CALL);
    frames.set(folio, PageFlag.ANON | PageFlag.SWAPBACKED);
    frames.setMapping(folio, anonVma, index);
    int order = frames.order(folio);
    int nr = 1 << order;
    if (order < pmdOrder) {
      for (long page = folio; page < folio + nr; page++) {
        frames.addMapCount(page, 1);
        if (exclusive) {
          frames.set(page, PageFlag.ANON_EXCLUSIVE);
        }
      }
      if (order > 0) {
        frames.addNrPagesMapped(folio, nr);
        owners.add(folio, nr, mm);
        counters.mthp(order, MthpStat.NR_ANON, 1);
      }
      changeMapped(folio, nr, 0);
    } else {
      frames.addEntireMapCount(folio, 1);
      frames.addNrPagesMapped(folio, ENTIRELY_MAPPED);
      owners.add(folio, 1, mm);
      if (exclusive) {
        frames.set(folio, PageFlag.ANON_EXCLUSIVE);
      }
      counters.mthp(order, MthpStat.NR_ANON, 1);
      changeMapped(folio, nr, 1);
    }
  }

  /** Lets a folio that one process maps alone belong to that process's anon_vma. */
  public void moveAnon(long folio, FolioMapping anonVma) {
    frames.setMapping(folio, anonVma, frames.index(folio));
  }

  /** Adds PTE mappings of a run of an anonymous folio (folio_add_anon_rmap_ptes). */
  public void addAnonPtes(long folio, long first, int nr, int mm, boolean exclusive) {
    countCalls(folio, nr);
    addPtes(folio, first, nr, mm);
    if (exclusive) {
      for (long page = first; page < first + nr; page++) {
        frames.set(page, PageFlag.ANON_EXCLUSIVE);
      }
    }
  }

  /** Adds a PMD mapping of an anonymous folio (folio_add_anon_rmap_pmd). */
  public void addAnonPmd(long folio, int mm, boolean exclusive) {
    countCalls(folio, 1);
    addPmd(folio, mm);
    if (exclusive) {
      frames.set(folio, PageFlag.ANON_EXCLUSIVE);
    }
  }

  /** Adds PTE mappings of a run of a file folio: one call under every design. */
  public void addFilePtes(long folio, long first, int nr, int mm) {
    counters.count(RMAP_CALL);
    addPtes(folio, first, nr, mm);
  }

  /** Adds a PMD mapping of a file folio (folio_add_file_rmap_pmd). */
  public void addFilePmd(long folio, int mm) {
    counters.count(RMAP_CALL);
    addPmd(folio, mm);
  }

  private void addPtes(long folio, long first, int nr, int mm) {
    counters.count(MAPCOUNT_ATOMIC, nr);
    int newlyMapped = 0;
    for (long page = first; page < first + nr; page++) {
      if (frames.addMapCount(page, 1) == 1) {
        newlyMapped++;
      }
    }
    if (frames.is(folio, PageFlag.HEAD)) {
      if (newlyMapped > 0
          && changeNrPagesMapped(folio, newlyMapped, design.minimizesNrPagesMapped())
              >= ENTIRELY_MAPPED) {
        newlyMapped = 0;
      }
      changeLarge(folio, nr, mm);
    }
    changeMapped(folio, newlyMapped, 0);
  }

  private void addPmd(long folio, int mm) {
    counters.count(ENTIRE_MAPCOUNT_ATOMIC);
    int newlyMapped = 0;
    int pmdMapped = 0;
    if (frames.addEntireMapCount(folio, 1) == 1) {
      counters.count(NR_PAGES_MAPPED_ATOMIC);
      int mapped = frames.addNrPagesMapped(folio, ENTIRELY_MAPPED);
      newlyMapped = frames.pages(folio) - (mapped & PAGES_MAPPED_MASK);
      pmdMapped = 1;
    }
    changeLarge(folio, 1, mm);
    changeMapped(folio, newlyMapped, pmdMapped);
  }

  /**
   * Duplicates PTE mappings of a run of an anonymous folio for a child
   * (folio_try_dup_anon_rmap_ptes): its pages are exclusive no more.
   *
   * @param mm the child's
   * @param needsCowForDma whether the parent pins memory and the folio may be among it
   * @return false, with nothing changed, where an exclusive page may be pinned: the child needs a
   *     copy (EBUSY)
   */
  public boolean tryDupAnonPtes(long folio, long first, int nr, int mm, boolean needsCowForDma) {
    countCalls(folio, nr);
    if (needsCowForDma && anyExclusive(first, nr)) {
      return false;
    }
    for (long page = first; page < first + nr; page++) {
      frames.clear(page, PageFlag.ANON_EXCLUSIVE);
    }
    dupPtes(folio, first, nr, mm);
    return true;
  }

  private boolean anyExclusive(long first, int nr) {
    for (long page = first; page < first + nr; page++) {
      if (frames.is(page, PageFlag.ANON_EXCLUSIVE)) {
        return true;
      }
    }
    return false;
  }

  /** {@link #tryDupAnonPtes} for the PMD mapping of a folio. */
  public boolean tryDupAnonPmd(long folio, int mm, boolean needsCowForDma) {
    countCalls(folio, 1);
    if (needsCowForDma && frames.is(folio, PageFlag.ANON_EXCLUSIVE)) {
      return false;
    }
    frames.clear(folio, PageFlag.ANON_EXCLUSIVE);
    dupPmd(folio, mm);
    return true;
  }

  /**
   * Makes an exclusive page shared, so that its PTE may be replaced or copied
   * (folio_try_share_anon_rmap_pte; for a PMD mapping, {@code page} is the folio).
   *
   * @return false where the page may be pinned (EBUSY)
   */
  public boolean tryShareAnon(long page, boolean maybePinned) {
    countCalls(page, 1);
    if (maybePinned) {
      return false;
    }
    frames.clear(page, PageFlag.ANON_EXCLUSIVE);
    return true;
  }

  /** Duplicates PTE mappings of a run of a file folio for a child (folio_dup_file_rmap_ptes). */
  public void dupFilePtes(long folio, long first, int nr, int mm) {
    countCalls(folio, nr);
    dupPtes(folio, first, nr, mm);
  }

  /** The page is mapped already: no count goes from none to one. */
  private void dupPtes(long folio, long first, int nr, int mm) {
    counters.count(MAPCOUNT_ATOMIC, nr);
    for (long page = first; page < first + nr; page++) {
      frames.addMapCount(page, 1);
    }
    if (frames.is(folio, PageFlag.HEAD)) {
      changeLarge(folio, nr, mm);
    }
  }

  /** {@link #dupFilePtes} for a PMD mapping. */
  public void dupFilePmd(long folio, int mm) {
    countCalls(folio, 1);
    dupPmd(folio, mm);
  }

  private void dupPmd(long folio, int mm) {
    counters.count(ENTIRE_MAPCOUNT_ATOMIC);
    frames.addEntireMapCount(folio, 1);
    changeLarge(folio, 1, mm);
  }

  /** Removes PTE mappings of a run of a folio (folio_remove_rmap_ptes). */
  public void removePtes(long folio, long first, int nr, int mm) {
    countCalls(folio, nr);
    if (design.ranged()) {
      removeRun(folio, first, nr, mm, design.minimizesNrPagesMapped());
    } else {
      for (long page = first; page < first + nr; page++) {
        removeRun(folio, page, 1, mm, false);
      }
    }
  }

  /**
   * The removal that mmu_gather of {@code GatherDesign.RANGES} brought along, whatever the design
   * of the other calls: one call, one update of _nr_pages_mapped, and no deferred split of a folio
   * that it unmaps entirely (folio_remove_rmap_range, R. Roberts,
   * 20230830095011.1228673-1-ryan.roberts).
   */
  public void removeRange(long folio, long first, int nr, int mm) {
    counters.count(RMAP_CALL);
    removeRun(folio, first, nr, mm, true);
  }

  /**
   * @param minimal update _nr_pages_mapped once, and do not queue a folio left with no mapping
   */
  private void removeRun(long folio, long first, int nr, int mm, boolean minimal) {
    boolean large = frames.is(folio, PageFlag.HEAD);
    if (large) {
      changeLarge(folio, -nr, mm);
    }
    counters.count(MAPCOUNT_ATOMIC, nr);
    int unmapped = 0;
    for (long page = first; page < first + nr; page++) {
      if (frames.addMapCount(page, -1) == 0) {
        unmapped++;
      }
    }
    if (large && unmapped > 0) {
      int mapped = changeNrPagesMapped(folio, -unmapped, minimal);
      unmapped = mapped < ENTIRELY_MAPPED ? unmapped : 0;
      boolean onlyPartly = minimal || design.queuesOnlyPartlyMapped();
      queueIfDue(folio, unmapped > 0 && (mapped > 0 || !onlyPartly));
    }
    changeMapped(folio, -unmapped, 0);
  }

  /** Removes a PMD mapping (folio_remove_rmap_pmd). */
  public void removePmd(long folio, int mm) {
    countCalls(folio, 1);
    changeLarge(folio, -1, mm);
    counters.count(ENTIRE_MAPCOUNT_ATOMIC);
    int unmapped = 0;
    int pmdMapped = 0;
    if (frames.addEntireMapCount(folio, -1) == 0) {
      counters.count(NR_PAGES_MAPPED_ATOMIC);
      int stillMapped = frames.addNrPagesMapped(folio, -ENTIRELY_MAPPED);
      unmapped = frames.pages(folio) - stillMapped;
      pmdMapped = 1;
      queueIfDue(folio, unmapped > 0 && stillMapped > 0);
    }
    changeMapped(folio, -unmapped, -pmdMapped);
  }

  private void queueIfDue(long folio, boolean due) {
    if (!due || !frames.is(folio, PageFlag.ANON)) {
      return;
    }
    int done =
        design.minimizesNrPagesMapped() ? PageFlag.PARTIALLY_MAPPED : PageFlag.DEFERRED_SPLIT;
    if (!frames.is(folio, done)) {
      deferred.queue(folio, true);
    }
  }

  /** Calls of a run of pages: one a page where the design knows no runs. */
  private void countCalls(long folio, int nr) {
    if (design.ranged()) {
      counters.count(RMAP_CALL);
    } else {
      counters.count(RMAP_CALL, nr);
      // A small folio's page tells in the word that was read anyway that it is one.
      counters.count(FOLIO_LOOKUP, frames.is(frames.folioOf(folio), PageFlag.HEAD) ? nr : 0);
    }
  }

  private int changeNrPagesMapped(long folio, int pages, boolean minimal) {
    counters.count(NR_PAGES_MAPPED_ATOMIC, minimal ? 1 : Math.abs(pages));
    return frames.addNrPagesMapped(folio, pages);
  }

  private void changeLarge(long folio, int mappings, int mm) {
    if (design.totalsMappings()) {
      counters.count(LARGE_MAPCOUNT_ATOMIC);
    }
    if (mappings > 0) {
      owners.add(folio, mappings, mm);
    } else {
      owners.remove(folio, -mappings, mm);
    }
  }

  private void changeMapped(long folio, int pages, int pmds) {
    if (pages == 0 && pmds == 0) {
      return;
    }
    boolean anon = frames.is(folio, PageFlag.ANON);
    if (pages != 0) {
      counters.event(anon ? VmEvent.NR_ANON_PAGES : VmEvent.NR_MAPPED, pages);
    }
    if (pmds != 0) {
      counters.event(pmdGauge(folio, anon), pmds);
    }
  }

  private VmEvent pmdGauge(long folio, boolean anon) {
    if (anon) {
      return VmEvent.NR_ANON_TRANSPARENT_HUGEPAGES;
    }
    return frames.is(folio, PageFlag.SWAPBACKED)
        ? VmEvent.NR_SHMEM_PMDMAPPED
        : VmEvent.NR_FILE_PMDMAPPED;
  }

  /** Mappings of any page of the folio, entire ones counted once (folio_mapcount). */
  public int mapCount(long folio) {
    return frames.is(folio, PageFlag.HEAD) ? frames.largeMapCount(folio) : frames.mapCount(folio);
  }

  /** Whether any process maps any page of the folio. */
  public boolean mapped(long folio) {
    return mapCount(folio) > 0;
  }

  /** Whether more than one process may map the folio (folio_maybe_mapped_shared). */
  public boolean maybeMappedShared(long folio) {
    return mapCount(folio) > 1 && (!frames.is(folio, PageFlag.HEAD) || owners.maybeShared(folio));
  }
}
