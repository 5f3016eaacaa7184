package dev.quire.mmu.tlb;

import dev.quire.mmu.TlbInvalidation;

/**
 * What an invalidation removes from {@link ReferenceTlb}, read from the manuals: of other guests
 * nothing, unless it is of all.
 *
 * @param vmid of the guest that invalidates
 */
record ReferenceInvalidation(TlbInvalidation invalidation, TlbIsa isa, int vmid) {
  boolean hits(ReferenceEntry entry) {
    if (invalidation instanceof TlbInvalidation.All) {
      return true;
    }
    if (entry.vmid != vmid) {
      return false;
    }
    if (invalidation instanceof TlbInvalidation.GuestPhysical range) {
      return range.bytes() > 0 && entry.madeOf(range.gpa(), range.gpa() + range.bytes() - 1);
    }
    return switch (entry.kind) {
      case NESTED -> false;
      case TABLE -> hitsTable(entry);
      case PAGE, RUN -> hitsTranslation(entry);
    };
  }

  private boolean hitsTranslation(ReferenceEntry entry) {
    boolean global = entry.asid == -1;
    return switch (invalidation) {
      case TlbInvalidation.AllStage1 all -> true;
      case TlbInvalidation.AllNonGlobal all -> !global;
      case TlbInvalidation.Asid space -> !global && entry.asid == space.asid();
      case TlbInvalidation.Page page ->
          (global ? page.global() : entry.asid == page.asid())
              && entry.fallsWith(page.va(), page.va());
      case TlbInvalidation.PageEveryAsid page -> entry.fallsWith(page.va(), page.va());
      case TlbInvalidation.Range range ->
          (global || range.asid() == -1 || entry.asid == range.asid())
              && range.bytes() > 0
              && entry.fallsWith(range.va(), range.va() + range.bytes() - 1);
      default -> throw new AssertionError(invalidation);
    };
  }

  private boolean hitsTable(ReferenceEntry entry) {
    return switch (invalidation) {
      case TlbInvalidation.AllStage1 all -> true;
      case TlbInvalidation.AllNonGlobal all -> true;
      case TlbInvalidation.Asid space -> entry.asid == space.asid();
      case TlbInvalidation.Page page -> {
        boolean invlpg = isa == TlbIsa.X86_64 && page.global();
        yield !page.lastLevelOnly()
            && entry.asid == page.asid()
            && (invlpg || leadsTo(entry, page.va(), page.va()));
      }
      case TlbInvalidation.PageEveryAsid page ->
          !page.lastLevelOnly() && leadsTo(entry, page.va(), page.va());
      case TlbInvalidation.Range range ->
          !range.lastLevelOnly()
              && range.bytes() > 0
              && (range.asid() == -1 || entry.asid == range.asid())
              && leadsTo(entry, range.va(), range.va() + range.bytes() - 1);
      default -> throw new AssertionError(invalidation);
    };
  }

  private static boolean leadsTo(ReferenceEntry table, long first, long last) {
    return ReferenceEntry.touches(table.start, table.order, first, last);
  }
}
