package dev.quire.kernel.gather;

import static dev.quire.kernel.stat.Primitive.GATHER_BATCH;
import static dev.quire.kernel.stat.Primitive.GATHER_CHUNK;
import static dev.quire.kernel.stat.Primitive.GATHER_ENTRY;
import static dev.quire.kernel.stat.Primitive.GATHER_FLUSH;
import static dev.quire.kernel.stat.Primitive.SWAPCACHE_CHECK;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.rmap.ReverseMap;
import dev.quire.kernel.stat.KernelCounters;

/**
 * Collects pages and page tables that an unmapping took out of a process's tables, and gives them
 * back only after the process's translations were flushed: until then a processor may still reach
 * them.
 *
 * <p>In Linux's order: {@link #start}; for every page cleared, {@link #cleared} and {@link #add};
 * where {@code add} says it is full, or a page table's lock is about to go, {@link #flushRmaps};
 * when full, {@link #flush}; {@link #finish} at the end. One object serves any number of
 * unmappings, one at a time, and allocates nothing. Pages that hold entries are counted, not taken
 * from the modelled memory. Used on the kernel's thread.
 *
 * <p>Source: Linux v6.18 mm/mmu_gather.c, include/asm-generic/tlb.h; for the other designs see
 * {@link GatherDesign}.
 */
public final class MmuGather {
  /** Entries of the batch that stands on the stack (MMU_GATHER_BUNDLE). */
  private static final int BUNDLE = 8;

  private static final int ENTRIES_PER_CHUNK = 512;
  private static final int TABLE_BATCH_HEADER_BYTES = 24;

  private final GatherDesign design;
  private final FrameTable frames;
  private final ReverseMap rmap;
  private final FreedPages freed;
  private final TlbFlush tlb;
  private final KernelCounters counters;
  private final int slotsPerBatch;
  private final int maxBatches;

  /**
   * First page of each entry, in order; the sign bit (by complement) of those with rmap delayed.
   */
  private final long[] pages;

  private final int[] lengths;

  /** Of each full batch: the entry behind its last. */
  private final int[] batchEnds;

  private final long[] tables;

  private int mm;
  private boolean fullMm;
  private int entries;
  private int tableCount;

  /** Entries before this one have no rmap removal pending. */
  private int rmapDone;

  private boolean rmapDelayed;

  /** The batch being filled: 0 is the one on the stack. */
  private int batch;

  private int slotsUsed;
  private int batchesAllocated;

  /** RANGES: behind the last pfn the open entry may take. */
  private long rangeLimit;

  private long start;
  private long end;
  private int clearedLevels;
  private boolean freedTables;

  /**
   * @param pageBytes the kernel's base page: what a batch of entries fits in
   */
  public MmuGather(
      GatherDesign design,
      int pageBytes,
      FrameTable frames,
      ReverseMap rmap,
      FreedPages freed,
      TlbFlush tlb,
      KernelCounters counters) {
    this.design = design;
    this.frames = frames;
    this.rmap = rmap;
    this.freed = freed;
    this.tlb = tlb;
    this.counters = counters;
    this.slotsPerBatch = design.slotsPerBatch(pageBytes);
    this.maxBatches = design.maxBatches(pageBytes);
    int slots = BUNDLE + maxBatches * slotsPerBatch;
    this.pages = new long[slots];
    this.lengths = new int[slots];
    this.batchEnds = new int[maxBatches + 1];
    this.tables = new long[(pageBytes - TABLE_BATCH_HEADER_BYTES) / Long.BYTES];
  }

  public GatherDesign design() {
    return design;
  }

  /**
   * Begins an unmapping (tlb_gather_mmu, tlb_gather_mmu_fullmm).
   *
   * @param mm id of the address space
   * @param fullMm whether all of it goes, and nobody runs in it
   */
  public void start(int mm, boolean fullMm) {
    if (entries != 0 || tableCount != 0) {
      throw new IllegalStateException("the unmapping before was not finished");
    }
    this.mm = mm;
    this.fullMm = fullMm;
    batch = 0;
    slotsUsed = 0;
    batchesAllocated = 0;
    rangeLimit = 0;
    resetRange();
  }

  private void resetRange() {
    start = Long.MAX_VALUE;
    end = 0;
    clearedLevels = 0;
    freedTables = false;
  }

  /**
   * Entries that map {@code [address, address + bytes)} were cleared: they must be flushed.
   *
   * @param level of the entries, 0 for PTEs
   */
  public void cleared(long address, long bytes, int level) {
    start = Math.min(start, address);
    end = Math.max(end, address + bytes);
    clearedLevels |= 1 << level;
  }

  /** Whether the rmap removal of a page must wait for the gather ({@link #add}). */
  public boolean delaysRmap(boolean dirtyFilePage) {
    return dirtyFilePage || design == GatherDesign.RANGES;
  }

  /**
   * Takes pages of one folio that were unmapped, each with the reference its PTE held; what a PMD
   * mapped goes as one page. Designs other than {@link GatherDesign#RUNS} take one page a call.
   *
   * @param delayRmap whether {@link #flushRmaps} shall tell the rmap, not the caller
   * @return whether it is full: the caller must {@link #flush} before it adds more
   */
  public boolean add(long first, int nr, boolean delayRmap) {
    if (nr > 1 && !design.batchesZap()) {
      throw new IllegalArgumentException(design + " takes one page at a time, not " + nr);
    }
    if (end == 0) {
      throw new IllegalStateException("a page without a range to flush");
    }
    rmapDelayed |= delayRmap;
    if (design == GatherDesign.RANGES) {
      if (extend(first, delayRmap)) {
        return false;
      }
      boolean lastSlot = slotsUsed == capacity() - 1;
      long folio = frames.folioOf(first);
      rangeLimit = lastSlot ? 0 : folio + frames.pages(folio);
    }
    counters.count(GATHER_ENTRY);
    pages[entries] = delayRmap ? ~first : first;
    lengths[entries++] = nr;
    slotsUsed += slotsOf(nr);
    return slotsUsed >= capacity() - design.reservedSlots() && !nextBatch();
  }

  private boolean extend(long page, boolean delayRmap) {
    int last = entries - 1;
    if (page >= rangeLimit || last < 0 || pages[last] < 0 != delayRmap) {
      return false;
    }
    if (page(last) + lengths[last] != page) {
      return false;
    }
    lengths[last]++;
    return true;
  }

  private long page(int entry) {
    long page = pages[entry];
    return page < 0 ? ~page : page;
  }

  private int capacity() {
    return batch == 0 ? BUNDLE : slotsPerBatch;
  }

  private boolean nextBatch() {
    if (rmapDelayed && design != GatherDesign.RANGES && batch > 0 || batch == maxBatches) {
      return false;
    }
    if (batch == batchesAllocated) {
      batchesAllocated++;
      counters.count(GATHER_BATCH);
    }
    batchEnds[batch++] = entries;
    slotsUsed = 0;
    return true;
  }

  /** Takes a page table that was unlinked; it covered {@code [address, address + bytes)}. */
  public void addTable(long table, long address, long bytes, int level) {
    cleared(address, bytes, level + 1);
    freedTables = true;
    tables[tableCount++] = table;
    if (tableCount == tables.length) {
      flushTlb();
      freeTables();
    }
  }

  /**
   * Does the rmap removals that were delayed, under the page table's lock (tlb_flush_rmaps): with
   * {@link GatherDesign#RANGES} for every page table, otherwise after {@link #flushTlb}, so that
   * nobody takes a page for clean that a processor can still write.
   */
  public void flushRmaps() {
    if (rmapDelayed && clearedLevels != 0 && design != GatherDesign.RANGES) {
      throw new IllegalStateException("translations of pages with a delayed rmap are not flushed");
    }
    for (int i = rmapDone; rmapDelayed && i < entries; i++) {
      if (pages[i] < 0) {
        long first = ~pages[i];
        long folio = frames.folioOf(first);
        if (design == GatherDesign.RANGES) {
          rmap.removeRange(folio, first, lengths[i], mm);
        } else {
          rmap.removePtes(folio, first, lengths[i], mm);
        }
      }
    }
    rmapDelayed = false;
    rmapDone = entries;
    rangeLimit = 0;
  }

  /** Flushes the translations collected so far, and frees nothing (tlb_flush_mmu_tlbonly). */
  public void flushTlb() {
    if (clearedLevels == 0) {
      return;
    }
    if (fullMm) {
      tlb.all(mm, freedTables);
    } else {
      tlb.range(mm, start, end, Integer.numberOfTrailingZeros(clearedLevels), freedTables);
    }
    resetRange();
  }

  /** Flushes the translations, then gives pages and tables back (tlb_flush_mmu). */
  public void flush() {
    if (rmapDelayed) {
      throw new IllegalStateException("rmap removals are pending");
    }
    counters.count(GATHER_FLUSH);
    flushTlb();
    freeTables();
    freePages();
  }

  private void freeTables() {
    for (int i = 0; i < tableCount; i++) {
      freed.freeTable(tables[i]);
    }
    tableCount = 0;
  }

  private void freePages() {
    int entry = 0;
    batchEnds[batch] = entries;
    for (int i = 0; i <= batch; i++) {
      int slots = ENTRIES_PER_CHUNK;
      for (; entry < batchEnds[i]; entry++) {
        if (slots >= ENTRIES_PER_CHUNK) {
          counters.count(GATHER_CHUNK);
          slots = 0;
        }
        slots += slotsOf(lengths[entry]);
        counters.count(SWAPCACHE_CHECK);
        freed.put(frames.folioOf(page(entry)), lengths[entry]);
      }
    }
    entries = 0;
    rmapDone = 0;
    batch = 0;
    slotsUsed = 0;
    rangeLimit = 0;
  }

  private int slotsOf(int length) {
    return length > 1 && design == GatherDesign.RUNS ? 2 : 1;
  }

  /** Ends the unmapping: everything is flushed and given back (tlb_finish_mmu). */
  public void finish() {
    flush();
  }
}
