package dev.quire.mmu.arm64;

/**
 * Fault status codes as in DFSC, IFSC and PAR_EL1.FST: the {@code syndrome} of a fault record here.
 * Source: Arm ARM DDI 0487, EncodeLDFSC and D19.2 ESR_EL1.
 *
 * <pre>
 *  syndrome  63        11 10          8 7  6 5    2 1   0
 *           +------------+-------------+----+------+-----+
 *           |     0      |walking level| 0  | kind |level|
 *           +------------+-------------+----+------+-----+
 * </pre>
 *
 * Level -1 (FEAT_LPA2) has codes of its own: {@link #of}. {@code walking level}, plus one, is used
 * only when a second stage refused a stage-1 table entry: the stage-1 level of that entry, which a
 * host that cannot supply the memory needs to report an external abort.
 */
public final class FaultStatus {
  public static final int ADDRESS_SIZE = 0;
  public static final int TRANSLATION = 1 << 2;
  public static final int ACCESS_FLAG = 2 << 2;
  public static final int PERMISSION = 3 << 2;

  /** Synchronous external abort on the access itself. */
  public static final int EXTERNAL = 0x10;

  /** Synchronous external abort on a translation table walk. */
  public static final int EXTERNAL_ON_WALK = 0x14;

  public static final int ALIGNMENT = 0x21;

  private static final int ADDRESS_SIZE_MINUS_1 = 0b101001;
  private static final int TRANSLATION_MINUS_1 = 0b101011;
  private static final int EXTERNAL_ON_WALK_MINUS_1 = 0b010011;

  private static final int CODE_MASK = 0x3f;
  private static final int LEVEL_MASK = 3;
  private static final int WALKING_LEVEL_SHIFT = 8;
  private static final int WALKING_LEVEL_MASK = 7;

  private FaultStatus() {}

  /** The six bits that go to DFSC, IFSC or FST. */
  public static int code(long syndrome) {
    return (int) syndrome & CODE_MASK;
  }

  /**
   * EncodeLDFSC.
   *
   * @param kind {@link #ADDRESS_SIZE}, {@link #TRANSLATION}, {@link #ACCESS_FLAG}, {@link
   *     #PERMISSION} or {@link #EXTERNAL_ON_WALK}
   * @param level -1 to 3; -1 for the first, second and last of them only
   */
  public static int of(int kind, int level) {
    if (level >= 0) {
      return kind | level;
    }
    return switch (kind) {
      case ADDRESS_SIZE -> ADDRESS_SIZE_MINUS_1;
      case TRANSLATION -> TRANSLATION_MINUS_1;
      case EXTERNAL_ON_WALK -> EXTERNAL_ON_WALK_MINUS_1;
      default -> throw new IllegalArgumentException("fault kind " + kind + " at level -1");
    };
  }

  /** The code without its level: one of the constants above. */
  public static int kind(long syndrome) {
    int code = code(syndrome);
    return switch (code) {
      case ADDRESS_SIZE_MINUS_1 -> ADDRESS_SIZE;
      case TRANSLATION_MINUS_1 -> TRANSLATION;
      case EXTERNAL_ON_WALK_MINUS_1 -> EXTERNAL_ON_WALK;
      default -> code & ~LEVEL_MASK;
    };
  }

  static long withWalkingLevel(long syndrome, int stage1Level) {
    return syndrome | stage1Level + 1L << WALKING_LEVEL_SHIFT;
  }

  /** The stage-1 level of the table entry that a second stage refused. */
  public static int walkingLevel(long syndrome) {
    return ((int) (syndrome >>> WALKING_LEVEL_SHIFT) & WALKING_LEVEL_MASK) - 1;
  }
}
