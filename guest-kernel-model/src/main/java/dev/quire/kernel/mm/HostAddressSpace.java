package dev.quire.kernel.mm;

/**
 * The host process whose memory a guest lives in, as KVM needs it. Used on the machine's executor
 * thread.
 */
public interface HostAddressSpace {
  /** {@link #fault} failed: no frame is left. */
  int OUT_OF_MEMORY = 1;

  /** {@link #fault} failed: nothing is mapped at the address. */
  int NOT_MAPPED = 2;

  /** {@link #fault} failed: user space has to resolve it (userfaultfd), then it may be repeated. */
  int MUST_WAIT = 3;

  /**
   * Finds the page at {@code hva}, or brings it in.
   *
   * @return a {@link dev.quire.mmu.Translation}: the pfn of the 4 KiB page asked for, the rights of
   *     the host mapping, as order that of its folio, which is mapped as a whole and aligned in hva
   *     and pfn, and as stage-1 order the same unless the host maps the folio by smaller entries
   *     than it could; or a failure of a kind above
   */
  long fault(long hva, boolean write);

  /** As {@link #fault} for a page that is there already; {@link #NOT_MAPPED} if it is not. */
  long lookup(long hva);

  /** Base pages of host memory that hold guest bytes. */
  long residentPages();

  /** Tells {@code notifier} of every mapping that goes from now on. */
  void addNotifier(MmuNotifier notifier);

  /** Ends that. */
  void removeNotifier(MmuNotifier notifier);
}
