package dev.quire.kernel.mm;

/**
 * Hears of host mappings about to go, as Linux's mmu_notifier_ops: secondary translations of the
 * range must be gone when {@link #invalidateStart} returns and must not come back before {@link
 * #invalidateEnd}; frames are freed between the two.
 */
public interface MmuNotifier {
  void invalidateStart(long hva, long bytes);

  void invalidateEnd(long hva, long bytes);
}
