package dev.quire.mmu.x86;

/**
 * The error code of #PF (SDM vol. 3A 4.7, figure 4-12).
 *
 * <pre>
 *  31      16 15 14   6   5   4   3    2   1   0
 * +----------+--+------+---+---+----+---+---+---+
 * |    0     |SG|  0   |PK |I/D|RSVD|U/S|W/R| P |
 * +----------+--+------+---+---+----+---+---+---+
 * </pre>
 *
 * SS and SGX are never set: the MMU has no such feature.
 */
public final class PageFaultCode {
  /** P: a page-level protection violation, not an entry that is not present. */
  public static final int PROTECTION = 1 << 0;

  /** W/R: the access was a write. */
  public static final int WRITE = 1 << 1;

  /** U/S: the access was a user-mode access. */
  public static final int USER = 1 << 2;

  /** RSVD: an entry has a reserved bit set. Comes with P. */
  public static final int RESERVED = 1 << 3;

  /** I/D: an instruction fetch; reported only with SMEP, or with PAE and NXE. */
  public static final int FETCH = 1 << 4;

  /**
   * PK: a protection key denies the access. Set whatever else denies it, but only when the page's
   * translation was read to its end.
   */
  public static final int PROTECTION_KEY = 1 << 5;

  private PageFaultCode() {}
}
