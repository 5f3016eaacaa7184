package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
import dev.quire.mmu.TlbInvalidation;

/**
 * What each invalidation removes from the caches of one core. Invalidations act on the current
 * virtual machine; {@link TlbInvalidation.All} alone acts on all.
 *
 * <p>Sources: SDM vol. 3A 4.10.4.1 and vol. 3C 28.3.3 (linear and combined mappings are those of
 * the current VPID; guest-physical mappings fall to INVEPT alone); Arm ARM D8.14 (a TLBI by address
 * that is not last-level-only reaches the walk-cache entries that lead to it).
 */
final class TlbInvalidator {
  private static final int EVERY_ASID = -1;
  private static final long LAST_ADDRESS = -1;

  private final TranslationCache[] caches;
  private final boolean x86;

  // What the scan under way removes. Addresses are inclusive and unsigned.
  private int vmid;
  private int asid;
  private boolean locals;
  private boolean globals;
  private long firstVa;
  private long lastVa;
  private boolean tables;
  private long firstTableVa;
  private long lastTableVa;

  TlbInvalidator(TranslationCache[] caches, TlbIsa isa) {
    this.caches = caches;
    x86 = isa == TlbIsa.X86_64;
  }

  void invalidate(TlbInvalidation invalidation, int currentVmid) {
    vmid = currentVmid;
    locals = true;
    switch (invalidation) {
      case TlbInvalidation.All all -> {
        for (TranslationCache cache : caches) {
          cache.clear();
        }
      }
      case TlbInvalidation.AllStage1 all -> everywhere(EVERY_ASID, true);
      case TlbInvalidation.AllNonGlobal all -> everywhere(EVERY_ASID, false);
      case TlbInvalidation.Asid space -> everywhere(space.asid(), false);
      case TlbInvalidation.Page page -> page(page);
      case TlbInvalidation.PageEveryAsid page ->
          range(page.va(), page.va(), EVERY_ASID, true, !page.lastLevelOnly());
      case TlbInvalidation.Range range -> {
        if (range.bytes() != 0) {
          long last = range.va() + range.bytes() - 1;
          boolean pastTheTop = Long.compareUnsigned(last, range.va()) < 0;
          long end = pastTheTop ? LAST_ADDRESS : last;
          range(range.va(), end, range.asid(), true, !range.lastLevelOnly());
        }
      }
      case TlbInvalidation.GuestPhysical physical -> guestPhysical(physical);
    }
  }

  /** Translations, not tables, of {@code bytes} from {@code va}: of an ASID and global ones. */
  void replace(long va, long bytes, int ofAsid, int currentVmid) {
    vmid = currentVmid;
    locals = true;
    range(va, va + bytes - 1, ofAsid, true, false);
  }

  private void page(TlbInvalidation.Page page) {
    boolean invlpg = x86 && page.global();
    asid = page.asid();
    globals = page.global();
    firstVa = page.va();
    lastVa = page.va();
    tables = !page.lastLevelOnly();
    // INVLPG drops the paging-structure caches of its PCID whatever the address.
    firstTableVa = invlpg ? 0 : page.va();
    lastTableVa = invlpg ? LAST_ADDRESS : page.va();
    scan();
  }

  private void everywhere(int ofAsid, boolean withGlobals) {
    range(0, LAST_ADDRESS, ofAsid, withGlobals, true);
  }

  private void range(long first, long last, int ofAsid, boolean withGlobals, boolean withTables) {
    asid = ofAsid;
    globals = withGlobals;
    firstVa = first;
    lastVa = last;
    tables = withTables;
    firstTableVa = first;
    lastTableVa = last;
    scan();
  }

  private void scan() {
    boolean onePage = (firstVa ^ lastVa) >>> Order.BASE_PAGE_SHIFT == 0;
    for (TranslationCache cache : caches) {
      if (cache.census().size() == 0) {
        continue;
      }
      if (onePage && !cache.hasIrregular()) {
        probe(cache, TranslationCache.WHOLE);
      } else {
        scanTranslations(cache);
      }
      if (tables && cache.census().ordersInUse(TranslationCache.TABLE) != 0) {
        if (firstTableVa == lastTableVa) {
          probe(cache, TranslationCache.TABLE);
        } else {
          scanTables(cache);
        }
      }
    }
  }

  /** Looks at the places where an entry for {@link #firstVa} can be. */
  private void probe(TranslationCache cache, int kind) {
    long vpn = firstVa >>> Order.BASE_PAGE_SHIFT;
    for (long rest = cache.census().ordersInUse(kind); rest != 0; rest &= rest - 1) {
      long key = TranslationCache.key(vpn, kind | Long.numberOfTrailingZeros(rest));
      int next;
      for (int slot = cache.first(key); slot >= 0; slot = next) {
        next = cache.next(slot, key);
        if (cache.key(slot) == key && isOwned(cache.owner(slot))) {
          cache.remove(slot);
        }
      }
    }
  }

  private void scanTranslations(TranslationCache cache) {
    boolean irregular = false;
    for (int slot = 0; slot < cache.entries(); slot++) {
      if (cache.isTranslation(slot)) {
        if (isOwned(cache.owner(slot)) && isInRange(cache, slot)) {
          cache.remove(slot);
        } else {
          irregular |= cache.isIrregular(slot);
        }
      }
    }
    if (!irregular) {
      cache.clearIrregular();
    }
  }

  private boolean isInRange(TranslationCache cache, int slot) {
    long va = cache.start(slot);
    int extent = EntryInfo.stage1Extent(cache.info(slot));
    if (cache.kind(slot) == TranslationCache.WHOLE) {
      return meets(va, Math.max(extent, cache.order(slot)), firstVa, lastVa);
    }
    long groupOfEight = va & -Order.bytes(3);
    for (int rest = EntryInfo.pages(cache.info(slot)); rest != 0; rest &= rest - 1) {
      long page = groupOfEight + Order.bytes(0) * Integer.numberOfTrailingZeros(rest);
      if (meets(page, extent, firstVa, lastVa)) {
        return true;
      }
    }
    return false;
  }

  private void scanTables(TranslationCache cache) {
    for (int slot = 0; slot < cache.entries(); slot++) {
      if (cache.key(slot) != TranslationCache.FREE
          && cache.kind(slot) == TranslationCache.TABLE
          && isOwned(cache.owner(slot))
          && meets(cache.start(slot), cache.order(slot), firstTableVa, lastTableVa)) {
        cache.remove(slot);
      }
    }
  }

  private boolean isOwned(long owner) {
    int space = (int) owner;
    return (int) (owner >>> 32) == vmid
        && (space == TranslationCache.GLOBAL
            ? globals
            : locals && (asid == EVERY_ASID || space == asid + TranslationCache.FIRST_ASID));
  }

  private void guestPhysical(TlbInvalidation.GuestPhysical range) {
    if (range.bytes() == 0) {
      return;
    }
    long last = range.gpa() + range.bytes() - 1;
    long end = Long.compareUnsigned(last, range.gpa()) < 0 ? LAST_ADDRESS : last;
    for (TranslationCache cache : caches) {
      for (int slot = 0; slot < cache.entries() && cache.census().size() != 0; slot++) {
        if (cache.key(slot) != TranslationCache.FREE
            && (int) (cache.owner(slot) >>> 32) == vmid
            && EntryInfo.meetsSpan(cache.info(slot), range.gpa(), end)) {
          cache.remove(slot);
        }
      }
    }
  }

  /** Whether the page of {@code order} around an address shares one with the range. */
  private static boolean meets(long address, int order, long first, long last) {
    long mask = Order.offsetMask(order);
    return Long.compareUnsigned(address & ~mask, last) <= 0
        && Long.compareUnsigned(address | mask, first) >= 0;
  }
}
