package dev.quire.mmu.x86;

/**
 * Control register CR0 (SDM vol. 3A 2.5).
 *
 * <pre>
 *  63    32 31 30 29 28   19 18 17 16 15     6  5  4  3  2  1  0
 * +--------+--+--+--+-------+--+--+--+--------+--+--+--+--+--+--+
 * | must   |P |C |N |   0   |A |0 |W |   0    |N |E |T |E |M |P |
 * | be 0   |G |D |W |       |M |  |P |        |E |T |S |M |P |E |
 * +--------+--+--+--+-------+--+--+--+--------+--+--+--+--+--+--+
 * </pre>
 */
public final class Cr0 {
  /** Protection enable. */
  public static final long PE = 1L << 0;

  /** Monitor coprocessor. */
  public static final long MP = 1L << 1;

  /** Emulation. */
  public static final long EM = 1L << 2;

  /** Task switched. */
  public static final long TS = 1L << 3;

  /** Extension type, always 1. */
  public static final long ET = 1L << 4;

  /** Numeric error. */
  public static final long NE = 1L << 5;

  /** Write protect: supervisor writes obey R/W. */
  public static final long WP = 1L << 16;

  /** Alignment mask. */
  public static final long AM = 1L << 18;

  /** Not write-through. */
  public static final long NW = 1L << 29;

  /** Cache disable. */
  public static final long CD = 1L << 30;

  /** Paging. */
  public static final long PG = 1L << 31;

  /** The value after RESET and INIT but for CD and NW (SDM vol. 3A table 11-1). */
  public static final long AFTER_RESET = CD | NW | ET;

  static final long DEFINED = PE | MP | EM | TS | ET | NE | WP | AM | NW | CD | PG;

  private Cr0() {}

  /**
   * What the register holds after a write: reserved bits below 32 stay clear, ET stays set (SDM
   * vol. 2, MOV to control registers).
   */
  static long stored(long value) {
    return value & DEFINED | ET;
  }

  /** Whether the value by itself raises #GP (SDM vol. 2, MOV to control registers). */
  static boolean isIllegal(long value) {
    return value >>> 32 != 0 || (value & (PG | PE)) == PG || (value & (NW | CD)) == NW;
  }
}
