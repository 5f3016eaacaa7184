package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;

/**
 * The stage-2 walk in the order of the Arm ARM's AArch64.S2Translate and S2Walk (DDI 0487, shared
 * pseudocode). Owned by the vCPU's thread; allocates nothing.
 *
 * <p>Failures: {@link FaultRecord#STAGE2} for what a host resolves (translation, access flag and
 * permission faults); {@link FaultRecord#STAGE2_MISCONFIGURED} for what it cannot (a VTCR_EL2 whose
 * T0SZ and SL0 disagree, an address size fault); {@link FaultRecord#EXTERNAL} for a table outside
 * memory. The syndrome is the {@link FaultStatus}, the gpa the full IPA.
 *
 * <p>With FEAT_HAFDBS the access flag and the dirty state are set when the access succeeds, by an
 * atomic update, and a page is granted WRITE only once it is dirty.
 */
public final class S2Walker implements SecondStage {
  private static final long DESCRIPTOR_BYTES = 8;
  private static final int SH_SHIFT = 4;

  /** Not a failure of a walk: it starts again. */
  private static final long DESCRIPTOR_CHANGED = Translation.failure(FaultRecord.NONE);

  private final PhysicalMemory memory;
  private final MmuCounters counters;
  private final int implementedBits;
  private final Arm64Features features;
  private final ContiguousGroup group;

  private S2WalkParams params;
  private int vmid;
  private int references;
  private int attributes;

  /** A walker without optional features. */
  public S2Walker(PhysicalMemory memory, int implementedBits, MmuCounters counters) {
    this(memory, implementedBits, counters, Arm64Features.NONE);
  }

  /**
   * @param implementedBits bits of a physical address, 32 to 48, or to 52 where a feature has it
   * @param counters receives {@link MmuEvent#STAGE2_REFERENCE}
   */
  public S2Walker(
      PhysicalMemory memory, int implementedBits, MmuCounters counters, Arm64Features features) {
    features.checkPhysicalBits(implementedBits);
    this.memory = memory;
    this.implementedBits = implementedBits;
    this.counters = counters;
    this.features = features;
    group = new ContiguousGroup(2, memory, counters);
    configure(0, 0);
  }

  /** Sets VTCR_EL2 and VTTBR_EL2. Whoever caches combined translations must drop them. */
  public void configure(long vtcr, long vttbr) {
    params = S2WalkParams.decode(vtcr, vttbr, features, implementedBits);
    vmid = VttbrEl2.vmid(vttbr, (vtcr & VtcrEl2.VS) != 0);
  }

  /** What is done with contiguous bits; reports go to {@code listener}. */
  public void contiguous(ContiguousPolicy policy, long seed, ContiguousReport.Listener listener) {
    group.configure(policy, seed, listener);
  }

  /** The VMID of VTTBR_EL2, by which caches of translations tell guests apart. */
  public int vmid() {
    return vmid;
  }

  @Override
  public int references() {
    return references;
  }

  @Override
  public int groupOrder() {
    return group.order();
  }

  /** Of the last leaf: MemAttr[3:0] in bits 3:0, SH in bits 5:4. */
  @Override
  public int attributes() {
    return attributes;
  }

  @Override
  public long translate(long gpa, int access, FaultRecord fault) {
    long answer;
    do {
      answer = attempt(gpa, access, fault);
    } while (answer == DESCRIPTOR_CHANGED);
    return answer;
  }

  private long attempt(long gpa, int access, FaultRecord fault) {
    S2WalkParams now = params;
    Granule granule = now.granule();
    if (now.invalid()) {
      return misconfigured(FaultStatus.TRANSLATION, gpa, access, 0, fault);
    }
    // AArch64.IPAIsOutOfRange
    if (gpa >>> now.inputBits() != 0) {
      return refuse(FaultStatus.TRANSLATION, gpa, access, 0, fault);
    }
    // AArch64.S2TTBaseAddress
    long table = now.tablePa();
    if (table >>> now.outputBits() != 0) {
      return misconfigured(FaultStatus.ADDRESS_SIZE, gpa, access, 0, fault);
    }
    int level = now.startLevel();
    int shift = granule.shift(level);
    // AArch64.S2SLTTEntryAddress: the index reaches into concatenated tables
    long index = gpa >>> shift;
    while (true) {
      long entryPa = table + index * DESCRIPTOR_BYTES;
      if (!Access.isProbe(access)) {
        counters.increment(MmuEvent.STAGE2_REFERENCE);
      }
      if (!memory.contains(entryPa, DESCRIPTOR_BYTES)) {
        int status = FaultStatus.of(FaultStatus.EXTERNAL_ON_WALK, level);
        return fault.set(FaultRecord.EXTERNAL, 0, gpa, access, level, status);
      }
      long descriptor = memory.readLong(entryPa);
      // AArch64.DecodeDescriptorType
      boolean tableOrPage = (descriptor & Stage2Descriptor.TABLE_OR_PAGE) != 0;
      boolean isLeaf = level == Granule.FINAL_LEVEL || !tableOrPage;
      boolean reserved =
          isLeaf
              && (level == Granule.FINAL_LEVEL
                  ? !tableOrPage
                  : !granule.leafAllowed(level, now.form().isWide()));
      if ((descriptor & Stage2Descriptor.VALID) == 0 || reserved) {
        return refuse(FaultStatus.TRANSLATION, gpa, access, level, fault);
      }
      if (isLeaf) {
        return leaf(descriptor, entryPa, gpa, access, level, shift, fault);
      }
      // AArch64.S2NextWalkStateTable
      table = now.form().address(descriptor, granule.log2Bytes());
      if (table >>> now.outputBits() != 0) {
        return misconfigured(FaultStatus.ADDRESS_SIZE, gpa, access, level, fault);
      }
      level++;
      shift -= granule.indexBits();
      index = gpa >>> shift & (1L << granule.indexBits()) - 1;
    }
  }

  private long leaf(
      long own, long entryPa, long gpa, int access, int level, int shift, FaultRecord fault) {
    S2WalkParams now = params;
    long descriptor = own;
    if ((own & Stage2Descriptor.CONTIGUOUS) == 0) {
      group.none();
    } else {
      boolean probe = Access.isProbe(access);
      group.begin(now.granule(), now.form(), now.inputBits(), now.dirtyState(), false, probe);
      descriptor = group.use(own, entryPa, gpa, level);
    }
    long output = now.form().address(descriptor, shift);
    if (output >>> now.outputBits() != 0) {
      return misconfigured(FaultStatus.ADDRESS_SIZE, gpa, access, level, fault);
    }
    if ((descriptor & Stage2Descriptor.AF) == 0 && !now.accessFlag()) {
      return refuse(FaultStatus.ACCESS_FLAG, gpa, access, level, fault);
    }
    // AArch64.S2ApplyOutputPerms: where hardware manages the dirty state a page is writable
    boolean managed = now.dirtyState() && (descriptor & Stage2Descriptor.DBM) != 0;
    long effective = managed ? descriptor | Stage2Descriptor.S2AP_WRITE : descriptor;
    // AArch64.S2HasPermissionsFault
    int rights = Stage2Descriptor.rights(effective);
    if ((rights & Protection.neededBy(access)) == 0) {
      return refuse(FaultStatus.PERMISSION, gpa, access, level, fault);
    }
    if (!Access.isProbe(access)) {
      boolean dirties = managed && Access.isWrite(access);
      long updated = dirties ? own | Stage2Descriptor.S2AP_WRITE : own;
      updated |= now.accessFlag() ? Stage2Descriptor.AF : 0;
      if (updated != own && !update(entryPa, own, updated)) {
        return DESCRIPTOR_CHANGED;
      }
    }
    if (effective != descriptor && !Access.isWrite(access)) {
      rights &= ~Protection.WRITE;
    }
    references = level - now.startLevel() + 1;
    attributes =
        (int) (descriptor >>> Stage2Descriptor.MEM_ATTR_SHIFT) & 0xf
            | now.shareability(descriptor) << SH_SHIFT;
    long pa = output | gpa & (1L << shift) - 1;
    int order = shift - Order.BASE_PAGE_SHIFT;
    return Translation.of(pa >>> Order.BASE_PAGE_SHIFT, rights, order, order);
  }

  /** AArch64.MemSwapTableDesc. */
  private boolean update(long entryPa, long descriptor, long updated) {
    if (!memory.compareAndSetLong(entryPa, descriptor, updated)) {
      return false;
    }
    long changed = descriptor ^ updated;
    counters.add(MmuEvent.ACCESSED_SET, (changed & Stage2Descriptor.AF) != 0 ? 1 : 0);
    counters.add(MmuEvent.DIRTY_SET, (changed & Stage2Descriptor.S2AP_WRITE) != 0 ? 1 : 0);
    return true;
  }

  private static long refuse(int kind, long gpa, int access, int level, FaultRecord fault) {
    return fault.set(FaultRecord.STAGE2, 0, gpa, access, level, FaultStatus.of(kind, level));
  }

  private static long misconfigured(int kind, long gpa, int access, int level, FaultRecord fault) {
    int status = FaultStatus.of(kind, level);
    return fault.set(FaultRecord.STAGE2_MISCONFIGURED, 0, gpa, access, level, status);
  }
}
