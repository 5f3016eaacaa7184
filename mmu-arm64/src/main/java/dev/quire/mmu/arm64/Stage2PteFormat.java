package dev.quire.mmu.arm64;

import dev.quire.mmu.Protection;

/**
 * Stage-2 tables, 4 KiB granule, as Linux's KVM builds them: normal write-back memory, inner
 * shareable, access flag set. A writable leaf is dirty, as without FEAT_HAFDBS.
 */
public final class Stage2PteFormat extends VmsaPteFormat {
  /**
   * @param inputBits 64 - VTCR_EL2.T0SZ: bits of an IPA
   * @param startLevel 0, 1 or 2 (VTCR_EL2.SL0); up to 16 tables of it are concatenated
   */
  public Stage2PteFormat(int inputBits, int startLevel) {
    super(Granule.SIZE_4K, inputBits, startLevel);
    if (startLevel < 0 || startLevel > 2) {
      throw new IllegalArgumentException("start level " + startLevel + " is not 0, 1 or 2");
    }
    if (VtcrEl2.inconsistent(VtcrEl2.of(inputBits, startLevel, 0), 48)) {
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
