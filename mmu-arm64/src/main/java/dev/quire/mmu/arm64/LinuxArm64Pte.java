package dev.quire.mmu.arm64;

import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;

/**
 * Leaves of user space as Linux keeps them on arm64 (v6.18 arch/arm64/include/asm/pgtable-prot.h,
 * pgtable.h).
 *
 * <pre>
 *          63..59 58 57 56 55 54  53  52   51 ...         11 10  9:8 7   6   ... 1  0
 * mapped  |      |WP|  |sp|Di|UXN|PXN|Cont|W | page     |nG|AF| SH |RO |EL0|  | t |1|
 * no right|      |WP|  |sp|Di|UXN|PXN|Cont|W | page     | 1|AF| SH |RO | 0 |  | t |0|
 * note    |          value (12 and up)                  | 0|type (10:6)|WP(3)|  0 |0|
 * </pre>
 *
 * W is DBM, which Linux takes as "may be written"; hardware or the fault handler clears RO with the
 * first write. Di is PTE_DIRTY, sp PTE_SPECIAL, WP PTE_UFFD_WP. nG in an invalid entry is
 * PTE_PRESENT_INVALID.
 */
public final class LinuxArm64Pte implements KernelPteFormat {
  private static final long WRITE = VmsaDescriptor.DBM;
  private static final long READ_ONLY = VmsaDescriptor.AP_READ_ONLY;
  private static final long SOFT_DIRTY = 1L << 55;
  private static final long SPECIAL = 1L << 56;
  private static final long UFFD_WP = 1L << 58;
  private static final long NOTE_UFFD_WP = 1L << 3;
  private static final long PRESENT_INVALID = VmsaDescriptor.NG;
  private static final int TYPE_SHIFT = 6;
  private static final int VALUE_SHIFT = 12;
  private static final long VALUE_MASK = (1L << NOTE_VALUE_BITS) - 1;
  private static final long ADDRESS = (1L << 48) - (1L << Order.BASE_PAGE_SHIFT);
  private static final long RIGHTS =
      VmsaDescriptor.VALID
          | VmsaDescriptor.AP_EL0
          | VmsaDescriptor.UXN
          | VmsaDescriptor.NG
          | WRITE
          | READ_ONLY;

  private final PteFormat hardware;

  /**
   * @param inputBits of a user address, as in {@link Stage1PteFormat}
   */
  public LinuxArm64Pte(Granule granule, int inputBits) {
    hardware = new Stage1PteFormat(granule, inputBits, true);
  }

  @Override
  public PteFormat hardware() {
    return hardware;
  }

  @Override
  public long leaf(long pfn, int level, int protection) {
    return pfn << Order.BASE_PAGE_SHIFT
        | (level == 0 ? VmsaDescriptor.TABLE_OR_PAGE : 0)
        | VmsaDescriptor.AF
        | VmsaDescriptor.SH_INNER
        | VmsaDescriptor.PXN
        | rights(protection);
  }

  private static long rights(int protection) {
    if (protection == 0) {
      return PRESENT_INVALID | READ_ONLY | VmsaDescriptor.UXN;
    }
    return VmsaDescriptor.VALID
        | VmsaDescriptor.NG
        | VmsaDescriptor.AP_EL0
        | READ_ONLY
        | ((protection & Protection.WRITE) != 0 ? WRITE : 0)
        | ((protection & Protection.EXEC) == 0 ? VmsaDescriptor.UXN : 0);
  }

  @Override
  public boolean isMapped(long entry) {
    return (entry & VmsaDescriptor.VALID) != 0 || (entry & PRESENT_INVALID) != 0;
  }

  @Override
  public long pfn(long entry, int level) {
    return (entry & ADDRESS & -1L << Order.shift(hardware.leafOrder(level)))
        >>> Order.BASE_PAGE_SHIFT;
  }

  @Override
  public int protection(long entry, int level) {
    if ((entry & VmsaDescriptor.VALID) == 0) {
      return 0;
    }
    return Protection.READ
        | ((entry & WRITE) != 0 ? Protection.WRITE : 0)
        | ((entry & VmsaDescriptor.UXN) == 0 ? Protection.EXEC : 0);
  }

  @Override
  public long withProtection(long entry, int level, int protection) {
    long kept = isDirty(entry) ? entry | SOFT_DIRTY : entry;
    long changed = kept & ~RIGHTS | rights(protection);
    return isWritable(changed) ? writable(changed) : changed;
  }

  @Override
  public long advanced(long entry, int level, long pages) {
    return entry + (pages << Order.BASE_PAGE_SHIFT);
  }

  @Override
  public boolean isWritable(long entry) {
    return (entry & WRITE) != 0;
  }

  @Override
  public long writable(long entry) {
    return (entry & SOFT_DIRTY) != 0 ? (entry | WRITE) & ~READ_ONLY : entry | WRITE;
  }

  @Override
  public long writeProtected(long entry) {
    long kept = isDirty(entry) ? entry | SOFT_DIRTY : entry;
    return kept & ~WRITE | READ_ONLY;
  }

  @Override
  public boolean isYoung(long entry) {
    return (entry & VmsaDescriptor.AF) != 0;
  }

  @Override
  public long young(long entry) {
    return entry | VmsaDescriptor.AF;
  }

  @Override
  public long old(long entry) {
    return entry & ~VmsaDescriptor.AF;
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & SOFT_DIRTY) != 0 || (entry & (WRITE | READ_ONLY)) == WRITE;
  }

  @Override
  public long dirty(long entry) {
    long marked = entry | SOFT_DIRTY;
    return isWritable(entry) ? marked & ~READ_ONLY : marked;
  }

  @Override
  public long clean(long entry) {
    return entry & ~SOFT_DIRTY | READ_ONLY;
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
    return (entry & VmsaDescriptor.CONTIGUOUS) != 0;
  }

  @Override
  public long contiguous(long entry) {
    return entry | VmsaDescriptor.CONTIGUOUS;
  }

  @Override
  public long single(long entry) {
    return entry & ~VmsaDescriptor.CONTIGUOUS;
  }

  @Override
  public long note(int type, long value) {
    return (value & VALUE_MASK) << VALUE_SHIFT | (long) type << TYPE_SHIFT | 1L << 2;
  }

  @Override
  public int noteType(long entry) {
    return (int) (entry >>> TYPE_SHIFT) & MAX_NOTE_TYPE;
  }

  @Override
  public long noteValue(long entry) {
    return entry >>> VALUE_SHIFT & VALUE_MASK;
  }
}
