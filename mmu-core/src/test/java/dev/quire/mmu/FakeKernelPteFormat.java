package dev.quire.mmu;

/**
 * {@link KernelPteFormat} over {@link FakePteFormat}, with the kernel's bits in odd places.
 *
 * <pre>
 *  63 62 61  60    59      58   57..53     52   51         50            49
 *  0  WP  D  group special  0   note type  note no right   write denied  0
 * </pre>
 */
public final class FakeKernelPteFormat implements KernelPteFormat {
  private static final long UFFD_WP = 1L << 62;
  private static final long DIRTY = 1L << 61;
  private static final long GROUP = 1L << 60;
  private static final long SPECIAL = 1L << 59;
  private static final int TYPE_SHIFT = 53;
  private static final long NOTE = 1L << 52;
  private static final long NO_RIGHT = 1L << 51;
  private static final long PRESENT = 1L << 17;
  private static final long ACCESSED = 1L << 3;
  private static final long VALUE_MASK = (1L << NOTE_VALUE_BITS) - 1;
  private static final long KEPT = UFFD_WP | DIRTY | GROUP | SPECIAL | ACCESSED;

  private final FakePteFormat hardware = new FakePteFormat();

  @Override
  public PteFormat hardware() {
    return hardware;
  }

  @Override
  public long leaf(long pfn, int level, int protection) {
    return bare(pfn, level, protection) | ACCESSED;
  }

  private long bare(long pfn, int level, int protection) {
    long entry = hardware.leaf(pfn, level, protection | Protection.WRITE);
    if (protection == 0) {
      return entry & ~PRESENT | NO_RIGHT | FakePteFormat.WRITE_DENIED;
    }
    return (protection & Protection.WRITE) != 0 ? entry : entry | FakePteFormat.WRITE_DENIED;
  }

  @Override
  public boolean isMapped(long entry) {
    return (entry & (PRESENT | NO_RIGHT)) != 0 && (entry & NOTE) == 0;
  }

  @Override
  public long pfn(long entry, int level) {
    return hardware.pfn(entry, level);
  }

  @Override
  public int protection(long entry, int level) {
    return (entry & NO_RIGHT) != 0 ? 0 : hardware.protection(entry, level);
  }

  @Override
  public long withProtection(long entry, int level, int protection) {
    return bare(pfn(entry, level), level, protection) | entry & KEPT;
  }

  @Override
  public long advanced(long entry, int level, long pages) {
    int rights = protection(entry, level);
    return bare(pfn(entry, level) + pages, level, rights) | entry & KEPT;
  }

  @Override
  public boolean isWritable(long entry) {
    return (entry & FakePteFormat.WRITE_DENIED) == 0;
  }

  @Override
  public long writable(long entry) {
    return entry & ~FakePteFormat.WRITE_DENIED;
  }

  @Override
  public long writeProtected(long entry) {
    return entry | FakePteFormat.WRITE_DENIED;
  }

  @Override
  public boolean isYoung(long entry) {
    return (entry & ACCESSED) != 0;
  }

  @Override
  public long young(long entry) {
    return entry | ACCESSED;
  }

  @Override
  public long old(long entry) {
    return entry & ~ACCESSED;
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & DIRTY) != 0;
  }

  @Override
  public long dirty(long entry) {
    return entry | DIRTY;
  }

  @Override
  public long clean(long entry) {
    return entry & ~DIRTY;
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
    return UFFD_WP;
  }

  @Override
  public boolean isContiguous(long entry) {
    return (entry & GROUP) != 0;
  }

  @Override
  public long contiguous(long entry) {
    return entry | GROUP;
  }

  @Override
  public long single(long entry) {
    return entry & ~GROUP;
  }

  @Override
  public long note(int type, long value) {
    return NOTE | (long) type << TYPE_SHIFT | (value & VALUE_MASK & 0x1fff) | value >>> 13 << 18;
  }

  @Override
  public int noteType(long entry) {
    return (int) (entry >>> TYPE_SHIFT) & MAX_NOTE_TYPE;
  }

  @Override
  public long noteValue(long entry) {
    return entry & 0x1fff | (entry >>> 18 << 13 & VALUE_MASK);
  }
}
