package dev.quire.kernel.page;

/**
 * Flags of a page as bits of an int (Linux v6.18 include/linux/page-flags.h). Those of a folio
 * stand at its first page; {@link #ANON_EXCLUSIVE}, {@link #HWPOISON}, {@link #NONZERO} and {@link
 * #TAIL} belong to single pages.
 */
public final class PageFlag {
  /** The first page of a folio of order 1 or more. */
  public static final int HEAD = 1;

  public static final int TAIL = 1 << 1;

  /** The first page of a free block of the buddy allocator. */
  public static final int BUDDY = 1 << 2;

  /** Not the allocator's to give: a hole, or the zero page. */
  public static final int RESERVED = 1 << 3;

  public static final int LOCKED = 1 << 4;
  public static final int REFERENCED = 1 << 5;
  public static final int UPTODATE = 1 << 6;
  public static final int DIRTY = 1 << 7;
  public static final int WRITEBACK = 1 << 8;
  public static final int LRU = 1 << 9;
  public static final int ACTIVE = 1 << 10;
  public static final int UNEVICTABLE = 1 << 11;
  public static final int MLOCKED = 1 << 12;
  public static final int SWAPBACKED = 1 << 13;
  public static final int SWAPCACHE = 1 << 14;
  public static final int ANON = 1 << 15;
  public static final int HUGETLB = 1 << 16;

  /** Some pages of a large anonymous folio are no longer mapped by anybody. */
  public static final int PARTIALLY_MAPPED = 1 << 17;

  /** On the deferred split queue. */
  public static final int DEFERRED_SPLIT = 1 << 18;

  /** A page of an anonymous folio that one process maps alone (PageAnonExclusive). */
  public static final int ANON_EXCLUSIVE = 1 << 19;

  public static final int HWPOISON = 1 << 20;

  /** The second look at a folio on its way out of memory was taken (readahead). */
  public static final int READAHEAD = 1 << 21;

  /**
   * A hugetlb folio that used a reservation and gives it back when it is freed. Shares its bit with
   * {@link #READAHEAD}, which no hugetlb folio has.
   */
  public static final int RESTORE_RESERVE = READAHEAD;

  /** A page or a page table that the kernel itself holds. */
  public static final int TABLE = 1 << 22;

  /** More than one process may map the large folio (FOLIO_MM_IDS_SHARED). */
  public static final int MAYBE_MAPPED_SHARED = 1 << 23;

  /** The page holds something but zeros, as far as the model was told. */
  public static final int NONZERO = 1 << 24;

  /** Flags that belong to a page, not to its folio. */
  static final int OF_PAGE = ANON_EXCLUSIVE | HWPOISON | NONZERO;

  private PageFlag() {}
}
