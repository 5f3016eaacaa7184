package dev.quire.mmu;

/**
 * What an operating system keeps in the leaves of its processes' page tables beyond what {@link
 * PteFormat} says: rights changed in place, accessed and dirty states, software bits, pages that no
 * access may reach, and notes in entries that map nothing. Linux calls these pte_mkwrite,
 * pte_wrprotect and so on.
 *
 * <p>An entry is <em>none</em> (0), <em>mapped</em> (it holds a page, perhaps without any right:
 * PROT_NONE), or a <em>note</em> (neither: a swap or migration entry, a marker). pfns count 4 KiB
 * pages as in {@link PteFormat}. All methods are pure and allocation-free.
 */
public interface KernelPteFormat {
  /** Types of notes go from 0 to this. */
  int MAX_NOTE_TYPE = 31;

  /** Notes hold values of this many bits. */
  int NOTE_VALUE_BITS = 40;

  /** Geometry and table entries. */
  PteFormat hardware();

  /** A young, clean leaf; with no rights at all it stays mapped, but hardware does not see it. */
  long leaf(long pfn, int level, int protection);

  boolean isMapped(long entry);

  /** The page of a mapped entry of {@code level}. */
  long pfn(long entry, int level);

  /** The rights of a mapped entry, {@link Protection}. */
  int protection(long entry, int level);

  /** The mapped entry with other rights and everything else kept (pte_modify). */
  long withProtection(long entry, int level, int protection);

  /** The mapped entry for the page {@code pages} further on (pte_advance_pfn). */
  long advanced(long entry, int level, long pages);

  boolean isWritable(long entry);

  long writable(long entry);

  long writeProtected(long entry);

  boolean isYoung(long entry);

  long young(long entry);

  long old(long entry);

  boolean isDirty(long entry);

  long dirty(long entry);

  long clean(long entry);

  /** Whether a mapped page has no struct page that counts: the zero page (pte_special). */
  boolean isSpecial(long entry);

  long special(long entry);

  /** The bit that says write protection by userfaultfd in a mapped entry, or in a note. */
  long uffdWriteProtection(boolean mapped);

  /** Write protection by userfaultfd; mapped entries and notes carry it. */
  default boolean isUffdWriteProtected(long entry) {
    return (entry & uffdWriteProtection(isMapped(entry))) != 0;
  }

  default long uffdWriteProtected(long entry) {
    boolean mapped = isMapped(entry);
    return (mapped ? writeProtected(entry) : entry) | uffdWriteProtection(mapped);
  }

  default long uffdWritable(long entry) {
    return entry & ~uffdWriteProtection(isMapped(entry));
  }

  /** Whether a mapped entry is one of a contiguous group ({@link PteFormat#contiguousOrder}). */
  boolean isContiguous(long entry);

  /**
   * The mapped entry as one of a contiguous group.
   *
   * @throws UnsupportedOperationException if the format has none
   */
  long contiguous(long entry);

  /** The mapped entry as none of a contiguous group. */
  long single(long entry);

  /** An entry that maps nothing and says something to software. */
  long note(int type, long value);

  int noteType(long entry);

  long noteValue(long entry);

  /** Whether the entry is neither none nor mapped. */
  default boolean isNote(long entry) {
    return entry != 0 && !isMapped(entry);
  }
}
