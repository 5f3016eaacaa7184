package dev.quire.kernel.rmap;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * How many mappings a large folio has, and which processes have them: up to two by name, and a flag
 * that says "maybe more than one" (Linux v6.18 include/linux/rmap.h,
 * folio_add_return_large_mapcount; Documentation/mm/transhuge.rst).
 *
 * <p>A folio of order 1 names nobody, for want of a third struct page here: it counts as shared if
 * one of its pages is mapped twice. Plain bookkeeping: the caller counts what it costs.
 */
final class MappingOwners {
  private static final long COUNT = 0xffff_ffffL;

  private final FrameTable frames;

  MappingOwners(FrameTable frames) {
    this.frames = frames;
  }

  void add(long folio, int mappings, int mm) {
    int total = frames.largeMapCount(folio) + mappings;
    frames.setLargeMapCount(folio, total);
    if (frames.order(folio) < 2) {
      return;
    }
    long first = frames.mmSlot(folio, 0);
    long second = frames.mmSlot(folio, 1);
    if (owner(first) == mm) {
      frames.setMmSlot(folio, 0, first + mappings);
    } else if (owner(second) == mm) {
      frames.setMmSlot(folio, 1, second + mappings);
    } else if (first == 0) {
      frames.setMmSlot(folio, 0, slot(mm, mappings));
      if (total != mappings) {
        frames.set(folio, PageFlag.MAYBE_MAPPED_SHARED);
      }
    } else if (second == 0) {
      frames.setMmSlot(folio, 1, slot(mm, mappings));
      frames.set(folio, PageFlag.MAYBE_MAPPED_SHARED);
    }
  }

  void remove(long folio, int mappings, int mm) {
    int total = frames.largeMapCount(folio) - mappings;
    frames.setLargeMapCount(folio, total);
    if (frames.order(folio) < 2) {
      return;
    }
    long first = frames.mmSlot(folio, 0);
    long second = frames.mmSlot(folio, 1);
    if (owner(first) == mm) {
      first = without(first, mappings);
      frames.setMmSlot(folio, 0, first);
      if (first != 0) {
        return;
      }
    } else if (owner(second) == mm) {
      second = without(second, mappings);
      frames.setMmSlot(folio, 1, second);
      if (second != 0) {
        return;
      }
    }
    if ((first & COUNT) == total || (second & COUNT) == total) {
      frames.clear(folio, PageFlag.MAYBE_MAPPED_SHARED);
    }
  }

  boolean maybeShared(long folio) {
    if (frames.order(folio) < 2) {
      return frames.mapCount(folio) + frames.entireMapCount(folio) > 1
          || frames.mapCount(folio + 1) > 1;
    }
    return frames.is(folio, PageFlag.MAYBE_MAPPED_SHARED);
  }

  private static long slot(int mm, int mappings) {
    return (long) mm << Integer.SIZE | mappings;
  }

  private static int owner(long slot) {
    return (int) (slot >>> Integer.SIZE);
  }

  /** A slot that some mappings left; free where none is left, or more left than it knew of. */
  private static long without(long slot, int mappings) {
    return (slot & COUNT) > mappings ? slot - mappings : 0;
  }
}
