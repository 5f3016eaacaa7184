package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;
import dev.quire.mmu.Protection;

/**
 * What stage 1 (and then stage 2) says of a page, whoever asks: the attributes kept with a TLB
 * entry.
 *
 * <pre>
 *  63   21 20..19 18..15  14    13   12    11   10..9 8       6   5..3      2..0
 * +-------+------+-------+-----+----+------+----+------+---------+---------+---------+
 * |   0   | SH 2 |MemAttr|CLEAN|EL0 | Cont | nG |  SH  | AttrIdx |EL0 X W R|EL1 X W R|
 * +-------+------+-------+-----+----+------+----+------+---------+---------+---------+
 *   EL0: it has data access at stage 1, so PAN forbids EL1 data access
 *   CLEAN: writable, but the dirty state is still to be set (DBM)
 *   MemAttr and SH 2: the second stage's
 * </pre>
 */
final class S1Permissions {
  private static final int EL0_SHIFT = 3;
  private static final int ATTR_INDEX_SHIFT = 6;
  private static final int SH_SHIFT = 9;
  private static final long NOT_GLOBAL = 1L << 11;
  private static final long CONTIGUOUS = 1L << 12;
  private static final long EL0_ACCESSIBLE = 1L << 13;
  private static final long CLEAN = 1L << 14;
  private static final int STAGE2_SHIFT = 15;
  private static final int EVERYONE = 1 | 1 << EL0_SHIFT;
  private static final int DATA = Protection.READ | Protection.WRITE;

  /** What a disabled stage 1 says: everything allowed, global, device memory by MAIR's absence. */
  static final long DISABLED = (long) Protection.ALL * EVERYONE;

  private S1Permissions() {}

  /**
   * AArch64.S1DirectBasePermissions and what follows it: AP, APTable, UXN, PXN, their Table forms
   * and WXN.
   *
   * @param descriptor with AP[2] clear where the dirty state is hardware's to manage
   * @param hierarchical the table descriptors' bits that count, or-ed
   */
  static long of(long descriptor, long hierarchical, boolean wxn) {
    return of(descriptor, hierarchical, wxn, VmsaDescriptor.shareability(descriptor));
  }

  /** The same with a shareability that is not the descriptor's. */
  static long of(long descriptor, long hierarchical, boolean wxn, int shareability) {
    boolean writable =
        (descriptor & VmsaDescriptor.AP_READ_ONLY) == 0
            && (hierarchical & VmsaDescriptor.AP_TABLE_READ_ONLY) == 0;
    boolean el0 =
        (descriptor & VmsaDescriptor.AP_EL0) != 0
            && (hierarchical & VmsaDescriptor.AP_TABLE_NO_EL0) == 0;
    int data = writable ? DATA : Protection.READ;
    int el0Data = el0 ? data : 0;
    // What EL0 can write EL1 never executes; WXN extends that to each level's own writes.
    boolean el1Exec =
        (descriptor & VmsaDescriptor.PXN) == 0
            && (hierarchical & VmsaDescriptor.PXN_TABLE) == 0
            && !(writable && (el0 || wxn));
    boolean el0Exec =
        (descriptor & VmsaDescriptor.UXN) == 0
            && (hierarchical & VmsaDescriptor.UXN_TABLE) == 0
            && !(writable && el0 && wxn);
    int el1 = data | (el1Exec ? Protection.EXEC : 0);
    int unprivileged = el0Data | (el0Exec ? Protection.EXEC : 0);
    return (long) (el1 | unprivileged << EL0_SHIFT)
        | (el0 ? EL0_ACCESSIBLE : 0)
        | (long) VmsaDescriptor.attrIndex(descriptor) << ATTR_INDEX_SHIFT
        | (long) shareability << SH_SHIFT
        | ((descriptor & VmsaDescriptor.NG) != 0 ? NOT_GLOBAL : 0)
        | ((descriptor & VmsaDescriptor.CONTIGUOUS) != 0 ? CONTIGUOUS : 0);
  }

  /** The same page as long as it is clean. */
  static long clean(long permissions) {
    return permissions | CLEAN;
  }

  /** With the second stage's attributes, {@link S2Walker#attributes}. */
  static long withStage2(long permissions, int attributes) {
    return permissions | (long) attributes << STAGE2_SHIFT;
  }

  /** The same page seen through a second stage that allows {@code stage2Rights}. */
  static long restrict(long permissions, int stage2Rights) {
    long denied = (long) (Protection.ALL & ~stage2Rights) * EVERYONE;
    return permissions & ~denied;
  }

  /** The {@link Protection} for the level and PAN state of {@code access}. PAN spares fetches. */
  static int rights(long permissions, int access) {
    int usable = (permissions & CLEAN) != 0 ? Protection.ALL & ~Protection.WRITE : Protection.ALL;
    if (Access.isUser(access)) {
      return (int) permissions >>> EL0_SHIFT & usable;
    }
    int rights = (int) permissions & usable;
    boolean forbidden =
        (permissions & EL0_ACCESSIBLE) != 0 && (access & Access.USER_DATA_ALLOWED) == 0;
    return forbidden ? rights & Protection.EXEC : rights;
  }

  static boolean isGlobal(long permissions) {
    return (permissions & NOT_GLOBAL) == 0;
  }

  static boolean isContiguous(long permissions) {
    return (permissions & CONTIGUOUS) != 0;
  }

  static int attrIndex(long permissions) {
    return (int) (permissions >>> ATTR_INDEX_SHIFT) & 7;
  }

  static int shareability(long permissions) {
    return (int) (permissions >>> SH_SHIFT) & 3;
  }
}
