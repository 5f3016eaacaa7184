package dev.quire.mmu.x86;

import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;

/**
 * Leaves as Linux keeps them on x86-64 (v6.18 arch/x86/include/asm/pgtable_types.h, pgtable_64.h).
 *
 * <pre>
 *          63 62.....52 51................12 11 10  9  8   7  6 5        2  1 0
 * mapped  |XD| ignored |  page              |  |WP|sp|G  |PS| D|A|      |US|RW|1|
 * no right|XD| ignored |  page              |  |WP|sp| 1 |PS| D|A|      |US|RW|0|
 * note    |type(63:59) | ~value (58:14)     |         | 0 |          |WP(2)|  |0|
 * </pre>
 *
 * sp is _PAGE_SPECIAL, WP _PAGE_UFFD_WP; bit 8 of an entry that is not present is _PAGE_PROTNONE.
 * The value is stored inverted, as against L1TF.
 */
public final class LinuxX86Pte implements KernelPteFormat {
  private static final long PROT_NONE = Ia32ePte.G;
  private static final long SPECIAL = 1L << 9;
  private static final long UFFD_WP = 1L << 10;
  private static final long NOTE_UFFD_WP = 1L << 2;
  private static final int TYPE_SHIFT = 59;
  private static final int VALUE_SHIFT = 14;
  private static final long VALUE_MASK = (1L << NOTE_VALUE_BITS) - 1;

  /** One bit more than a value has, so that a note is never 0. */
  private static final long INVERTED_MASK = (1L << NOTE_VALUE_BITS + 1) - 1;

  private static final long RIGHTS = Ia32ePte.P | Ia32ePte.RW | Ia32ePte.XD | PROT_NONE;

  private final PteFormat hardware;

  /**
   * @param hardware {@link Ia32ePte#FOUR_LEVEL} or {@link Ia32ePte#FIVE_LEVEL}
   */
  public LinuxX86Pte(PteFormat hardware) {
    this.hardware = hardware;
  }

  @Override
  public PteFormat hardware() {
    return hardware;
  }

  @Override
  public long leaf(long pfn, int level, int protection) {
    return pfn << Order.BASE_PAGE_SHIFT
        | Ia32ePte.US
        | Ia32ePte.A
        | (level > 0 ? Ia32ePte.PS : 0)
        | rights(protection);
  }

  private static long rights(int protection) {
    if (protection == 0) {
      return PROT_NONE | Ia32ePte.XD;
    }
    return Ia32ePte.P
        | ((protection & Protection.WRITE) != 0 ? Ia32ePte.RW : 0)
        | ((protection & Protection.EXEC) == 0 ? Ia32ePte.XD : 0);
  }

  @Override
  public boolean isMapped(long entry) {
    return (entry & (Ia32ePte.P | PROT_NONE)) != 0;
  }

  @Override
  public long pfn(long entry, int level) {
    return (entry & Ia32ePte.ADDRESS) >>> Order.BASE_PAGE_SHIFT
        & -(1L << hardware.leafOrder(level));
  }

  @Override
  public int protection(long entry, int level) {
    return hardware.protection(entry, level);
  }

  @Override
  public long withProtection(long entry, int level, int protection) {
    return entry & ~RIGHTS | rights(protection);
  }

  @Override
  public long advanced(long entry, int level, long pages) {
    return entry + (pages << Order.BASE_PAGE_SHIFT);
  }

  @Override
  public boolean isWritable(long entry) {
    return (entry & Ia32ePte.RW) != 0;
  }

  @Override
  public long writable(long entry) {
    return entry | Ia32ePte.RW;
  }

  @Override
  public long writeProtected(long entry) {
    return entry & ~Ia32ePte.RW;
  }

  @Override
  public boolean isYoung(long entry) {
    return (entry & Ia32ePte.A) != 0;
  }

  @Override
  public long young(long entry) {
    return entry | Ia32ePte.A;
  }

  @Override
  public long old(long entry) {
    return entry & ~Ia32ePte.A;
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & Ia32ePte.D) != 0;
  }

  @Override
  public long dirty(long entry) {
    return entry | Ia32ePte.D;
  }

  @Override
  public long clean(long entry) {
    return entry & ~Ia32ePte.D;
  }

  @Override
  public boolean isSpecial(long entry) {
    return (entry & SPECIAL) != 0;
  }

  @Override
  public long special(long entry) {
    return entry | SPECIAL;
  }

  @Override
  public long uffdWriteProtection(boolean mapped) {
    return mapped ? UFFD_WP : NOTE_UFFD_WP;
  }

  @Override
  public boolean isContiguous(long entry) {
    return false;
  }

  @Override
  public long contiguous(long entry) {
    throw new UnsupportedOperationException("x86-64 has no contiguous bit");
  }

  @Override
  public long single(long entry) {
    return entry;
  }

  @Override
  public long note(int type, long value) {
    return (long) type << TYPE_SHIFT | (~value & INVERTED_MASK) << VALUE_SHIFT;
  }

  @Override
  public int noteType(long entry) {
    return (int) (entry >>> TYPE_SHIFT);
  }

  @Override
  public long noteValue(long entry) {
    return ~(entry >>> VALUE_SHIFT) & VALUE_MASK;
  }
}
