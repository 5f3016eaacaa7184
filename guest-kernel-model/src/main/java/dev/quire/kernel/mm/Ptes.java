package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * Reads and changes entries of tables of base pages, by runs where Linux has a batched call for
 * them, and counts it. Used on the kernel's thread.
 */
final class Ptes {
  private final KernelPteFormat format;
  private final FrameTable frames;
  private final KernelCounters counters;
  private final int frameShift;

  /** What {@link #batch} found besides its length. */
  private boolean anyWritable;

  private boolean anyDirty;
  private boolean anyYoung;

  Ptes(KernelPteFormat format, FrameTable frames, KernelCounters counters) {
    this.format = format;
    this.frames = frames;
    this.counters = counters;
    this.frameShift = format.hardware().leafOrder(0);
  }

  /** ptep_get. */
  long get(PageTable table, int index) {
    counters.count(Primitive.PTE_READ);
    return table.entries[index];
  }

  /** Whether a run of entries is none. */
  boolean rangeNone(PageTable table, int index, int nr) {
    long[] entries = table.entries;
    for (int i = index; i < index + nr; i++) {
      if (entries[i] != 0) {
        counters.count(Primitive.PTE_READ, i - index + 1);
        return false;
      }
    }
    counters.count(Primitive.PTE_READ, nr);
    return true;
  }

  /** Sets a run of entries that were none to consecutive pages (set_ptes). */
  void set(PageTable table, int index, long entry, int nr) {
    counters.count(Primitive.PTE_SET, nr);
    long[] entries = table.entries;
    entries[index] = entry;
    for (int i = 1; i < nr; i++) {
      entries[index + i] = format.advanced(entry, 0, (long) i << frameShift);
    }
  }

  /** Replaces one entry (set_pte_at, or ptep_set_access_flags). */
  void replace(PageTable table, int index, long entry) {
    counters.count(Primitive.PTE_SET);
    table.entries[index] = entry;
  }

  /** Only the rights or the accessed and dirty states of an entry change. */
  void protect(PageTable table, int index, long entry) {
    counters.count(Primitive.PTE_PROTECT);
    table.entries[index] = entry;
  }

  /** Clears one entry and returns what it was (ptep_get_and_clear). */
  long clear(PageTable table, int index) {
    counters.count(Primitive.PTE_CLEAR);
    long entry = table.entries[index];
    table.entries[index] = 0;
    return entry;
  }

  /** Clears a run of entries (clear_full_ptes). */
  void clear(PageTable table, int index, int nr) {
    counters.count(Primitive.PTE_CLEAR, nr);
    for (int i = index; i < index + nr; i++) {
      table.entries[i] = 0;
    }
  }

  /** Write-protects a run of mapped entries (wrprotect_ptes). */
  void writeProtect(PageTable table, int index, int nr) {
    counters.count(Primitive.PTE_PROTECT, nr);
    long[] entries = table.entries;
    for (int i = index; i < index + nr; i++) {
      entries[i] = format.writeProtected(entries[i]);
    }
  }

  /** The frame of a mapped entry. */
  long frame(long entry) {
    return format.pfn(entry, 0) >> frameShift;
  }

  /**
   * How many entries from one on map consecutive pages of one folio with the same bits, whatever
   * their accessed state (folio_pte_batch).
   *
   * @param max entries to look at
   * @param respectDirty entries must agree on dirty too
   * @param respectWrite entries must agree on writable too
   */
  int batch(
      long folio, PageTable table, int index, int max, boolean respectDirty, boolean respectWrite) {
    long[] entries = table.entries;
    long first = entries[index];
    anyWritable = format.isWritable(first);
    anyDirty = format.isDirty(first);
    anyYoung = format.isYoung(first);
    if (max == 1 || frames.order(folio) == 0) {
      return 1;
    }
    long page = frame(first);
    int limit = (int) Math.min(max, folio + frames.pages(folio) - page);
    long plain = plain(first, respectDirty, respectWrite);
    int nr = 1;
    while (nr < limit) {
      long entry = entries[index + nr];
      if (!format.isMapped(entry)
          || plain(entry, respectDirty, respectWrite)
              != format.advanced(plain, 0, (long) nr << frameShift)) {
        break;
      }
      anyWritable |= format.isWritable(entry);
      anyDirty |= format.isDirty(entry);
      anyYoung |= format.isYoung(entry);
      nr++;
    }
    counters.count(Primitive.PTE_BATCH);
    counters.count(Primitive.PTE_READ, nr);
    return nr;
  }

  private long plain(long entry, boolean respectDirty, boolean respectWrite) {
    long same = format.old(entry);
    same = respectDirty ? same : format.clean(same);
    return respectWrite ? same : format.clean(format.writeProtected(same));
  }

  boolean anyWritable() {
    return anyWritable;
  }

  boolean anyDirty() {
    return anyDirty;
  }

  boolean anyYoung() {
    return anyYoung;
  }
}
