package dev.quire.mmu;

/**
 * Hears of everything that changes what an MMU's translations are, on the vCPU's thread and in
 * program order: an access made before a call was made under the state before it.
 */
public interface TranslationObserver {
  /** In place of an id: nobody asked for one. */
  int NO_PAGE = -1;

  /**
   * A walk gave a new or a changed translation of the page that holds {@code va}. If there was one
   * before (it lacked a right, or hardware had to set a flag), it is gone, and {@link #dropped} was
   * called for it.
   *
   * @param va untagged, any address of the page
   * @param global whether it belongs to every address space
   * @param translation {@link Translation}
   * @param attributes the rights and attributes, comparable only with those of the same MMU; what
   *     must be equal for two pages to share one TLB entry
   * @param walk the path; valid during the call
   * @return an id for the page, which the MMU gives back by {@code lastPage()}
   */
  int walked(long va, int asid, boolean global, long translation, long attributes, PageWalk walk);

  /** The page with this id is no longer in the architectural TLB: the id may be used anew. */
  void dropped(int page);

  /** An invalidation is about to take effect. */
  void invalidating(TlbInvalidation invalidation);

  /** The accesses that follow are made in another address space. */
  void addressSpace(int asid);
}
