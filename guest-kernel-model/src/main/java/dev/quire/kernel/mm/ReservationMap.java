package dev.quire.kernel.mm;

import java.util.Arrays;

/**
 * Which huge pages of a file, or of a private mapping, have an entry (struct resv_map): of a file
 * those that are reserved or allocated, of a private mapping those whose reservation was used.
 * Indexes count huge pages. Used on the kernel's thread.
 *
 * <p>Source: Linux v6.18 mm/hugetlb.c (region_add, region_chg, region_del, region_count).
 */
public final class ReservationMap {
  /** Starts and ends of the regions, sorted; regions neither touch nor overlap. */
  private long[] borders = new long[8];

  /** Numbers in use: two a region. */
  private int used;

  /** How many pages of [from, to) have no entry (region_chg). */
  public long missing(long from, long to) {
    return to - from - count(from, to);
  }

  /** How many pages of [from, to) have an entry. */
  public long count(long from, long to) {
    long sum = 0;
    for (int i = 0; i < used; i += 2) {
      sum += Math.max(0, Math.min(to, borders[i + 1]) - Math.max(from, borders[i]));
    }
    return sum;
  }

  /**
   * Gives all pages of [from, to) an entry.
   *
   * @return how many had none
   */
  public long add(long from, long to) {
    long added = missing(from, to);
    if (added == 0) {
      return 0;
    }
    long first = from;
    long last = to;
    int kept = 0;
    int place = 0;
    long[] old = Arrays.copyOf(borders, used);
    for (int i = 0; i < old.length; i += 2) {
      if (old[i + 1] < from || old[i] > to) {
        kept = keep(kept, old[i], old[i + 1]);
        place = old[i + 1] < from ? kept : place;
      } else {
        first = Math.min(first, old[i]);
        last = Math.max(last, old[i + 1]);
      }
    }
    insert(place, kept, first, last);
    return added;
  }

  /**
   * Takes the entries of [from, to) away.
   *
   * @return how many there were
   */
  public long remove(long from, long to) {
    long removed = count(from, to);
    if (removed == 0) {
      return 0;
    }
    int kept = 0;
    long[] old = Arrays.copyOf(borders, used);
    for (int i = 0; i < old.length; i += 2) {
      if (old[i] < Math.min(from, old[i + 1])) {
        kept = keep(kept, old[i], Math.min(from, old[i + 1]));
      }
      if (old[i + 1] > Math.max(to, old[i])) {
        kept = keep(kept, Math.max(to, old[i]), old[i + 1]);
      }
    }
    used = kept;
    return removed;
  }

  private int keep(int at, long from, long to) {
    room(at + 2);
    borders[at] = from;
    borders[at + 1] = to;
    return at + 2;
  }

  private void insert(int place, int kept, long from, long to) {
    room(kept + 2);
    System.arraycopy(borders, place, borders, place + 2, kept - place);
    borders[place] = from;
    borders[place + 1] = to;
    used = kept + 2;
  }

  private void room(int numbers) {
    if (numbers > borders.length) {
      borders = Arrays.copyOf(borders, numbers * 2);
    }
  }
}
