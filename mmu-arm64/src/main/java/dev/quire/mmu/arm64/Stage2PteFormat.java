package dev.quire.mmu.arm64;

import dev.quire.mmu.Protection;

/**
 * Stage-2 tables as Linux's KVM builds them: normal write-back memory, inner shareable, access flag
 * set. A writable leaf is dirty, as without FEAT_HAFDBS.
 */
public final class Stage2PteFormat extends VmsaPteFormat {
  /** Tables of the 4 KiB granule. */
  public Stage2PteFormat(int inputBits, int startLevel) {
    this(Granule.SIZE_4K, inputBits, startLevel);
  }

  /**
   * @param inputBits 64 - VTCR_EL2.T0SZ: bits of an IPA, at most 48
   * @param startLevel VTCR_EL2.SL0 as a level; up to 16 tables of it are concatenated
   */
  public Stage2PteFormat(Granule granule, int inputBits, int startLevel) {
    super(granule, inputBits, startLevel);
    int last = granule == Granule.SIZE_4K ? 2 : Granule.FINAL_LEVEL;
    if (startLevel < 0 || startLevel > last) {
      throw new IllegalArgumentException("start level " + startLevel + " is not in 0.." + last);
    }
    if (inputBits > 48
        || VtcrEl2.invalidStart(granule, false, startLevel, 48)
        || VtcrEl2.inconsistent(granule, startLevel, inputBits)) {
      throw new IllegalArgumentException(
          inputBits + " bits of IPA cannot be resolved from level " + startLevel);
    }
  }

  @Override
  public int protection(long entry, int level) {
    return Stage2Descriptor.rights(entry);
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & Stage2Descriptor.S2AP_WRITE) != 0;
  }

  @Override
  public long leaf(long pfn, int level, int protection) {
    return typedLeaf(pfn, level)
        | Stage2Descriptor.AF
        | Stage2Descriptor.SH_INNER
        | Stage2Descriptor.MEM_ATTR_NORMAL
        | ((protection & Protection.READ) != 0 ? Stage2Descriptor.S2AP_READ : 0)
        | ((protection & Protection.WRITE) != 0 ? Stage2Descriptor.S2AP_WRITE : 0)
        | ((protection & Protection.EXEC) == 0 ? Stage2Descriptor.XN : 0);
  }
}
