package dev.quire.mmu;

/**
 * What a memory access asks of the MMU, packed into an int.
 *
 * <pre>
 *  31   8    7      6       5          4          3        2    1 0
 * +------+-------+-------+-----------+----------+----------+------+----+
 * |  0   | USER_ | PROBE | USER_DATA | TABLE    | IMPLICIT | USER |type|
 * |      | PAGE  |       | _ALLOWED  | _WALK    |          |      |    |
 * +------+-------+-------+-----------+----------+----------+------+----+
 * </pre>
 */
public final class Access {
  public static final int READ = 0;
  public static final int WRITE = 1;
  public static final int FETCH = 2;
  public static final int TYPE_MASK = 3;

  /** Unprivileged: CPL 3, EL0, or an unprivileged load or store (LDTR, STTR). */
  public static final int USER = 1 << 2;

  /** An x86 implicit supervisor access (descriptor tables, TSS): never a user access. */
  public static final int IMPLICIT = 1 << 3;

  /** A table entry read or updated on behalf of a stage-1 walk, as a second stage sees it. */
  public static final int TABLE_WALK = 1 << 4;

  /** A privileged access may touch user data: RFLAGS.AC is set, or PSTATE.PAN is clear. */
  public static final int USER_DATA_ALLOWED = 1 << 5;

  /** A look without any effect: no accessed or dirty bit set, nothing counted, at either stage. */
  public static final int PROBE = 1 << 6;

  /**
   * What stage 1 says of the page, for a second stage that asks: a user page. On x86 the U/S flag
   * of every entry (SDM vol. 3C 28.3.2, mode-based execute control).
   */
  public static final int USER_PAGE = 1 << 7;

  private Access() {}

  public static int type(int access) {
    return access & TYPE_MASK;
  }

  public static boolean isWrite(int access) {
    return type(access) == WRITE;
  }

  public static boolean isFetch(int access) {
    return type(access) == FETCH;
  }

  public static boolean isUser(int access) {
    return (access & (USER | IMPLICIT)) == USER;
  }

  public static boolean isTableWalk(int access) {
    return (access & TABLE_WALK) != 0;
  }

  public static boolean isProbe(int access) {
    return (access & PROBE) != 0;
  }

  /** The same access with another type. */
  public static int withType(int access, int type) {
    return (access & ~TYPE_MASK) | type;
  }

  /** For messages: {@code "user write"}. */
  public static String describe(int access) {
    String who = isUser(access) ? "user " : "";
    String what =
        switch (type(access)) {
          case READ -> "read";
          case WRITE -> "write";
          default -> "fetch";
        };
    return who + what + (isTableWalk(access) ? " of a table entry" : "");
  }
}
