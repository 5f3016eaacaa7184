package dev.quire.bindings;

/** Answers the engine's soft-TLB misses (UC_HOOK_TLB_FILL); called on the vCPU's thread. */
@FunctionalInterface
public interface TlbFillHook {
  /** {@link #fill} answers this to refuse: the run ends with {@link UcError#EXCEPTION}. */
  long REFUSED = -1L;

  int READ = 0;
  int WRITE = 1;
  int FETCH = 2;

  /**
   * The translation of a page.
   *
   * @param va the address missed, rounded down to the page
   * @param type {@link #READ}, {@link #WRITE} or {@link #FETCH}
   * @return {@link #REFUSED}, or the page's physical address with the rights granted in its low
   *     bits: 1 read, 2 write, 4 execute
   */
  long fill(long va, int type);
}
