package dev.quire.kernel.rmap;

import static dev.quire.kernel.stat.Primitive.ENTIRE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.LARGE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.RMAP_CALL;

import dev.quire.kernel.page.FolioMapping;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;

/**
 * The rmap calls for hugetlb folios, which are mapped whole or not at all: only the entire map
 * count moves, whatever the size of the table entry, and no gauge of mapped pages does.
 *
 * <p>Used on the kernel's thread. Source: Linux v6.18 include/linux/rmap.h
 * (hugetlb_try_dup_anon_rmap and its siblings), mm/rmap.c.
 */
public final class HugetlbRmap {
  private final FrameTable frames;
  private final KernelCounters counters;
  private final RmapDesign design;

  public HugetlbRmap(FrameTable frames, KernelCounters counters, RmapDesign design) {
    this.frames = frames;
    this.counters = counters;
    this.design = design;
  }

  /** Maps a new folio that nobody else sees yet: no atomics. */
  public void addNewAnon(long folio, FolioMapping anonVma, long index) {
    counters.count(RMAP_CALL);
    frames.set(folio, PageFlag.ANON | PageFlag.ANON_EXCLUSIVE);
    frames.setMapping(folio, anonVma, index);
    change(folio, 1);
  }

  /** Maps an anonymous folio once more, as after a migration. */
  public void addAnon(long folio, boolean exclusive) {
    countAtomics();
    change(folio, 1);
    if (exclusive) {
      frames.set(folio, PageFlag.ANON_EXCLUSIVE);
    }
  }

  /**
   * Duplicates a mapping for a child.
   *
   * @param needsCowForDma whether the parent pins memory and the folio may be among it
   * @return false where the folio is exclusive and may be pinned: the child needs a copy
   */
  public boolean tryDupAnon(long folio, boolean needsCowForDma) {
    if (needsCowForDma && frames.is(folio, PageFlag.ANON_EXCLUSIVE)) {
      counters.count(RMAP_CALL);
      return false;
    }
    frames.clear(folio, PageFlag.ANON_EXCLUSIVE);
    countAtomics();
    change(folio, 1);
    return true;
  }

  /** Makes an exclusive folio shared; false where it may be pinned. */
  public boolean tryShareAnon(long folio, boolean maybePinned) {
    counters.count(RMAP_CALL);
    if (maybePinned) {
      return false;
    }
    frames.clear(folio, PageFlag.ANON_EXCLUSIVE);
    return true;
  }

  /** Maps a folio of a file, or duplicates its mapping for a child. */
  public void addFile(long folio) {
    countAtomics();
    change(folio, 1);
  }

  public void remove(long folio) {
    countAtomics();
    change(folio, -1);
  }

  private void countAtomics() {
    counters.count(RMAP_CALL);
    counters.count(ENTIRE_MAPCOUNT_ATOMIC);
    if (design.totalsMappings()) {
      counters.count(LARGE_MAPCOUNT_ATOMIC);
    }
  }

  private void change(long folio, int mappings) {
    frames.addEntireMapCount(folio, mappings);
    frames.setLargeMapCount(folio, frames.largeMapCount(folio) + mappings);
  }
}
