package dev.quire.emulator.measure;

import dev.quire.mmu.Access;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import dev.quire.mmu.tlb.WalkedPages;

/**
 * Which of the eight pages around a walked page could share a TLB entry with it, for cores that
 * coalesce; no core does that with pages of 2 MiB or more. A page is compared by what the MMU would
 * answer for it: mapped as far away in physical memory as in virtual, by a page of the same order
 * at both stages, with the same rights for reading and executing, as the supervisor and as the
 * user. Rights include whether a store would have to set a dirty flag; an accessed flag that only
 * hardware reads does not count.
 *
 * <p>What is known of a page is brought up to date when one of its neighbours is walked to or
 * dropped: not when tables change that no walk has read. Machine thread only.
 */
final class Neighbours {
  private static final int GROUP = 8;
  private static final int VPN_BITS = 40;
  private static final int ORDER_BITS = 6;
  private static final int[] LOOKS = {
    Access.READ | Access.USER_DATA_ALLOWED,
    Access.READ | Access.USER,
    Access.FETCH,
    Access.FETCH | Access.USER
  };

  private final Mmu mmu;
  private final WalkedPages pages;

  /** Ids by order and first page of what was walked to; checked at each use. */
  private final PageIds ids = new PageIds();

  private final long[] own = new long[LOOKS.length];

  Neighbours(Mmu mmu, WalkedPages pages) {
    this.mmu = mmu;
    this.pages = pages;
  }

  /** A page was walked to. */
  void walked(int page) {
    int order = pages.order(page);
    ids.put(key(pages.va(page), order, pages.asid(page)), page);
    if (order >= Order.SIZE_2M) {
      return;
    }
    long va = pages.va(page);
    for (int look = 0; look < LOOKS.length; look++) {
      own[look] = mmu.probe(va, LOOKS[look]);
    }
    int position = position(va, order);
    int mask = 1 << position;
    for (int other = 0; other < GROUP; other++) {
      int distance = other - position;
      boolean shares = distance == 0 || isAlike(va, distance, order);
      mask |= shares ? 1 << other : 0;
      int id = distance == 0 ? PageIds.NONE : idOf(page, distance);
      if (id != PageIds.NONE) {
        set(id, position, shares);
      }
    }
    pages.setNeighbours(page, mask);
  }

  /** A page is no longer in the architectural TLB. */
  void dropped(int page) {
    int order = pages.order(page);
    if (order < Order.SIZE_2M) {
      int position = position(pages.va(page), order);
      for (int other = 0; other < GROUP; other++) {
        int id = other == position ? PageIds.NONE : idOf(page, other - position);
        if (id != PageIds.NONE) {
          set(id, position, false);
        }
      }
    }
    ids.put(key(pages.va(page), order, pages.asid(page)), PageIds.NONE);
  }

  private void set(int page, int position, boolean shares) {
    int mask = pages.neighbours(page);
    pages.setNeighbours(page, shares ? mask | 1 << position : mask & ~(1 << position));
  }

  private boolean isAlike(long va, int distance, int order) {
    long frames = (long) distance << order;
    long there = va + (frames << Order.BASE_PAGE_SHIFT);
    for (int look = 0; look < LOOKS.length; look++) {
      long mine = own[look];
      long theirs = mmu.probe(there, LOOKS[look]);
      if (Translation.failed(mine) || Translation.failed(theirs)) {
        if (Translation.failed(mine) != Translation.failed(theirs)) {
          return false;
        }
      } else if (theirs != mine + frames) {
        return false;
      }
    }
    return !Translation.failed(own[0]) || !Translation.failed(own[1]);
  }

  /** The id of the page so many pages away, in use and of the same order and address space. */
  private int idOf(int page, int distance) {
    int order = pages.order(page);
    long va = pages.va(page) + ((long) distance << Order.shift(order));
    int asid = pages.asid(page);
    int id = ids.page(key(va, order, asid));
    boolean same =
        id != PageIds.NONE
            && pages.va(id) == va
            && pages.order(id) == order
            && pages.asid(id) == asid;
    return same ? id : PageIds.NONE;
  }

  private static int position(long va, int order) {
    return (int) (va >>> Order.shift(order)) & GROUP - 1;
  }

  private static long key(long va, int order, int asid) {
    long vpn = va >>> Order.BASE_PAGE_SHIFT & (1L << VPN_BITS) - 1;
    return (long) asid << VPN_BITS + ORDER_BITS | vpn << ORDER_BITS | order;
  }
}
