package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;

/**
 * The stage-2 walk, 4 KiB granule, in the order of the Arm ARM's AArch64.S2Translate and S2Walk
 * (DDI 0487, shared pseudocode). Owned by the vCPU's thread; allocates nothing.
 *
 * <p>Failures: {@link FaultRecord#STAGE2} for what a host resolves (translation, access flag and
 * permission faults); {@link FaultRecord#STAGE2_MISCONFIGURED} for what it cannot (a VTCR_EL2 whose
 * T0SZ and SL0 disagree, an address size fault); {@link FaultRecord#EXTERNAL} for a table outside
 * memory. The syndrome is the {@link FaultStatus}, the gpa the full IPA.
 */
public final class S2Walker implements SecondStage {
  private static final Granule GRANULE = Granule.SIZE_4K;
  private static final long DESCRIPTOR_BYTES = 8;

  private final PhysicalMemory memory;
  private final MmuCounters counters;
  private final int implementedBits;

  private boolean inconsistent;
  private int inputBits;
  private int outputBits;
  private int startLevel;
  private long startTablePa;
  private int references;
  private int groupOrder;

  /**
   * @param implementedBits bits of a physical address, 32 to 48
   * @param counters receives {@link MmuEvent#STAGE2_REFERENCE}
   */
  public S2Walker(PhysicalMemory memory, int implementedBits, MmuCounters counters) {
    this.memory = memory;
    this.implementedBits = implementedBits;
    this.counters = counters;
    configure(0, 0);
  }

  /**
   * Sets VTCR_EL2 and VTTBR_EL2. Whoever caches combined translations must drop them.
   *
   * @throws IllegalArgumentException if VTCR_EL2.TG0 is not the 4 KiB granule
   */
  public void configure(long vtcr, long vttbr) {
    if (!VtcrEl2.granuleIs4K(vtcr)) {
      throw new IllegalArgumentException(
          "VTCR_EL2 0x%x: only the 4 KiB granule (TG0 = 0) is modelled".formatted(vtcr));
    }
    inconsistent = VtcrEl2.inconsistent(vtcr, implementedBits);
    inputBits = VtcrEl2.inputBits(vtcr);
    outputBits = VtcrEl2.outputBits(vtcr, implementedBits);
    startLevel = VtcrEl2.startLevel(vtcr);
    startTablePa =
        inconsistent
            ? 0
            : VttbrEl2.tablePa(vttbr, GRANULE.log2StartTableBytes(inputBits, startLevel));
  }

  @Override
  public int references() {
    return references;
  }

  @Override
  public int groupOrder() {
    return groupOrder;
  }

  @Override
  public long translate(long gpa, int access, FaultRecord fault) {
    references = 0;
    if (inconsistent) {
      return misconfigured(FaultStatus.TRANSLATION, gpa, access, 0, fault);
    }
    // AArch64.IPAIsOutOfRange
    if (gpa >>> inputBits != 0) {
      return refuse(FaultStatus.TRANSLATION, gpa, access, 0, fault);
    }
    // AArch64.S2TTBaseAddress
    long table = startTablePa;
    if (table >>> outputBits != 0) {
      return misconfigured(FaultStatus.ADDRESS_SIZE, gpa, access, 0, fault);
    }
    int level = startLevel;
    // AArch64.S2SLTTEntryAddress: the index reaches into concatenated tables
    long index = gpa >>> GRANULE.shift(level);
    while (true) {
      long entryPa = table + index * DESCRIPTOR_BYTES;
      references++;
      if (!Access.isProbe(access)) {
        counters.increment(MmuEvent.STAGE2_REFERENCE);
      }
      if (!memory.contains(entryPa, DESCRIPTOR_BYTES)) {
        int status = FaultStatus.EXTERNAL_ON_WALK | level;
        return fault.set(FaultRecord.EXTERNAL, 0, gpa, access, level, status);
      }
      long descriptor = memory.readLong(entryPa);
      // AArch64.DecodeDescriptorType
      boolean tableOrPage = (descriptor & Stage2Descriptor.TABLE_OR_PAGE) != 0;
      boolean isLeaf = level == Granule.FINAL_LEVEL || !tableOrPage;
      boolean reserved =
          isLeaf && (level == Granule.FINAL_LEVEL ? !tableOrPage : !GRANULE.leafAllowed(level));
      if ((descriptor & Stage2Descriptor.VALID) == 0 || reserved) {
        return refuse(FaultStatus.TRANSLATION, gpa, access, level, fault);
      }
      if (isLeaf) {
        return leaf(descriptor, gpa, access, level, fault);
      }
      // AArch64.S2NextWalkStateTable
      table = VmsaDescriptor.address(descriptor, GRANULE.log2Bytes());
      if (table >>> outputBits != 0) {
        return misconfigured(FaultStatus.ADDRESS_SIZE, gpa, access, level, fault);
      }
      level++;
      index = gpa >>> GRANULE.shift(level) & (1L << GRANULE.indexBits()) - 1;
    }
  }

  private long leaf(long descriptor, long gpa, int access, int level, FaultRecord fault) {
    int shift = GRANULE.shift(level);
    long output = VmsaDescriptor.address(descriptor, shift);
    if (output >>> outputBits != 0) {
      return misconfigured(FaultStatus.ADDRESS_SIZE, gpa, access, level, fault);
    }
    if ((descriptor & Stage2Descriptor.AF) == 0) {
      return refuse(FaultStatus.ACCESS_FLAG, gpa, access, level, fault);
    }
    // AArch64.S2HasPermissionsFault
    int rights = Stage2Descriptor.rights(descriptor);
    if ((rights & Protection.neededBy(access)) == 0) {
      return refuse(FaultStatus.PERMISSION, gpa, access, level, fault);
    }
    long pa = output | gpa & (1L << shift) - 1;
    int order = GRANULE.leafOrder(level);
    boolean contiguous = (descriptor & Stage2Descriptor.CONTIGUOUS) != 0;
    groupOrder = contiguous ? GRANULE.contiguousOrder(level) : 0;
    return Translation.of(pa >>> GRANULE.log2Bytes(), rights, order, order);
  }

  private static long refuse(int status, long gpa, int access, int level, FaultRecord fault) {
    return fault.set(FaultRecord.STAGE2, 0, gpa, access, level, status | level);
  }

  private static long misconfigured(
      int status, long gpa, int access, int level, FaultRecord fault) {
    return fault.set(FaultRecord.STAGE2_MISCONFIGURED, 0, gpa, access, level, status | level);
  }
}
