package dev.quire.kernel.mm;

import dev.quire.kernel.contpte.ContPte;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * Reads and changes entries of tables of base pages, by runs where Linux has a batched call for
 * them, and counts it. On arm64 {@link ContPte} does it, and keeps the contiguous bit right. Used
 * on the kernel's thread.
 */
final class Ptes {
  private final KernelPteFormat format;
  private final FrameTable frames;
  private final KernelCounters counters;
  private final int frameShift;

  /** Null where entries have no contiguous bit, or nobody uses it. */
  private final ContPte contPte;

  /** What {@link #batch} found besides its length. */
  private boolean anyWritable;

  private boolean anyDirty;
  private boolean anyYoung;

  Ptes(KernelPteFormat format, FrameTable frames, KernelCounters counters, ContPte contPte) {
    this.format = format;
    this.frames = frames;
    this.counters = counters;
    this.contPte = contPte;
    this.frameShift = format.hardware().leafOrder(0);
  }

  /** ptep_get: accessed and dirty of a contiguous group's entry are the group's. */
  long get(PageTable table, int index) {
    if (contPte != null) {
      return contPte.get(table, index);
    }
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

  /** Sets a run of entries that were none to consecutive pages of one folio (set_ptes). */
  void set(PageTable table, int index, long entry, int nr) {
    if (contPte != null) {
      contPte.set(table, index, entry, nr);
      return;
    }
    counters.count(Primitive.PTE_SET, nr);
    long[] entries = table.entries;
    entries[index] = entry;
    for (int i = 1; i < nr; i++) {
      entries[index + i] = format.advanced(entry, 0, (long) i << frameShift);
    }
  }

  /** Replaces one entry by another (set_pte_at). */
  void replace(PageTable table, int index, long entry) {
    set(table, index, entry, 1);
  }

  /** Gives one mapped entry more: accessed, dirty, or writable (ptep_set_access_flags). */
  void setAccess(PageTable table, int index, long entry) {
    if (contPte != null) {
      contPte.setAccessFlags(table, index, entry);
      return;
    }
    counters.count(Primitive.PTE_PROTECT);
    table.entries[index] = entry;
  }

  /** Clears one entry and returns what it was (ptep_get_and_clear). */
  long clear(PageTable table, int index) {
    if (contPte != null) {
      return contPte.clear(table, index);
    }
    counters.count(Primitive.PTE_CLEAR);
    long entry = table.entries[index];
    table.entries[index] = 0;
    return entry;
  }

  /**
   * Clears a run of mapped entries and returns the first, accessed and dirty if any was
   * (get_and_clear_full_ptes).
   */
  long clear(PageTable table, int index, int nr) {
    if (contPte != null) {
      return contPte.clear(table, index, nr);
    }
    counters.count(Primitive.PTE_CLEAR, nr);
    long[] entries = table.entries;
    long first = entries[index];
    entries[index] = 0;
    for (int i = index + 1; i < index + nr; i++) {
      first = merged(first, entries[i]);
      entries[i] = 0;
    }
    return first;
  }

  private long merged(long entry, long other) {
    long young = format.isYoung(other) ? format.young(entry) : entry;
    return format.isDirty(other) ? format.dirty(young) : young;
  }

  /** Write-protects a run of mapped entries (wrprotect_ptes). */
  void writeProtect(PageTable table, int index, int nr) {
    if (contPte != null) {
      contPte.writeProtect(table, index, nr);
      return;
    }
    counters.count(Primitive.PTE_PROTECT, nr);
    long[] entries = table.entries;
    for (int i = index; i < index + nr; i++) {
      entries[i] = format.writeProtected(entries[i]);
    }
  }

  /** Makes a run of mapped entries old, and clean too (clear_young_dirty_ptes). */
  void age(PageTable table, int index, int nr, boolean clean) {
    if (contPte != null) {
      if (clean) {
        contPte.clearYoungDirty(table, index, nr);
      } else {
        contPte.testAndClearYoung(table, index, nr);
      }
      return;
    }
    counters.count(Primitive.PTE_PROTECT, nr);
    for (int i = index; i < index + nr; i++) {
      long old = format.old(table.entries[i]);
      table.entries[i] = clean ? format.clean(old) : old;
    }
  }

  /** The frame of a mapped entry. */
  long frame(long entry) {
    return format.pfn(entry, 0) >>> frameShift;
  }

  /** Entries from one on that are known to go on like it (pte_batch_hint). */
  int hint(PageTable table, int index) {
    return contPte == null ? 1 : contPte.batchHint(table, index);
  }

  /**
   * How many entries from one on map consecutive pages of one large folio with the same bits,
   * whatever their accessed state (folio_pte_batch).
   *
   * @param max entries to look at
   * @param respectDirty entries must agree on dirty too
   * @param respectWrite entries must agree on writable too
   */
  int batch(
      long folio, PageTable table, int index, int max, boolean respectDirty, boolean respectWrite) {
    long[] entries = table.entries;
    long first = contPte == null ? entries[index] : contPte.peek(table, index);
    anyWritable = format.isWritable(first);
    anyDirty = format.isDirty(first);
    anyYoung = format.isYoung(first);
    if (max == 1 || frames.order(folio) == 0) {
      return 1;
    }
    counters.count(Primitive.PTE_BATCH);
    int limit = (int) Math.min(max, folio + frames.pages(folio) - frame(first));
    long plain = plain(first, respectDirty, respectWrite);
    int nr = hint(table, index);
    int reads = 0;
    while (nr < limit) {
      long entry = contPte == null ? entries[index + nr] : contPte.get(table, index + nr);
      reads++;
      if (!format.isMapped(entry)
          || plain(entry, respectDirty, respectWrite)
              != format.advanced(plain, 0, (long) nr << frameShift)) {
        break;
      }
      anyWritable |= format.isWritable(entry);
      anyDirty |= format.isDirty(entry);
      anyYoung |= format.isYoung(entry);
      nr += hint(table, index + nr);
    }
    if (contPte == null) {
      counters.count(Primitive.PTE_READ, reads);
    }
    return Math.min(nr, limit);
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
