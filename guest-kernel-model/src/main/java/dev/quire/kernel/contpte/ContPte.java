package dev.quire.kernel.contpte;

import static dev.quire.kernel.stat.Primitive.CONTPTE_CHECK;
import static dev.quire.kernel.stat.Primitive.CONTPTE_FOLD;
import static dev.quire.kernel.stat.Primitive.CONTPTE_UNFOLD;
import static dev.quire.kernel.stat.Primitive.PTE_CALL;
import static dev.quire.kernel.stat.Primitive.PTE_CLEAR;
import static dev.quire.kernel.stat.Primitive.PTE_PROTECT;
import static dev.quire.kernel.stat.Primitive.PTE_READ;
import static dev.quire.kernel.stat.Primitive.PTE_SET;

import dev.quire.kernel.gather.TlbFlush;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;

/**
 * Changes entries of a table of base pages and keeps arm64's contiguous bit right behind the back
 * of the caller, who never passes it in: groups of 16, 128 or 32 entries (4, 16, 64 KiB base pages)
 * that map an aligned run of one folio with the same rights carry it, so that one TLB entry can
 * hold the group. Accessed and dirty belong to the group, whichever entry hardware set them in.
 *
 * <p>Folding and unfolding rewrite the whole group with a flush between: {@link TlbFlush#range}
 * hears of each. Runs lie in one table; those set were none, those changed otherwise are mapped.
 * Allocates nothing; used on the kernel's thread, under the page table's lock.
 *
 * <p>Source: Linux v6.18 arch/arm64/mm/contpte.c and arch/arm64/include/asm/pgtable.h; {@link
 * #setAccessFlags} compares every entry of a group, as since Linux 7.0-rc3. Processors with BBML2,
 * which need no flush to change the bit, are not modelled.
 */
public final class ContPte {
  private final KernelPteFormat format;
  private final FrameTable frames;
  private final KernelCounters counters;
  private final TlbFlush tlb;
  private final ContPteDesign design;
  private final int frameShift;
  private final int pageShift;
  private final int groupPages;

  public ContPte(
      KernelPteFormat format,
      FrameTable frames,
      KernelCounters counters,
      TlbFlush tlb,
      ContPteDesign design) {
    this.format = format;
    this.frames = frames;
    this.counters = counters;
    this.tlb = tlb;
    this.design = design;
    this.frameShift = format.hardware().leafOrder(0);
    this.pageShift = Order.shift(frameShift);
    this.groupPages = 1 << format.hardware().contiguousOrder(0) - frameShift;
    if (groupPages == 1) {
      throw new IllegalArgumentException("a page-table format without contiguous leaves");
    }
  }

  public ContPteDesign design() {
    return design;
  }

  /** Entries of a group (CONT_PTES). */
  public int groupPages() {
    return groupPages;
  }

  private boolean isGroup(long entry) {
    return format.isContiguous(entry) && format.hardware().isPresent(entry);
  }

  private int groupStart(int index) {
    return index & -groupPages;
  }

  private boolean startsGroup(int index) {
    return (index & groupPages - 1) == 0;
  }

  private long frame(long entry) {
    return format.pfn(entry, 0) >>> frameShift;
  }

  private long advanced(long entry, long pages) {
    return format.advanced(entry, 0, pages << frameShift);
  }

  /**
   * An entry, accessed and dirty if any of its group is (ptep_get). It may carry the contiguous
   * bit.
   */
  public long get(PteTable table, int index) {
    counters.count(PTE_READ);
    long entry = table.entries()[index];
    return isGroup(entry) ? gathered(table.entries(), groupStart(index), entry) : entry;
  }

  /** {@link #get} of an entry that was read before: counts nothing. */
  public long peek(PteTable table, int index) {
    long[] entries = table.entries();
    long entry = entries[index];
    if (isGroup(entry)) {
      int start = groupStart(index);
      for (int i = start; i < start + groupPages; i++) {
        entry = withUse(entry, entries[i]);
      }
    }
    return entry;
  }

  private long withUse(long entry, long other) {
    long dirty = format.isDirty(other) ? format.dirty(entry) : entry;
    return format.isYoung(other) ? format.young(dirty) : dirty;
  }

  /** Looks for a dirty and a young entry, until both are found. */
  private long gathered(long[] entries, int start, long entry) {
    int reads = 0;
    boolean young = false;
    boolean dirty = false;
    for (int i = start; i < start + groupPages && !(young && dirty); i++) {
      reads++;
      if (!dirty && format.isDirty(entries[i])) {
        dirty = true;
        if (!young) {
          reads++;
        }
      }
      young |= format.isYoung(entries[i]);
    }
    counters.count(PTE_READ, reads);
    long found = dirty ? format.dirty(entry) : entry;
    return young ? format.young(found) : found;
  }

  /** Entries from this one on that need no look of their own in a search (pte_batch_hint). */
  public int batchHint(PteTable table, int index) {
    return design.batches() && isGroup(table.entries()[index])
        ? groupPages - (index & groupPages - 1)
        : 1;
  }

  /** Sets a run to consecutive pages of one folio: none before, unless it is one (set_ptes). */
  public void set(PteTable table, int index, long entry, int nr) {
    countCall();
    counters.count(PTE_SET, nr);
    long[] entries = table.entries();
    long single = format.single(entry);
    if (nr == 1) {
      unfoldIfGroup(table, index);
      entries[index] = single;
      foldIfLast(table, index, single);
      return;
    }
    for (int done = 0; done < nr; ) {
      int pages = Math.min(nr - done, groupStart(index + done) + groupPages - (index + done));
      long first = advanced(single, done);
      boolean group = pages == groupPages && (frame(first) & groupPages - 1) == 0;
      write(entries, index + done, group ? format.contiguous(first) : first, pages);
      done += pages;
    }
  }

  private void write(long[] entries, int index, long first, int nr) {
    entries[index] = first;
    for (int i = 1; i < nr; i++) {
      entries[index + i] = advanced(first, i);
    }
  }

  private void countCall() {
    if (!design.inlines()) {
      counters.count(PTE_CALL);
    }
  }

  private void unfoldIfGroup(PteTable table, int index) {
    counters.count(CONTPTE_CHECK);
    long entry = table.entries()[index];
    if (isGroup(entry)) {
      counters.count(CONTPTE_UNFOLD);
      convert(table, index, format.single(entry));
    }
  }

  private void unfoldEnds(PteTable table, int index, int nr) {
    if (!startsGroup(index) || nr < groupPages) {
      unfoldIfGroup(table, index);
    }
    if (!startsGroup(index + nr)) {
      unfoldIfGroup(table, index + nr - 1);
    }
  }

  private void foldIfLast(PteTable table, int index, long entry) {
    if (!design.folds()) {
      return;
    }
    counters.count(CONTPTE_CHECK);
    int last = groupPages - 1;
    if ((index & last) == last
        && format.hardware().isPresent(entry)
        && (frame(entry) & last) == last
        && !format.isSpecial(entry)
        && maps(table.entries(), groupStart(index), entry)) {
      counters.count(CONTPTE_FOLD);
      convert(table, index, format.contiguous(entry));
    }
  }

  /** Whether a group maps an aligned run of one folio with the rights of its last entry. */
  private boolean maps(long[] entries, int start, long lastEntry) {
    long first = frame(lastEntry) - (groupPages - 1);
    long folio = frames.folioOf(first);
    if (folio + frames.pages(folio) < first + groupPages) {
      return false;
    }
    long expected = advanced(format.clean(format.old(lastEntry)), 1 - groupPages);
    for (int i = 0; i < groupPages; i++) {
      counters.count(PTE_READ);
      if (format.clean(format.old(entries[start + i])) != advanced(expected, i)) {
        return false;
      }
    }
    return true;
  }

  /** Clears a group, flushes it and writes it anew, all entries accessed and dirty if one was. */
  private void convert(PteTable table, int index, long entry) {
    long[] entries = table.entries();
    int start = groupStart(index);
    long first = advanced(entry, start - index);
    for (int i = start; i < start + groupPages; i++) {
      first = withUse(first, entries[i]);
      entries[i] = 0;
    }
    long address = table.address() + ((long) start << pageShift);
    tlb.range(table.mm(), address, address + ((long) groupPages << pageShift), 0, false);
    write(entries, start, first, groupPages);
  }

  /** Clears one entry and returns what it was (ptep_get_and_clear). */
  public long clear(PteTable table, int index) {
    counters.count(PTE_CLEAR);
    unfoldIfGroup(table, index);
    long entry = table.entries()[index];
    table.entries()[index] = 0;
    return entry;
  }

  /**
   * Clears a run of mapped entries and returns the first, accessed and dirty if any was
   * (get_and_clear_full_ptes).
   */
  public long clear(PteTable table, int index, int nr) {
    if (nr == 1) {
      return clear(table, index);
    }
    prepareRun(table, index, nr);
    counters.count(PTE_CLEAR, nr);
    long[] entries = table.entries();
    long first = entries[index];
    for (int i = index; i < index + nr; i++) {
      first = withUse(first, entries[i]);
      entries[i] = 0;
    }
    return first;
  }

  /** Takes write access from a run of mapped entries (wrprotect_ptes). */
  public void writeProtect(PteTable table, int index, int nr) {
    if (nr == 1 || !design.batches()) {
      counters.count(PTE_CALL, design.inlines() ? 0 : nr);
    } else {
      countCall();
    }
    prepareRun(table, index, nr);
    counters.count(PTE_PROTECT, nr);
    long[] entries = table.entries();
    for (int i = index; i < index + nr; i++) {
      entries[i] = format.writeProtected(entries[i]);
    }
  }

  /** Unfolds what a change of the run must: groups at its ends, or all where runs are unknown. */
  private void prepareRun(PteTable table, int index, int nr) {
    if (nr > 1 && design.batches()) {
      unfoldEnds(table, index, nr);
      return;
    }
    for (int i = index; i < index + nr; i++) {
      unfoldIfGroup(table, i);
    }
  }

  /**
   * Makes entries old, those of a group all together, and says whether any was young
   * (ptep_test_and_clear_young).
   */
  public boolean testAndClearYoung(PteTable table, int index, int nr) {
    long[] entries = table.entries();
    int first = isGroup(entries[index]) ? groupStart(index) : index;
    int last = index + nr - 1;
    last = isGroup(entries[last]) ? groupStart(last) + groupPages - 1 : last;
    counters.count(PTE_PROTECT, last - first + 1);
    boolean young = false;
    for (int i = first; i <= last; i++) {
      young |= format.isYoung(entries[i]);
      entries[i] = format.old(entries[i]);
    }
    return young;
  }

  /** Makes entries old and clean, those of a group all together (clear_young_dirty_ptes). */
  public void clearYoungDirty(PteTable table, int index, int nr) {
    testAndClearYoung(table, index, nr);
    long[] entries = table.entries();
    int first = isGroup(entries[index]) ? groupStart(index) : index;
    int last = index + nr - 1;
    last = isGroup(entries[last]) ? groupStart(last) + groupPages - 1 : last;
    for (int i = first; i <= last; i++) {
      entries[i] = format.clean(entries[i]);
    }
  }

  /**
   * Gives a mapped entry more: accessed, dirty or writable, as {@code entry} has it
   * (ptep_set_access_flags). A group keeps together unless write access comes to one entry.
   *
   * @return whether anything changed
   */
  public boolean setAccessFlags(PteTable table, int index, long entry) {
    long[] entries = table.entries();
    counters.count(CONTPTE_CHECK);
    int first = index;
    int nr = 1;
    if (isGroup(entries[index])) {
      if (groupHas(entries, groupStart(index), entry)) {
        return false;
      }
      if (format.isWritable(entries[index]) == format.isWritable(entry)) {
        first = groupStart(index);
        nr = groupPages;
      } else {
        counters.count(CONTPTE_UNFOLD);
        convert(table, index, format.single(entries[index]));
      }
    }
    boolean changed = false;
    for (int i = first; i < first + nr; i++) {
      long more = withAccess(entries[i], entry);
      changed |= more != entries[i];
      entries[i] = more;
    }
    counters.count(PTE_PROTECT, nr);
    return changed;
  }

  private boolean groupHas(long[] entries, int start, long entry) {
    counters.count(PTE_READ, groupPages);
    for (int i = start; i < start + groupPages; i++) {
      if (format.isWritable(entries[i]) != format.isWritable(entry)
          || format.isDirty(entries[i]) != format.isDirty(entry)
          || format.isYoung(entries[i]) != format.isYoung(entry)) {
        return false;
      }
    }
    return true;
  }

  private long withAccess(long entry, long wanted) {
    long more = format.isWritable(wanted) ? format.writable(entry) : entry;
    more = format.isDirty(wanted) ? format.dirty(more) : more;
    return format.isYoung(wanted) ? format.young(more) : more;
  }
}
