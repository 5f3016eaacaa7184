package dev.quire.kernel.page;

import java.util.Arrays;

/**
 * The struct pages of a modelled machine, as parallel arrays in sections that are made when first
 * written: untouched memory costs one reference a section, touched memory 32 bytes a page.
 *
 * <p>Plain storage: nothing here decides anything or counts. Reference counts and map counts are
 * numbers of references and mappings (Linux stores the latter minus one). What Linux keeps of a
 * large folio in its second struct page stands in the slots of its second page here.
 *
 * <p>Used on the kernel's thread. Source: Linux v6.18 include/linux/mm_types.h (struct page, struct
 * folio).
 */
public final class FrameTable {
  /** Added to {@link #nrPagesMapped} by the first PMD mapping (Linux's ENTIRELY_MAPPED). */
  public static final int ENTIRELY_MAPPED = 0x80_0000;

  /** The part of {@link #nrPagesMapped} that counts pages mapped by PTEs. */
  public static final int PAGES_MAPPED_MASK = ENTIRELY_MAPPED - 1;

  /** No frame: the end of a list. */
  public static final int NONE = -1;

  private static final int SECTION_SHIFT = 13;
  private static final int SECTION_PAGES = 1 << SECTION_SHIFT;
  private static final int SECTION_MASK = SECTION_PAGES - 1;
  private static final int ORDER_SHIFT = 26;
  private static final int FLAG_MASK = (1 << ORDER_SHIFT) - 1;

  /** What no folio in use has at its first page. */
  private static final int UNUSABLE = PageFlag.BUDDY | PageFlag.TAIL | PageFlag.RESERVED;

  private static final class Section {
    /** {@link PageFlag}s, and above them the order of a folio or free block. */
    final int[] flags = new int[SECTION_PAGES];

    final int[] refCount = new int[SECTION_PAGES];
    final int[] mapCount = new int[SECTION_PAGES];

    final int[] previous = new int[SECTION_PAGES];
    final int[] next = new int[SECTION_PAGES];
    final long[] index = new long[SECTION_PAGES];
    final FolioMapping[] mapping = new FolioMapping[SECTION_PAGES];

    Section() {
      Arrays.fill(previous, NONE);
      Arrays.fill(next, NONE);
    }
  }

  private final Section[] sections;
  private final long frames;

  /**
   * @param frames the machine's base pages, at most 2^31 - 1
   */
  public FrameTable(long frames) {
    if (frames <= 0 || frames > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("frames: " + frames + ", 1 to 2^31 - 1");
    }
    this.frames = frames;
    this.sections = new Section[(int) (frames + SECTION_MASK >>> SECTION_SHIFT)];
  }

  public long frames() {
    return frames;
  }

  private Section section(long pfn) {
    int number = (int) (pfn >>> SECTION_SHIFT);
    Section section = sections[number];
    return section != null ? section : make(number);
  }

  private Section make(int number) {
    Section section = new Section();
    sections[number] = section;
    return section;
  }

  private static int slot(long pfn) {
    return (int) pfn & SECTION_MASK;
  }

  /** Whether all of {@code flags} are set. */
  public boolean is(long pfn, int flags) {
    return (section(pfn).flags[slot(pfn)] & flags) == flags;
  }

  public int flags(long pfn) {
    return section(pfn).flags[slot(pfn)] & FLAG_MASK;
  }

  public void set(long pfn, int flags) {
    section(pfn).flags[slot(pfn)] |= flags;
  }

  public void clear(long pfn, int flags) {
    section(pfn).flags[slot(pfn)] &= ~flags;
  }

  /** The order of the folio that a page is part of, or of a free block at its first page. */
  public int order(long pfn) {
    return section(pfn).flags[slot(pfn)] >>> ORDER_SHIFT;
  }

  /** Number of pages of the folio. */
  public int pages(long folio) {
    return 1 << order(folio);
  }

  /** Replaces flags and order of a page at once. */
  public void reset(long pfn, int flags, int order) {
    section(pfn).flags[slot(pfn)] = flags | order << ORDER_SHIFT;
  }

  /**
   * Makes 2^order pages, aligned to their size, one folio with no flags but HEAD and TAIL. Frames
   * that nobody has have counts of zero, no mapping and index 0, which {@link #retire} sees to.
   */
  public void makeFolio(long head, int order) {
    if (order > 0) {
      int tail = PageFlag.TAIL | order << ORDER_SHIFT;
      long end = head + (1L << order);
      for (long pfn = head; pfn < end; pfn += SECTION_PAGES) {
        int from = slot(pfn);
        int to = (int) Math.min(SECTION_PAGES, from + end - pfn);
        Arrays.fill(section(pfn).flags, from, to, tail);
      }
    }
    reset(head, order > 0 ? PageFlag.HEAD : 0, order);
  }

  /**
   * Clears what a folio without references and mappings leaves in its pages, as it is freed.
   *
   * @return false, with nothing changed, if it is still in use or was no folio
   */
  boolean retire(long folio, int order) {
    Section section = section(folio);
    int slot = slot(folio);
    if ((section.refCount[slot] | section.mapCount[slot]) != 0
        || (section.flags[slot] & UNUSABLE) != 0
        || order > 0 && (nrPagesMapped(folio) | entireMapCount(folio)) != 0) {
      return false;
    }
    section.flags[slot] = order << ORDER_SHIFT;
    section.index[slot] = 0;
    if (section.mapping[slot] != null) {
      section.mapping[slot] = null;
    }
    if (order > 0) {
      setLargeMapCount(folio, 0);
      if (order > 1) {
        setMmSlot(folio, 0, 0);
        setMmSlot(folio, 1, 0);
      }
    }
    return true;
  }

  /**
   * Makes one folio into folios of a smaller order, each with the flags of the whole, its part of
   * the index range, and {@code references} references. Map counts and flags of single pages stay
   * with their pages; what a large folio counts of them is counted anew. The folio must not be
   * mapped entirely, and mm slots are free afterwards.
   */
  void splitFolio(long folio, int newOrder, int references) {
    int order = order(folio);
    if (newOrder >= order || entireMapCount(folio) != 0) {
      throw new IllegalStateException(
          "pfn 0x%x of order %d, mapped entirely %d times, does not split to order %d"
              .formatted(folio, order, entireMapCount(folio), newOrder));
    }
    int shared = flags(folio) & ~(PageFlag.HEAD | PageFlag.OF_PAGE);
    FolioMapping mapping = mapping(folio);
    long index = index(folio);
    int step = 1 << newOrder;
    for (int first = 0; first < 1 << order; first += step) {
      long head = folio + first;
      int mapped = 0;
      int mappings = 0;
      for (int i = 0; i < step; i++) {
        Section section = section(head + i);
        int slot = slot(head + i);
        int own = section.flags[slot] & PageFlag.OF_PAGE;
        section.flags[slot] = own | PageFlag.TAIL | newOrder << ORDER_SHIFT;
        section.refCount[slot] = 0;
        section.index[slot] = 0;
        mapped += section.mapCount[slot] > 0 ? 1 : 0;
        mappings += section.mapCount[slot];
      }
      int own = flags(head) & PageFlag.OF_PAGE;
      reset(head, own | shared | (newOrder > 0 ? PageFlag.HEAD : 0), newOrder);
      setRefCount(head, references);
      setMapping(head, mapping, index + first);
      if (newOrder > 0) {
        addNrPagesMapped(head, mapped);
        setLargeMapCount(head, mappings);
      }
    }
  }

  /** The folio that a page is part of: folios are aligned to their size. */
  public long folioOf(long pfn) {
    int flags = section(pfn).flags[slot(pfn)];
    return (flags & PageFlag.TAIL) != 0 ? pfn & -1L << (flags >>> ORDER_SHIFT) : pfn;
  }

  public int refCount(long folio) {
    return section(folio).refCount[slot(folio)];
  }

  public void setRefCount(long folio, int references) {
    section(folio).refCount[slot(folio)] = references;
  }

  /** Adds to the reference count and returns the new one. */
  public int addRefs(long folio, int references) {
    return section(folio).refCount[slot(folio)] += references;
  }

  /** How many PTEs map this very page. */
  public int mapCount(long pfn) {
    return section(pfn).mapCount[slot(pfn)];
  }

  /** Adds to the map count of a page and returns the new one. */
  public int addMapCount(long pfn, int mappings) {
    return section(pfn).mapCount[slot(pfn)] += mappings;
  }

  /** How many PMDs (or hugetlb entries) map the whole folio, which must be large. */
  public int entireMapCount(long folio) {
    return (int) (section(folio + 1).index[slot(folio + 1)] >>> 32);
  }

  public int addEntireMapCount(long folio, int mappings) {
    return (int) ((section(folio + 1).index[slot(folio + 1)] += (long) mappings << 32) >>> 32);
  }

  /** Pages of a large folio mapped by PTEs, plus {@link #ENTIRELY_MAPPED} while PMDs map it. */
  public int nrPagesMapped(long folio) {
    return (int) section(folio + 1).index[slot(folio + 1)];
  }

  public int addNrPagesMapped(long folio, int pages) {
    Section section = section(folio + 1);
    int slot = slot(folio + 1);
    int mapped = (int) section.index[slot] + pages;
    section.index[slot] = section.index[slot] & 0xffff_ffff_0000_0000L | mapped & 0xffff_ffffL;
    return mapped;
  }

  /** Mappings of any kind of any page of the folio: entire ones count once (folio_mapcount). */
  public int folioMapCount(long folio) {
    int order = order(folio);
    if (order == 0) {
      return mapCount(folio);
    }
    int mappings = entireMapCount(folio);
    for (int i = 0; i < 1 << order; i++) {
      mappings += mapCount(folio + i);
    }
    return mappings;
  }

  /** Mappings of any page of a large folio in one number (Linux's _large_mapcount plus one). */
  public int largeMapCount(long folio) {
    return section(folio + 1).refCount[slot(folio + 1)];
  }

  public void setLargeMapCount(long folio, int mappings) {
    section(folio + 1).refCount[slot(folio + 1)] = mappings;
  }

  /**
   * One of the two mm slots of a folio of order 2 or more: the id of an mm above, the number of its
   * mappings below; 0 where free (Linux's _mm_id and _mm_id_mapcount).
   *
   * @param slot 0 or 1
   */
  public long mmSlot(long folio, int slot) {
    return index(folio + 2 + slot);
  }

  public void setMmSlot(long folio, int slot, long value) {
    section(folio + 2 + slot).index[slot(folio + 2 + slot)] = value;
  }

  /** What the folio belongs to, or null. */
  public FolioMapping mapping(long folio) {
    return section(folio).mapping[slot(folio)];
  }

  /** The folio's place in what it belongs to, in pages: offset in the file or linear page index. */
  public long index(long folio) {
    return section(folio).index[slot(folio)];
  }

  public void setMapping(long folio, FolioMapping mapping, long index) {
    Section section = section(folio);
    int slot = slot(folio);
    section.mapping[slot] = mapping;
    section.index[slot] = index;
  }

  /** The next frame of the list the page is on, {@link #NONE} at the end. */
  public int next(long pfn) {
    return section(pfn).next[slot(pfn)];
  }

  public int previous(long pfn) {
    return section(pfn).previous[slot(pfn)];
  }

  public void setNext(long pfn, int next) {
    section(pfn).next[slot(pfn)] = next;
  }

  public void setPrevious(long pfn, int previous) {
    section(pfn).previous[slot(pfn)] = previous;
  }

  /** Both links of a page at once. */
  void link(long pfn, int previous, int next) {
    Section section = section(pfn);
    int slot = slot(pfn);
    section.previous[slot] = previous;
    section.next[slot] = next;
  }
}
