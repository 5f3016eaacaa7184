package dev.quire.mmu.arm64;

import dev.quire.mmu.Protection;

/**
 * Stage-1 tables of the EL1&0 regime for any granule. Leaves are inner shareable with MAIR_EL1's
 * attribute 0 and the access flag set; those of user space are not global.
 *
 * <p>Reads cannot be denied to the owner of a kernel page, and WRITE implies READ. A writable leaf
 * is dirty: without FEAT_HAFDBS the software that made it writable knows no better.
 */
public final class Stage1PteFormat extends VmsaPteFormat {
  private final boolean user;

  /**
   * @param inputBits 64 - TxSZ, 25 to 48
   * @param user leaves are for EL0 (never executable at EL1), else for EL1 alone
   */
  public Stage1PteFormat(Granule granule, int inputBits, boolean user) {
    super(granule, inputBits, granule.startLevel(inputBits));
    if (inputBits < 25 || inputBits > 48) {
      throw new IllegalArgumentException("input addresses of " + inputBits + " bits: 25 to 48");
    }
    this.user = user;
  }

  @Override
  public int protection(long entry, int level) {
    boolean readable = !user || (entry & VmsaDescriptor.AP_EL0) != 0;
    boolean writable = readable && (entry & VmsaDescriptor.AP_READ_ONLY) == 0;
    boolean executable = (entry & (user ? VmsaDescriptor.UXN : VmsaDescriptor.PXN)) == 0;
    return (readable ? Protection.READ : 0)
        | (writable ? Protection.WRITE : 0)
        | (executable ? Protection.EXEC : 0);
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & VmsaDescriptor.AP_READ_ONLY) == 0;
  }

  @Override
  public long leaf(long pfn, int level, int protection) {
    boolean writable = (protection & Protection.WRITE) != 0;
    boolean readable = writable || (protection & Protection.READ) != 0;
    boolean executable = (protection & Protection.EXEC) != 0;
    long never = executable ? 0 : user ? VmsaDescriptor.UXN : VmsaDescriptor.PXN;
    long owner =
        user
            ? VmsaDescriptor.PXN | VmsaDescriptor.NG | (readable ? VmsaDescriptor.AP_EL0 : 0)
            : VmsaDescriptor.UXN;
    return typedLeaf(pfn, level)
        | VmsaDescriptor.AF
        | VmsaDescriptor.SH_INNER
        | (writable ? 0 : VmsaDescriptor.AP_READ_ONLY)
        | never
        | owner;
  }
}
