package dev.quire.kernel.filemap;

import dev.quire.kernel.page.FolioMapping;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;

/**
 * The cached pages of one file (struct address_space): an {@link XArray} of folios, each of which
 * has one reference of the cache's for each of its pages. Indexes count base pages of the file.
 *
 * <p>There is one thread, so folio locks are not taken; the tree's lock is counted ({@link
 * Primitive#XARRAY_LOCK}). Source: Linux v6.18 mm/filemap.c; the batched insertion is mail
 * 20250110154659.95464-2-kalyazin@amazon.com.
 */
public final class PageCache implements FolioMapping {
  /** No folio, or no memory for one. */
  public static final long NONE = FrameTable.NONE;

  /** What {@link #grabAll} answers if another thread was quicker with its first page (EEXIST). */
  public static final int EXISTS = -2;

  /** FILEMAP_GET_FOLIOS_BATCH_SIZE: the most pages of one {@link #grabAll}. */
  public static final int BATCH = 128;

  private final Folios folios;
  private final FrameTable frames;
  private final PageAllocator allocator;
  private final KernelCounters counters;
  private final XArray tree;
  private final XaState inserting;
  private final XaState walking;
  private final XaState looking;
  private long pages;

  /** What other threads do between the look-up and the insertion of a batch; null for nothing. */
  private Runnable rival;

  public PageCache(Folios folios, KernelCounters counters) {
    this.folios = folios;
    this.frames = folios.frames();
    this.allocator = folios.allocator();
    this.counters = counters;
    this.tree = new XArray(counters);
    this.inserting = new XaState(tree);
    this.walking = new XaState(tree);
    this.looking = XaState.unlocked(tree);
  }

  @Override
  public boolean isAnon() {
    return false;
  }

  /** Pages in the cache (nrpages). */
  public long pages() {
    return pages;
  }

  /** Nodes of the tree. */
  public long nodes() {
    return tree.nodes();
  }

  void setRival(Runnable otherThread) {
    rival = otherThread;
  }

  /** The folio with a page of the file, or {@link #NONE}; no reference is taken. */
  public long get(long index) {
    return tree.get(index);
  }

  /** The folio with a page of the file, and a reference to it, or {@link #NONE}. */
  public long getReferenced(long index) {
    int folio = tree.get(index);
    if (folio != XArray.NONE) {
      folios.get(folio, 1);
    }
    return folio;
  }

  /** The pfn of a page of the file, which {@code folio} holds. */
  public long page(long folio, long index) {
    return folio + (index - frames.index(folio));
  }

  /**
   * Inserts a new folio, charged and put on its way to the LRU (filemap_add_folio).
   *
   * @param index of its first page, aligned to its size
   * @return false, and nothing done, if the cache has a page of the range already
   */
  public boolean add(long folio, long index) {
    counters.count(Primitive.MEMCG_CHARGE);
    counters.count(Primitive.XARRAY_LOCK);
    inserting.setOrder(index, frames.order(folio));
    if (inserting.findConflict() != XArray.NONE) {
      return false;
    }
    insertHere(folio, index);
    folios.addToLru(folio);
    return true;
  }

  /** {@link #add} of a hugetlb folio, which is neither charged nor on an LRU list. */
  void addHugetlb(long folio, long index) {
    counters.count(Primitive.XARRAY_LOCK);
    inserting.setOrder(index, frames.order(folio));
    if (inserting.findConflict() != XArray.NONE) {
      throw new IllegalStateException("the cache has a page at " + index + " already");
    }
    insertHere(folio, index);
  }

  private void insertHere(long folio, long index) {
    int nr = frames.pages(folio);
    folios.get(folio, nr);
    frames.setMapping(folio, this, index);
    inserting.store((int) folio);
    pages += nr;
  }

  /** Takes a folio out of the cache and drops the cache's references (filemap_remove_folio). */
  public void remove(long folio) {
    counters.count(Primitive.XARRAY_LOCK);
    int nr = frames.pages(folio);
    walking.setOrder(frames.index(folio), frames.order(folio));
    walking.store(XArray.NONE);
    frames.setMapping(folio, null, frames.index(folio));
    pages -= nr;
    folios.put(folio, nr);
  }

  /**
   * The first folio with a page from {@code from} to {@code last}, or {@link #NONE}. The cache may
   * change between calls.
   */
  public long first(long from, long last) {
    looking.set(from);
    return looking.find(last);
  }

  /** The folio behind that of the last {@link #first} or {@code following}; none changed since. */
  public long following(long last) {
    return looking.find(last);
  }

  /** As {@link #first}, of folios that wait for writeback (PAGECACHE_TAG_DIRTY). */
  public long firstDirty(long from, long last) {
    looking.set(from);
    return looking.findMarked(last);
  }

  /** Tags a folio dirty in the tree, or clean again. */
  public void tagDirty(long folio, boolean dirty) {
    walking.set(frames.index(folio));
    if (walking.load() != folio) {
      throw new IllegalStateException("folio 0x%x is not in this cache".formatted(folio));
    }
    if (dirty) {
      walking.setMark();
    } else {
      walking.clearMark();
    }
  }

  /**
   * The first index from {@code from} without a page, or {@code from + most}
   * (page_cache_next_miss). Begun within a folio of several slots, Linux steps on from its first
   * slot, and so is ahead by as much until the end of the node: the answer is what it would be.
   */
  public long nextMiss(long from, long most) {
    looking.set(from);
    int folio = looking.load();
    if (folio == XArray.NONE) {
      return from;
    }
    long ahead = frames.order(folio) < XArray.CHUNK_SHIFT ? from - frames.index(folio) : 0;
    if (ahead > 0) {
      looking.set(from - ahead);
      looking.load();
    }
    for (long i = 1; i < most; i++) {
      int there = looking.next();
      if (ahead > 0 && (looking.index() & XArray.CHUNK_MASK) == 0) {
        ahead = 0;
        looking.set(from + i);
        there = looking.load();
      }
      if (there == XArray.NONE) {
        return from + i;
      }
    }
    return from + most;
  }

  /**
   * The last index up to {@code from} without a page, looking at {@code most} indexes at most; -1
   * if there are pages from the file's start on (page_cache_prev_miss).
   */
  public long previousMiss(long from, long most) {
    for (long i = 0; i < most; i++) {
      if (from - i < 0 || tree.get(from - i) == XArray.NONE) {
        return from - i;
      }
    }
    return from - most;
  }

  /** Puts another folio in the place of one of the same order (folio_migrate_mapping). */
  void replace(long folio, long by) {
    counters.count(Primitive.XARRAY_LOCK);
    long index = frames.index(folio);
    replaceEntry(by, index, frames.order(folio));
    folios.get(by, frames.pages(folio));
    frames.setMapping(folio, null, index);
    folios.put(folio, frames.pages(folio));
  }

  /** Puts one folio in the place of all that an aligned range has (collapse_file). */
  void replaceAll(long folio, long index, int present) {
    counters.count(Primitive.XARRAY_LOCK);
    int nr = frames.pages(folio);
    walking.setOrder(index, frames.order(folio));
    walking.store((int) folio);
    folios.get(folio, nr);
    frames.setMapping(folio, this, index);
    pages += nr - present;
  }

  /** Divides the entry of a folio of {@code order} at {@code index} (xas_split). */
  void splitEntry(long index, int order, int newOrder) {
    tree.split(index, order, newOrder);
  }

  /** Puts a part of a split folio where its entry was. */
  void replaceEntry(long part, long index, int order) {
    walking.setOrder(index, order);
    walking.store((int) part);
    frames.setMapping(part, this, index);
  }

  /**
   * The folio of an index with a reference, newly made of one page if there was none
   * (filemap_grab_folio: FGP_LOCK, FGP_ACCESSED, FGP_CREAT).
   *
   * @return {@link #NONE} if there is no memory
   */
  public long grab(long index) {
    int present = tree.get(index);
    if (present != XArray.NONE) {
      folios.get(present, 1);
      folios.lru().markAccessed(present);
      return present;
    }
    long folio = allocator.allocate(0);
    if (folio == NONE) {
      return NONE;
    }
    frames.set(folio, PageFlag.REFERENCED);
    if (!add(folio, index)) {
      throw new IllegalStateException("index " + index + " was free a moment ago");
    }
    return folio;
  }

  /**
   * Grabs adjacent pages, up to {@link #BATCH}, those that are missing under one lock
   * (filemap_grab_folios). If another thread inserts one of them after it was looked up, what comes
   * before is kept and the rest begun again; without memory, what comes before is returned.
   *
   * @param grabbed receives the folios, each with a reference
   * @return pages grabbed from {@code index} on, or {@link #NONE} or {@link #EXISTS} if none
   */
  public int grabAll(long index, int count, long[] grabbed, GrabDesign design) {
    int done = 0;
    while (done < count) {
      int asked = count - done;
      int got = grabBatch(index + done, asked, grabbed, done, design);
      if (got <= 0) {
        return done > 0 ? done : got;
      }
      done += got;
      if (got == asked || !conflict) {
        break;
      }
    }
    return done;
  }

  private boolean conflict;
  private long presentLow;
  private long presentHigh;

  private int grabBatch(long index, int count, long[] grabbed, int at, GrabDesign design) {
    conflict = false;
    findPresent(index, count, grabbed, at, design == GrabDesign.BATCHED_QUERY);
    int allocated = 0;
    while (allocated < count) {
      if (!isPresent(allocated)) {
        long folio = allocator.allocate(0);
        if (folio == NONE) {
          break;
        }
        frames.set(folio, PageFlag.REFERENCED);
        counters.count(Primitive.MEMCG_CHARGE);
        grabbed[at + allocated] = folio;
      }
      allocated++;
    }
    if (rival != null) {
      rival.run();
    }
    int added = allocated == 0 ? 0 : insertBatch(index, allocated, grabbed, at);
    for (int i = 0; i < added; i++) {
      if (!isPresent(i)) {
        folios.addToLru(grabbed[at + i]);
      }
    }
    for (int i = added; i < count; i++) {
      if (isPresent(i) || i < allocated) {
        folios.put(grabbed[at + i], 1);
      }
    }
    if (added > 0) {
      return added;
    }
    return conflict ? EXISTS : (int) NONE;
  }

  private boolean isPresent(int i) {
    return ((i < Long.SIZE ? presentLow : presentHigh) >>> i & 1) != 0;
  }

  private void findPresent(long index, int count, long[] grabbed, int at, boolean oneDescent) {
    presentLow = 0;
    presentHigh = 0;
    if (oneDescent) {
      // One search for all that is there, as filemap_get_folios: missing pages cost no step.
      looking.set(index);
      long last = index + count - 1;
      for (int folio = looking.find(last); folio != XArray.NONE; folio = looking.find(last)) {
        found(folio, (int) (looking.index() - index), grabbed, at);
      }
      return;
    }
    for (int i = 0; i < count; i++) {
      int folio = tree.get(index + i);
      if (folio != XArray.NONE) {
        found(folio, i, grabbed, at);
      }
    }
  }

  private void found(int folio, int i, long[] grabbed, int at) {
    folios.get(folio, 1);
    folios.lru().markAccessed(folio);
    grabbed[at + i] = folio;
    if (i < Long.SIZE) {
      presentLow |= 1L << i;
    } else {
      presentHigh |= 1L << i;
    }
  }

  private int insertBatch(long index, int count, long[] grabbed, int at) {
    counters.count(Primitive.XARRAY_LOCK);
    inserting.set(index);
    for (int i = 0; i < count; i++) {
      int there = i == 0 ? inserting.findConflict() : inserting.next();
      if (isPresent(i)) {
        continue;
      }
      if (there != XArray.NONE) {
        conflict = true;
        return i;
      }
      insertHere(grabbed[at + i], index + i);
    }
    return count;
  }
}
