package dev.quire.kernel.mm;

/**
 * What a fault handler answers instead of a pfn: negative numbers (Linux v6.18
 * include/linux/mm_types.h, enum vm_fault_reason).
 */
public final class VmFault {
  /** No memory: the modelled kernel's OOM. */
  public static final int OOM = -1;

  /** Nothing is there: SIGBUS, BUS_ADRERR. */
  public static final int SIGBUS = -2;

  /** SIGSEGV, SEGV_ACCERR or SEGV_MAPERR. */
  public static final int SIGSEGV = -3;

  /** Not at this size: try smaller pages. */
  public static final int FALLBACK = -4;

  /** Done; the handler mapped the page itself, or the access should be tried again. */
  public static final int NOPAGE = -5;

  /** The fault was handed to user space (userfaultfd) and may be tried again once it answered. */
  public static final int RETRY = -6;

  public static final int HWPOISON = -7;

  /** The handler read the disk meanwhile: the fault is to be handled once more (VM_FAULT_RETRY). */
  public static final int AGAIN = -8;

  private VmFault() {}
}
