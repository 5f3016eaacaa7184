package dev.quire.mmu.x86;

import dev.quire.mmu.Access;
import dev.quire.mmu.Protection;

/**
 * What a finished walk leaves to decide each later access, packed into a long: the attributes of a
 * TLB entry. The mode (CPL, AC, WP, SMEP, SMAP) is not part of it, as in hardware: it is applied at
 * each use.
 *
 * <pre>
 *  63    14 13..11 10..7   6..4     3    2    1    0
 * +--------+------+------+--------+----+----+----+----+
 * |   0    | type | key  | stage 2|DIRT|XD  |U/S |R/W |
 * +--------+------+------+--------+----+----+----+----+
 * </pre>
 *
 * R/W and U/S are the AND, XD the OR over all entries of the walk; stage 2 is a {@link Protection};
 * the key ({@link ProtectionKeys}) is that of the leaf, the type the effective {@link MemoryType}
 * but for CR0.CD.
 */
final class PageRights {
  static final long WRITABLE = 1L << 0;
  static final long USER = 1L << 1;
  static final long NO_EXECUTE = 1L << 2;
  static final long DIRTY = 1L << 3;
  private static final int STAGE2_SHIFT = 4;
  private static final int KEY_SHIFT = 7;
  private static final int TYPE_SHIFT = 11;
  private static final int TYPE_MASK = 7;

  /** A page of a machine without paging. */
  static final long UNPAGED = WRITABLE | USER | DIRTY;

  /** By access type: the rights a fill may grant (a data fill never EXEC, a fetch never WRITE). */
  private static final int[] GRANTABLE = {
    Protection.READ | Protection.WRITE,
    Protection.READ | Protection.WRITE,
    Protection.READ | Protection.EXEC,
    0
  };

  private PageRights() {}

  static long withStage2(long attributes, int rights) {
    return attributes | (long) rights << STAGE2_SHIFT;
  }

  static long withKey(long attributes, int key) {
    return attributes | (long) key << KEY_SHIFT;
  }

  static long withType(long attributes, int memoryType) {
    return attributes | (long) memoryType << TYPE_SHIFT;
  }

  static int memoryType(long attributes) {
    return (int) (attributes >>> TYPE_SHIFT) & TYPE_MASK;
  }

  /** What the page's protection key denies to the mode of {@code access}. */
  static int deniedByKey(long attributes, PagingRegime regime, int access) {
    int register = regime.keys((attributes & USER) != 0);
    if (register == 0) {
      return 0;
    }
    int key = (int) (attributes >>> KEY_SHIFT) & ProtectionKeys.KEY_MASK;
    boolean writesObey = Access.isUser(access) || regime.writeProtect();
    return ProtectionKeys.denied(register, key, writesObey);
  }

  /** The rights that stage 1 gives to the mode of {@code access} (SDM vol. 3A 4.6). */
  static int stage1(long attributes, PagingRegime regime, int access) {
    boolean userPage = (attributes & USER) != 0;
    boolean writable = (attributes & WRITABLE) != 0;
    boolean executable = (attributes & NO_EXECUTE) == 0;
    boolean data = true;
    if (Access.isUser(access)) {
      data = userPage;
      executable &= userPage;
    } else {
      if (userPage && regime.smap()) {
        int how = access & (Access.USER_DATA_ALLOWED | Access.IMPLICIT);
        data = how == Access.USER_DATA_ALLOWED;
      }
      writable |= !regime.writeProtect();
      executable &= !(userPage && regime.smep());
    }
    int rights =
        (data ? Protection.READ : 0)
            | (data && writable ? Protection.WRITE : 0)
            | (executable ? Protection.EXEC : 0);
    return rights & ~deniedByKey(attributes, regime, access);
  }

  /** The rights to grant to {@code access} now; without the one it needs the tables decide. */
  static int granted(long attributes, PagingRegime regime, int access) {
    int rights = stage1(attributes, regime, access) & (int) (attributes >>> STAGE2_SHIFT);
    if ((attributes & DIRTY) == 0) {
      rights &= ~Protection.WRITE;
    }
    return rights & GRANTABLE[Access.type(access)];
  }

  /** Whether every access that {@code before} allows, {@code after} allows too, by any mode. */
  static boolean onlyAdds(long before, long after) {
    long mayGrow = DIRTY | (long) Protection.ALL << STAGE2_SHIFT;
    return ((before ^ after) & ~mayGrow) == 0 && (before & ~after) == 0;
  }
}
