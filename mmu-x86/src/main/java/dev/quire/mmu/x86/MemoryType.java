package dev.quire.mmu.x86;

/**
 * Memory types and how the tables combine them: SDM vol. 3A 12.5.2.2 (table 12-7), 12.12 (PAT) and
 * vol. 3C 28.3.7.2 (EPT). They change nothing that a guest or a count shows here; they are kept
 * with a translation since pages of different types never share a TLB entry.
 *
 * <p>MTRRs are not modelled: without EPT all memory is write-back there.
 */
public final class MemoryType {
  public static final int UNCACHEABLE = 0;
  public static final int WRITE_COMBINING = 1;
  public static final int WRITE_THROUGH = 4;
  public static final int WRITE_PROTECTED = 5;
  public static final int WRITE_BACK = 6;

  /** UC-, in the PAT only: uncacheable, unless an MTRR (or EPT) says write-combining. */
  public static final int UNCACHED_MINUS = 7;

  /** The MSR number of IA32_PAT. */
  public static final int PAT_MSR = 0x277;

  /** IA32_PAT after RESET: WB, WT, UC-, UC, twice. */
  public static final long PAT_AFTER_RESET = 0x0007_0406_0007_0406L;

  /** In {@link EptWalker#attributes}: the type stands in bits 2:0, the guest's PAT is ignored. */
  static final int IGNORE_PAT = 8;

  private static final int TYPE_MASK = 7;
  private static final int ENCODABLE = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7;
  private static final int UC = UNCACHEABLE;
  private static final int WC = WRITE_COMBINING;
  private static final int WT = WRITE_THROUGH;
  private static final int WP = WRITE_PROTECTED;
  private static final int WB = WRITE_BACK;

  /** Table 12-7: by the type of the MTRR or of EPT, then by the PAT's; 2 and 3 are reserved. */
  private static final int[][] EFFECTIVE = {
    {UC, WC, UC, UC, UC, UC, UC, UC},
    {UC, WC, UC, UC, UC, UC, WC, WC},
    {},
    {},
    {UC, WC, UC, UC, WT, WP, WT, UC},
    {UC, WC, UC, UC, UC, WP, WP, WC},
    {UC, WC, UC, UC, WT, WP, WB, UC},
  };

  private MemoryType() {}

  /** Whether IA32_PAT may hold the value: every byte one of the six types. */
  static boolean isLegalPat(long pat) {
    for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
      int type = (int) (pat >>> shift) & 0xff;
      if (type > TYPE_MASK || (ENCODABLE >>> type & 1) == 0) {
        return false;
      }
    }
    return true;
  }

  /** Entry {@code index} of IA32_PAT. */
  static int ofPat(long pat, int index) {
    return (int) (pat >>> index * Byte.SIZE) & TYPE_MASK;
  }

  /** The type by the leaf of EPT and the guest's PAT; CR0.CD is the caller's to apply. */
  static int effective(int eptAttributes, int patType) {
    int type = eptAttributes & TYPE_MASK;
    return (eptAttributes & IGNORE_PAT) != 0 ? type : EFFECTIVE[type][patType];
  }
}
