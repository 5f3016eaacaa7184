package dev.quire.mmu;

/**
 * What an invalidation hits, in terms both architectures share. Every cache of translations
 * consumes these. Sources: SDM vol. 3A 4.10.4 and vol. 3C 28.3.3; Arm ARM D8.14.
 */
public sealed interface TlbInvalidation {
  /** Everything of every address space and of both stages. */
  record All() implements TlbInvalidation {}

  /**
   * Every stage-1 and combined entry, global ones included: TLBI VMALLE1, INVPCID of all contexts,
   * a change of CR4.PGE, INVVPID of a context. Second-stage entries stay.
   */
  record AllStage1() implements TlbInvalidation {}

  /** Every stage-1 and combined entry but global ones. */
  record AllNonGlobal() implements TlbInvalidation {}

  /** Non-global entries of one PCID or ASID. */
  record Asid(int asid) implements TlbInvalidation {}

  /** The page at {@code va}: entries of {@code asid}, and global ones if {@code global}. */
  record Page(long va, int asid, boolean global, boolean lastLevelOnly)
      implements TlbInvalidation {}

  /** The page at {@code va} in every address space, global entries included. */
  record PageEveryAsid(long va, boolean lastLevelOnly) implements TlbInvalidation {}

  /**
   * {@code bytes} from {@code va}; {@code asid} is -1 for every address space. Global entries are
   * hit.
   */
  record Range(long va, long bytes, int asid, boolean lastLevelOnly) implements TlbInvalidation {}

  /** Second-stage entries of {@code bytes} from {@code gpa}, and combined entries made of them. */
  record GuestPhysical(long gpa, long bytes) implements TlbInvalidation {}
}
