package dev.quire.bindings;

/**
 * Called when the engine has translated a block it then runs (UC_HOOK_EDGE_GENERATED); not called
 * for the first block of a run.
 */
@FunctionalInterface
public interface TranslationHook {
  /** {@code icount} instructions in {@code size} bytes from virtual address {@code pc}. */
  void translated(long pc, int icount, int size);
}
