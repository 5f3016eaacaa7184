package dev.quire.mmu;

/**
 * One vCPU's memory management unit. Owned by the vCPU's thread.
 *
 * <p>The control registers and the named invalidation instructions are methods of the
 * architecture's own class; this is what an engine and a host need of any of them.
 */
public interface Mmu {
  /**
   * Translates for one access. Hot, allocation-free. Sets accessed and dirty state as hardware
   * does.
   *
   * @return a {@link Translation}; on failure {@link #fault()} tells
   */
  long translate(long va, int access);

  /**
   * As {@link #translate} without any effect: no accessed or dirty bit, no TLB entry, no counter.
   * For debuggers and instruction decoding.
   */
  long probe(long va, int access);

  /** The record of the last failure of {@link #translate} or {@link #probe}. */
  FaultRecord fault();

  /**
   * The last failure of {@link #translate} is taken: it becomes an exception of the guest or an
   * exit to the host. Tells the observer what the architecture has such a fault drop from the
   * caches of translations.
   */
  void faultTaken();

  /** Drops translations; see {@link TlbInvalidation} for what each kind hits. */
  void invalidate(TlbInvalidation invalidation);

  /**
   * Names who hears of translations from now on, or null for nobody. Whatever the TLB holds is
   * dropped first, so that the observer knows of every translation in use.
   */
  void setObserver(TranslationObserver observer);

  /**
   * The observer's id of the page that the last successful {@link #translate} used; {@link
   * TranslationObserver#NO_PAGE} without an observer.
   */
  int lastPage();

  /** Counters of this MMU, live. */
  MmuCounters counters();
}
