package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;

/**
 * The stage-1 walk of the EL1&0 regime, every table address and the result going through the second
 * stage. Written in the order of the Arm ARM's AArch64.S1Translate and S1Walk (DDI 0487, shared
 * pseudocode, aarch64/translation), whose names stand beside the lines.
 *
 * <p>With FEAT_HAFDBS the access flag and the dirty state are set by an atomic update, as soon as
 * stage 1 allows the access, whatever the second stage then says of the page; if the descriptor has
 * changed since it was read the walk starts again. An access that faults sets nothing.
 *
 * <p>Owned by the vCPU's thread; allocates nothing. After a successful walk {@link #permissions}
 * and {@link #ipa} tell more than the packed answer; both are valid until the next walk.
 */
final class S1Walker {
  private static final long DESCRIPTOR_BYTES = 8;

  /** The stage-1 order of a disabled stage 1, until the second stage's takes its place. */
  private static final int NO_LEAF = -1;

  /** Not a failure of a walk: it starts again. */
  private static final long DESCRIPTOR_CHANGED = Translation.failure(FaultRecord.NONE);

  private final PhysicalMemory memory;
  private final SecondStage secondStage;
  private final TranslationRegime regime;
  private final MmuCounters counters;
  private final ContiguousGroup group;

  private final PageWalk path = new PageWalk();
  private long permissions;
  private long ipa;
  private int stage1Order;

  /** Where the descriptor read last is, at either stage, or why it could not be read. */
  private long entryIpa;

  private long entryPa;
  private long readFailure;

  S1Walker(
      PhysicalMemory memory,
      SecondStage secondStage,
      TranslationRegime regime,
      MmuCounters counters) {
    this.memory = memory;
    this.secondStage = secondStage;
    this.regime = regime;
    this.counters = counters;
    group = new ContiguousGroup(1, memory, counters);
  }

  /** What is done with contiguous bits. */
  ContiguousGroup group() {
    return group;
  }

  /** Both stages' permissions of the last page found, {@link S1Permissions}. */
  long permissions() {
    return permissions;
  }

  /** Stage 1's own answer: the intermediate physical address. */
  long ipa() {
    return ipa;
  }

  /** The path of the last successful {@link #walk} that was no probe. */
  PageWalk path() {
    return path;
  }

  /** Both stages. The rights of the answer are all that this privilege has. */
  long walk(long va, int access, FaultRecord fault) {
    long failure = walkStage1(va, access, fault);
    if (failure != 0) {
      return failure;
    }
    long second = secondStage.translate(ipa, access, fault);
    if (Translation.failed(second)) {
      fault.setVa(va);
      return second;
    }
    if (!Access.isProbe(access)) {
      int below = secondStage.references();
      path.end(ipa & -Order.bytes(0), stage2Order(second, below), below);
      path.contiguous(group.order(), secondStage.groupOrder());
    }
    permissions = S1Permissions.restrict(permissions, Translation.rights(second));
    permissions = S1Permissions.withStage2(permissions, secondStage.attributes());
    int order = Math.min(largestOrder(), Translation.order(second));
    stage1Order = stage1Order == NO_LEAF ? order : stage1Order;
    int rights = S1Permissions.rights(permissions, access);
    return Translation.of(Translation.pfn(second), rights, order, stage1Order);
  }

  private static int stage2Order(long translation, int references) {
    return references == 0 ? PageWalk.NO_STAGE2 : Translation.order(translation);
  }

  /** No entry may reach beyond the addresses that a disabled stage 1 lets through. */
  private int largestOrder() {
    return stage1Order == NO_LEAF ? regime.implementedBits() - Order.BASE_PAGE_SHIFT : stage1Order;
  }

  /** AArch64.S1Translate: {@link #ipa} is the answer. Gives 0, or a failure. */
  long walkStage1(long va, int access, FaultRecord fault) {
    S1WalkParams params = regime.half(va);
    if (!SctlrEl1.m(regime.sctlr())) {
      return disabledOutput(params, va, access, fault);
    }
    count(MmuEvent.WALK, access);
    // AArch64.VAIsOutOfRange, then EPD
    long untagged = params.withoutTag(va, access);
    if (params.outOfRange(untagged) || params.disabled()) {
      return refuse(FaultStatus.TRANSLATION, va, access, 0, fault);
    }
    // AArch64.S1TTBaseAddress
    if (params.addressTooLarge(params.tableIpa())) {
      return refuse(FaultStatus.ADDRESS_SIZE, va, access, 0, fault);
    }
    long answer;
    do {
      answer = walkTables(params, va, untagged, access, fault);
    } while (answer == DESCRIPTOR_CHANGED);
    return answer;
  }

  /** AArch64.S1Walk. */
  private long walkTables(
      S1WalkParams params, long va, long untagged, int access, FaultRecord fault) {
    if (!Access.isProbe(access)) {
      path.begin();
    }
    Granule granule = params.granule();
    int level = params.startLevel();
    long table = params.tableIpa();
    int shift = granule.shift(level);
    long index = (untagged & (1L << params.inputBits()) - 1) >>> shift;
    long hierarchical = 0;
    while (true) {
      // AArch64.S1SLTTEntryAddress, AArch64.S1TTEntryAddress
      entryIpa = table + index * DESCRIPTOR_BYTES;
      long descriptor = read(va, access, level, shift, fault);
      if (readFailure != 0) {
        return readFailure;
      }
      // AArch64.DecodeDescriptorType
      boolean tableOrPage = (descriptor & VmsaDescriptor.TABLE_OR_PAGE) != 0;
      boolean isLeaf = level == Granule.FINAL_LEVEL || !tableOrPage;
      boolean reserved =
          isLeaf
              && (level == Granule.FINAL_LEVEL
                  ? !tableOrPage
                  : !granule.leafAllowed(level, params.form().isWide()));
      if ((descriptor & VmsaDescriptor.VALID) == 0 || reserved) {
        return refuse(FaultStatus.TRANSLATION, va, access, level, fault);
      }
      if (isLeaf) {
        return leaf(params, descriptor, hierarchical, va, access, level, shift, fault);
      }
      // AArch64.S1NextWalkStateTable
      table = params.form().address(descriptor, granule.log2Bytes());
      if (params.addressTooLarge(table)) {
        return refuse(FaultStatus.ADDRESS_SIZE, va, access, level, fault);
      }
      if (!params.hpd()) {
        hierarchical |= descriptor & VmsaDescriptor.HIERARCHICAL;
      }
      level++;
      shift -= granule.indexBits();
      index = untagged >>> shift & (1L << granule.indexBits()) - 1;
    }
  }

  /** AArch64.S1NextWalkStateLeaf and the checks that follow it, in the manual's order. */
  private long leaf(
      S1WalkParams params,
      long own,
      long hierarchical,
      long va,
      int access,
      int level,
      int shift,
      FaultRecord fault) {
    long descriptor = contiguous(params, own, va, access, level);
    long output = params.form().address(descriptor, shift);
    if (params.addressTooLarge(output)) {
      return refuse(FaultStatus.ADDRESS_SIZE, va, access, level, fault);
    }
    if ((descriptor & VmsaDescriptor.AF) == 0 && !regime.setsAccessFlag()) {
      return refuse(FaultStatus.ACCESS_FLAG, va, access, level, fault);
    }
    // AArch64.S1ApplyOutputPerms: where hardware manages the dirty state AP[2] denies nothing
    boolean managed = regime.setsDirtyState() && (descriptor & VmsaDescriptor.DBM) != 0;
    long effective = managed ? descriptor & ~VmsaDescriptor.AP_READ_ONLY : descriptor;
    boolean wxn = SctlrEl1.wxn(regime.sctlr());
    permissions = S1Permissions.of(effective, hierarchical, wxn, params.shareability(descriptor));
    // AArch64.S1HasPermissionsFault
    if ((S1Permissions.rights(permissions, access) & Protection.neededBy(access)) == 0) {
      return refuse(FaultStatus.PERMISSION, va, access, level, fault);
    }
    if (effective != descriptor && !Access.isWrite(access)) {
      permissions = S1Permissions.clean(permissions);
    }
    ipa = output | va & (1L << shift) - 1;
    stage1Order = shift - Order.BASE_PAGE_SHIFT;
    boolean dirties = managed && Access.isWrite(access);
    long updated = dirties ? own & ~VmsaDescriptor.AP_READ_ONLY : own;
    updated |= regime.setsAccessFlag() ? VmsaDescriptor.AF : 0;
    return updated == own || Access.isProbe(access)
        ? 0
        : update(own, updated, va, access, level, fault);
  }

  /** The leaf to use, by the policy for contiguous bits. */
  private long contiguous(S1WalkParams params, long own, long va, int access, int level) {
    if ((own & VmsaDescriptor.CONTIGUOUS) == 0) {
      group.none();
      return own;
    }
    group.begin(
        params.granule(),
        params.form(),
        params.inputBits(),
        regime.setsDirtyState(),
        SctlrEl1.ee(regime.sctlr()),
        Access.isProbe(access));
    return group.use(own, entryPa, params.withoutTag(va, access), level);
  }

  /** AArch64.MemSwapTableDesc, the second stage seeing a write: 0, or why it was not done. */
  private long update(
      long descriptor, long updated, long va, int access, int level, FaultRecord fault) {
    int tableWrite = Access.WRITE | Access.TABLE_WALK;
    long second = secondStage.translate(entryIpa, tableWrite, fault);
    if (Translation.failed(second)) {
      return tableFailure(va, tableWrite, access, level, fault);
    }
    long pa = Translation.pa(second) | entryIpa & Order.offsetMask(0);
    boolean swapped = SctlrEl1.ee(regime.sctlr());
    boolean done =
        memory.compareAndSetLong(
            pa,
            swapped ? Long.reverseBytes(descriptor) : descriptor,
            swapped ? Long.reverseBytes(updated) : updated);
    if (!done) {
      return DESCRIPTOR_CHANGED;
    }
    long changed = descriptor ^ updated;
    counters.add(MmuEvent.ACCESSED_SET, (changed & VmsaDescriptor.AF) != 0 ? 1 : 0);
    counters.add(MmuEvent.DIRTY_SET, (changed & VmsaDescriptor.AP_READ_ONLY) != 0 ? 1 : 0);
    return 0;
  }

  /** AArch64.S1DisabledOutput: the address itself, if the machine has as many bits. */
  private long disabledOutput(S1WalkParams params, long va, int access, FaultRecord fault) {
    if (params.flatAddressTooLarge(va, access, regime.implementedBits())) {
      return refuse(FaultStatus.ADDRESS_SIZE, va, access, 0, fault);
    }
    if (!Access.isProbe(access)) {
      path.begin();
    }
    group.none();
    ipa = va & (1L << regime.implementedBits()) - 1;
    permissions = S1Permissions.DISABLED;
    stage1Order = NO_LEAF;
    return 0;
  }

  /** FetchDescriptor: 0 with {@link #readFailure} set if a second stage or the bus refuses. */
  private long read(long va, int access, int level, int shift, FaultRecord fault) {
    int tableRead = Access.READ | Access.TABLE_WALK | access & Access.PROBE;
    long second = secondStage.translate(entryIpa, tableRead, fault);
    if (Translation.failed(second)) {
      readFailure = tableFailure(va, tableRead, access, level, fault);
      return 0;
    }
    if (!Access.isProbe(access)) {
      counters.increment(MmuEvent.STAGE1_REFERENCE);
      int below = secondStage.references();
      path.step(entryIpa, shift, stage2Order(second, below), below);
    }
    entryPa = Translation.pa(second) | entryIpa & Order.offsetMask(0);
    if (!memory.contains(entryPa, DESCRIPTOR_BYTES)) {
      int asked = access | Access.TABLE_WALK;
      int status = FaultStatus.of(FaultStatus.EXTERNAL_ON_WALK, level);
      readFailure = fault.set(FaultRecord.EXTERNAL, va, entryIpa, asked, level, status);
      return 0;
    }
    readFailure = 0;
    long descriptor = memory.readLong(entryPa);
    return SctlrEl1.ee(regime.sctlr()) ? Long.reverseBytes(descriptor) : descriptor;
  }

  /** The host sees the table's access, whatever the instruction wanted. */
  private static long tableFailure(
      long va, int tableAccess, int access, int level, FaultRecord fault) {
    long syndrome = FaultStatus.withWalkingLevel(fault.syndrome(), level);
    long failure = fault.set(fault.kind(), va, fault.gpa(), tableAccess, fault.level(), syndrome);
    fault.setInitiator(access);
    return failure;
  }

  private void count(MmuEvent event, int access) {
    if (!Access.isProbe(access)) {
      counters.increment(event);
    }
  }

  private static long refuse(int kind, long va, int access, int level, FaultRecord fault) {
    return fault.set(FaultRecord.GUEST, va, 0, access, level, FaultStatus.of(kind, level));
  }
}
