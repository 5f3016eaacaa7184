package dev.quire.mmu.x86;

import dev.quire.mmu.Protection;

/**
 * Protection keys (SDM vol. 3A 4.6.2): the key of a page is bits 62:59 of the entry that maps it,
 * what a key denies stands in PKRU for user pages and in IA32_PKRS for supervisor pages.
 *
 * <pre>
 *  31  30  29  28       3   2   1   0
 * +---+---+---+---+   +---+---+---+---+
 * |WD |AD |WD |AD |...|WD |AD |WD |AD |
 * |15 |15 |14 |14 |   | 1 | 1 | 0 | 0 |
 * +---+---+---+---+   +---+---+---+---+
 * </pre>
 */
public final class ProtectionKeys {
  /** The MSR number of IA32_PKRS. */
  public static final int PKRS_MSR = 0x6e1;

  static final int KEY_SHIFT = 59;
  static final int KEY_MASK = 15;

  private static final int ACCESS_DISABLE = 1;
  private static final int WRITE_DISABLE = 2;
  private static final int BITS_PER_KEY = 2;

  private ProtectionKeys() {}

  /** The key in an entry of IA-32e paging that maps a page. */
  public static int key(long entry) {
    return (int) (entry >>> KEY_SHIFT) & KEY_MASK;
  }

  /**
   * The {@link Protection} that a key takes away. Fetches are not concerned.
   *
   * @param register PKRU or IA32_PKRS
   * @param writesObey the access is a user's, or CR0.WP is set
   */
  static int denied(int register, int key, boolean writesObey) {
    int bits = register >>> BITS_PER_KEY * key;
    if ((bits & ACCESS_DISABLE) != 0) {
      return Protection.READ | Protection.WRITE;
    }
    return (bits & WRITE_DISABLE) != 0 && writesObey ? Protection.WRITE : 0;
  }
}
