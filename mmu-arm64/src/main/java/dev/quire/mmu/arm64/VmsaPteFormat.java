package dev.quire.mmu.arm64;

import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;

/**
 * The geometry that both stages' table formats share. The port counts levels down to 0; the Arm
 * ARM's level is 3 minus that.
 */
abstract sealed class VmsaPteFormat implements PteFormat permits Stage1PteFormat, Stage2PteFormat {
  private final Granule granule;
  private final int inputBits;
  private final int startLevel;

  /**
   * @param startLevel the Arm ARM's number of the root's level
   */
  VmsaPteFormat(Granule granule, int inputBits, int startLevel) {
    this.granule = granule;
    this.inputBits = inputBits;
    this.startLevel = startLevel;
  }

  static int armLevel(int level) {
    return Granule.FINAL_LEVEL - level;
  }

  int shift(int level) {
    return granule.shift(armLevel(level));
  }

  @Override
  public int rootLevel() {
    return Granule.FINAL_LEVEL - startLevel;
  }

  @Override
  public int entries(int level) {
    return 1 << (level == rootLevel() ? inputBits - shift(level) : granule.indexBits());
  }

  @Override
  public int index(long address, int level) {
    return (int) (address >>> shift(level)) & entries(level) - 1;
  }

  @Override
  public int leafOrder(int level) {
    return granule.leafOrder(armLevel(level));
  }

  @Override
  public int contiguousOrder(int level) {
    return granule.contiguousOrder(armLevel(level));
  }

  @Override
  public long contiguousLeaf(long pfn, int level, int protection) {
    return leaf(pfn, level, protection) | VmsaDescriptor.CONTIGUOUS;
  }

  @Override
  public boolean leafAllowed(int level) {
    return granule.leafAllowed(armLevel(level));
  }

  @Override
  public int tableOrder(int level) {
    int granuleOrder = granule.log2Bytes() - Order.BASE_PAGE_SHIFT;
    int rootOrder = granule.log2StartTableBytes(inputBits, startLevel) - Order.BASE_PAGE_SHIFT;
    return level == rootLevel() ? Math.max(granuleOrder, rootOrder) : granuleOrder;
  }

  @Override
  public boolean isPresent(long entry) {
    return (entry & VmsaDescriptor.VALID) != 0;
  }

  @Override
  public boolean isLeaf(long entry, int level) {
    boolean tableOrPage = (entry & VmsaDescriptor.TABLE_OR_PAGE) != 0;
    return isPresent(entry) && tableOrPage == (level == 0) && leafAllowed(level);
  }

  @Override
  public long pfn(long entry, int level) {
    int lowestBit = isLeaf(entry, level) ? shift(level) : granule.log2Bytes();
    return VmsaDescriptor.address(entry, lowestBit) >>> Order.BASE_PAGE_SHIFT;
  }

  @Override
  public boolean isAccessed(long entry) {
    return (entry & VmsaDescriptor.AF) != 0;
  }

  @Override
  public long table(long tablePfn, int level) {
    return tablePfn << Order.BASE_PAGE_SHIFT | VmsaDescriptor.VALID | VmsaDescriptor.TABLE_OR_PAGE;
  }

  long typedLeaf(long pfn, int level) {
    long type = level == 0 ? VmsaDescriptor.TABLE_OR_PAGE : 0;
    return pfn << Order.BASE_PAGE_SHIFT | VmsaDescriptor.VALID | type;
  }
}
