package dev.quire.kernel.page;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * The LRU lists with the per-CPU batch in front of them. A small folio waits in the batch with a
 * reference of the batch's until 31 have come together or {@link #drain} is called; a large one
 * goes to its list at once, and all that wait with it. What looks at a small folio's references
 * (wp_can_reuse_anon_folio, freeing through mmu_gather, collapse) therefore drains first, as in
 * Linux.
 *
 * <p>{@link Primitive#LRU_ADD} counts folios and includes the batch's reference. Used on the
 * kernel's thread. Source: Linux v6.18 mm/swap.c (folio_add_lru, lru_add, folio_mark_accessed).
 */
public final class Lru {
  /** The lists. */
  public enum Kind {
    INACTIVE_ANON,
    ACTIVE_ANON,
    INACTIVE_FILE,
    ACTIVE_FILE,
    UNEVICTABLE
  }

  /** PAGEVEC_SIZE. */
  static final int BATCH = 31;

  private static final int LIST_FLAGS = PageFlag.LRU | PageFlag.ACTIVE | PageFlag.UNEVICTABLE;

  private final FrameTable frames;
  private final KernelCounters counters;
  private final Folios folios;
  private final FrameList[] lists = new FrameList[Kind.values().length];
  private final long[] pages = new long[lists.length];
  private final int[] batch = new int[BATCH];
  private int waiting;

  Lru(FrameTable frames, KernelCounters counters, Folios folios) {
    this.frames = frames;
    this.counters = counters;
    this.folios = folios;
    for (int i = 0; i < lists.length; i++) {
      lists[i] = new FrameList(frames, 0);
    }
  }

  /** Puts a new folio on its way to its list (folio_add_lru). */
  public void add(long folio) {
    counters.count(Primitive.LRU_ADD);
    frames.addRefs(folio, 1);
    batch[waiting++] = (int) folio;
    if (waiting == BATCH || frames.is(folio, PageFlag.HEAD)) {
      drain();
    }
  }

  /** Moves what waits in the batch to the lists (lru_add_drain). */
  public void drain() {
    int count = waiting;
    waiting = 0;
    for (int i = 0; i < count; i++) {
      long folio = batch[i];
      insert(folio);
      folios.putUncounted(folio);
    }
  }

  private void insert(long folio) {
    boolean evictable = !frames.is(folio, PageFlag.MLOCKED);
    boolean was = frames.is(folio, PageFlag.UNEVICTABLE);
    if (evictable) {
      frames.clear(folio, PageFlag.UNEVICTABLE);
    } else {
      frames.clear(folio, PageFlag.ACTIVE);
      frames.set(folio, PageFlag.UNEVICTABLE);
      if (!was) {
        counters.event(VmEvent.UNEVICTABLE_PGS_CULLED, frames.pages(folio));
      }
    }
    link(folio);
  }

  /** Puts a folio on the list that its flags say. */
  void link(long folio) {
    frames.set(folio, PageFlag.LRU);
    int list = kind(folio);
    lists[list].addFirst(folio);
    pages[list] += frames.pages(folio);
  }

  /** Takes a folio off its list; its flags but LRU stay. */
  void unlink(long folio) {
    int list = kind(folio);
    lists[list].remove(folio);
    pages[list] -= frames.pages(folio);
    frames.clear(folio, PageFlag.LRU);
  }

  private int kind(long folio) {
    int flags = frames.flags(folio);
    if ((flags & PageFlag.UNEVICTABLE) != 0) {
      return Kind.UNEVICTABLE.ordinal();
    }
    int base =
        (flags & PageFlag.SWAPBACKED) != 0
            ? Kind.INACTIVE_ANON.ordinal()
            : Kind.INACTIVE_FILE.ordinal();
    return (flags & PageFlag.ACTIVE) != 0 ? base + 1 : base;
  }

  /** Takes a folio off its list for good, because it is freed. */
  void release(long folio) {
    if (frames.is(folio, PageFlag.LRU)) {
      counters.count(Primitive.LRU_REMOVE);
      unlink(folio);
      frames.clear(folio, LIST_FLAGS);
    }
  }

  /**
   * Takes a folio off its list for a while (folio_isolate_lru); it keeps ACTIVE and UNEVICTABLE.
   * {@link #putBack} ends it.
   *
   * @return whether it was on a list
   */
  public boolean isolate(long folio) {
    if (!frames.is(folio, PageFlag.LRU)) {
      return false;
    }
    counters.count(Primitive.LRU_REMOVE);
    unlink(folio);
    return true;
  }

  /** Puts an isolated folio back on the list that its flags say. */
  public void putBack(long folio) {
    counters.count(Primitive.LRU_ADD);
    insert(folio);
  }

  /** A use was seen: inactive, then referenced, then active (folio_mark_accessed). */
  public void markAccessed(long folio) {
    if (!frames.is(folio, PageFlag.REFERENCED)) {
      frames.set(folio, PageFlag.REFERENCED);
    } else if ((frames.flags(folio) & (PageFlag.UNEVICTABLE | PageFlag.ACTIVE)) == 0) {
      activate(folio);
      frames.clear(folio, PageFlag.REFERENCED);
    }
  }

  private void activate(long folio) {
    if (!frames.is(folio, PageFlag.LRU)) {
      frames.set(folio, PageFlag.ACTIVE);
      return;
    }
    unlink(folio);
    frames.set(folio, PageFlag.ACTIVE);
    link(folio);
    counters.event(VmEvent.PGACTIVATE, frames.pages(folio));
  }

  /** Moves an active folio to the inactive list (folio_deactivate). */
  public void deactivate(long folio) {
    if ((frames.flags(folio) & LIST_FLAGS) == (PageFlag.LRU | PageFlag.ACTIVE)) {
      unlink(folio);
      frames.clear(folio, PageFlag.ACTIVE | PageFlag.REFERENCED);
      link(folio);
      counters.event(VmEvent.PGDEACTIVATE, frames.pages(folio));
    }
  }

  /**
   * A clean anonymous folio that may be dropped instead of written (folio_mark_lazyfree): from now
   * on it is on the inactive file list.
   */
  public void markLazyFree(long folio) {
    int flags = frames.flags(folio);
    int wanted = PageFlag.LRU | PageFlag.ANON | PageFlag.SWAPBACKED;
    int unwanted = PageFlag.SWAPCACHE | PageFlag.UNEVICTABLE;
    if ((flags & wanted) == wanted && (flags & unwanted) == 0) {
      unlink(folio);
      frames.clear(folio, PageFlag.ACTIVE | PageFlag.REFERENCED | PageFlag.SWAPBACKED);
      link(folio);
      counters.event(VmEvent.PGLAZYFREE, frames.pages(folio));
    }
  }

  /** Base pages on a list, without those that wait in the batch. */
  public long pages(Kind kind) {
    return pages[kind.ordinal()];
  }

  /** Folios that wait in the batch. */
  public int waiting() {
    return waiting;
  }
}
