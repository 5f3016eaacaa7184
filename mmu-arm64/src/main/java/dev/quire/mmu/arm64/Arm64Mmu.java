package dev.quire.mmu.arm64;

import dev.quire.mmu.Access;
import dev.quire.mmu.ArchitecturalTlb;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;

/**
 * The MMU of one arm64 vCPU: the EL1&0 regime over a second stage. Owned by the vCPU's thread;
 * {@link #translate} allocates nothing.
 *
 * <p>The privilege of an access is in {@link Access}: {@code USER} for EL0 and LDTR/STTR, {@code
 * USER_DATA_ALLOWED} for PSTATE.PAN clear.
 *
 * <p>Addresses enter with their tags, as the program used them. The TLB holds untagged ones.
 *
 * <p>A TLB entry that denies an access is not trusted: the tables are walked again, and the entry
 * is replaced if they now allow it. Rights granted are never EXEC for data, nor WRITE for a fetch.
 *
 * <p>Its {@link FillCache} may be called from within any method here, {@link #translate} included.
 */
public final class Arm64Mmu implements Mmu {
  private static final TlbInvalidation EVERYTHING = new TlbInvalidation.AllStage1();
  private static final int DATA_RIGHTS = Protection.READ | Protection.WRITE;

  /** Stands for an order: more than the page at one address was dropped. */
  private static final int FRAGMENTED = 1;

  private static final int FETCH_RIGHTS = Protection.READ | Protection.EXEC;

  private final TranslationRegime regime;
  private final S1Walker walker;
  private final SecondStage stage2;
  private final ArchitecturalTlb tlb = new ArchitecturalTlb();
  private final FillCache fills;
  private final MmuCounters counters;
  private final FaultRecord fault = new FaultRecord();

  /** A fill may be cached under a tagged address, which no flush by page would find. */
  private boolean taggedFills;

  private TranslationObserver observer;
  private int lastPage = TranslationObserver.NO_PAGE;

  /** An MMU without optional features. */
  public Arm64Mmu(
      PhysicalMemory memory,
      SecondStage secondStage,
      FillCache fills,
      int implementedBits,
      MmuCounters counters) {
    this(memory, secondStage, fills, implementedBits, counters, Arm64Features.NONE);
  }

  /**
   * @param implementedBits bits of a physical address, as ID_AA64MMFR0_EL1.PARange tells the guest
   * @param counters the vCPU's, shared with its {@link S2Walker}
   * @param features what the ID registers must not exceed
   */
  public Arm64Mmu(
      PhysicalMemory memory,
      SecondStage secondStage,
      FillCache fills,
      int implementedBits,
      MmuCounters counters,
      Arm64Features features) {
    this.regime = new TranslationRegime(implementedBits, features);
    this.walker = new S1Walker(memory, secondStage, regime, counters);
    this.stage2 = secondStage;
    this.fills = fills;
    this.counters = counters;
  }

  /**
   * What is done with the contiguous bits of stage 1; {@link S2Walker#contiguous} for stage 2.
   * Reports go to {@code listener}.
   */
  public void contiguous(ContiguousPolicy policy, long seed, ContiguousReport.Listener listener) {
    walker.group().configure(policy, seed, listener);
  }

  @Override
  public void setObserver(TranslationObserver newObserver) {
    tlb.setObserver(newObserver);
    flushFills();
    observer = newObserver;
    lastPage = TranslationObserver.NO_PAGE;
    if (newObserver != null) {
      newObserver.addressSpace(regime.asid());
    }
  }

  @Override
  public int lastPage() {
    return lastPage;
  }

  /** A write of TTBR0_EL1. Drops no entry; see {@link #writeTtbr1}. */
  public void writeTtbr0(long value) {
    writeTtbr(0, value);
  }

  /**
   * A write of TTBR1_EL1. The architecture drops no TLB entry; entries of another ASID stop to
   * match, so an engine's fills go.
   */
  public void writeTtbr1(long value) {
    writeTtbr(1, value);
  }

  private void writeTtbr(int half, long value) {
    if (regime.setTtbr(half, value)) {
      flushFills();
      tellAddressSpace();
    }
  }

  /**
   * A write of TCR_EL1. Its fields may be cached in a TLB, so a guest must invalidate after a
   * change; dropping everything at once is one of the behaviours allowed, chosen here.
   */
  public void writeTcr(long value) {
    int asid = regime.asid();
    if (regime.setTcr(value)) {
      dropEverything();
      if (regime.asid() != asid) {
        tellAddressSpace();
      }
    }
  }

  /** A write of SCTLR_EL1; a change of M, WXN or EE drops everything, as for {@link #writeTcr}. */
  public void writeSctlr(long value) {
    if (regime.setSctlr(value)) {
      dropEverything();
    }
  }

  /** TTBR0_EL1, TTBR1_EL1, TCR_EL1, SCTLR_EL1 and MAIR_EL1 as they were written. */
  public long[] registers() {
    return new long[] {regime.ttbr(0), regime.ttbr(1), regime.tcr(), regime.sctlr(), regime.mair()};
  }

  /** Puts back what {@link #registers} gave, and drops every translation. */
  public void restore(long[] registers) {
    regime.setTcr(registers[2]);
    regime.setTtbr(0, registers[0]);
    regime.setTtbr(1, registers[1]);
    regime.setSctlr(registers[3]);
    regime.setMair(registers[4]);
    dropEverything();
    tellAddressSpace();
  }

  /** A write of MAIR_EL1: memory types, which only {@link #addressTranslate} reports. */
  public void writeMair(long value) {
    regime.setMair(value);
  }

  @Override
  public long translate(long va, int access) {
    long untagged = regime.half(va).withoutTag(va, access);
    taggedFills |= untagged != va;
    int slot = tlb.find(untagged, regime.asid());
    if (slot >= 0) {
      int rights = S1Permissions.rights(tlb.attributes(slot), access);
      if ((rights & Protection.neededBy(access)) != 0) {
        if (observer != null) {
          lastPage = tlb.page(slot);
        }
        return tlb.translation(slot, untagged, rights & grantable(access));
      }
    }
    return walkAndInsert(va, untagged, access, slot >= 0);
  }

  private long walkAndInsert(long va, long untagged, int access, boolean denied) {
    long answer = walker.walk(va, access, fault);
    if (Translation.failed(answer)) {
      return countFault(answer);
    }
    long permissions = walker.permissions();
    int order = Translation.order(answer);
    long firstPfn = Translation.pfn(answer) & -1L << order;
    boolean othersReplaced =
        tlb.insert(
            untagged,
            regime.asid(),
            S1Permissions.isGlobal(permissions),
            Translation.stage1Order(answer),
            order,
            firstPfn,
            permissions);
    if (othersReplaced || denied && taggedFills) {
      flushFills();
      taggedFills |= untagged != va;
    } else if (denied) {
      // Another privilege may hold a fill of the entry replaced.
      fills.flushPage(untagged);
    }
    if (observer != null) {
      tell(untagged, answer, permissions);
    }
    return grant(answer, access);
  }

  /** Tells the observer of the walk just made and keeps its id with the entry. */
  private void tell(long untagged, long answer, long permissions) {
    boolean global = S1Permissions.isGlobal(permissions);
    lastPage = observer.walked(untagged, regime.asid(), global, answer, permissions, walker.path());
    tlb.setPage(tlb.insertedSlot(), lastPage);
  }

  private void tellAddressSpace() {
    if (observer != null) {
      observer.addressSpace(regime.asid());
    }
  }

  private static int grantable(int access) {
    return Access.isFetch(access) ? FETCH_RIGHTS : DATA_RIGHTS;
  }

  private static long grant(long answer, int access) {
    return Translation.of(
        Translation.pfn(answer),
        Translation.rights(answer) & grantable(access),
        Translation.order(answer),
        Translation.stage1Order(answer));
  }

  private long countFault(long failure) {
    int kind = Translation.kind(failure);
    boolean secondStage = kind == FaultRecord.STAGE2 || kind == FaultRecord.STAGE2_MISCONFIGURED;
    counters.increment(secondStage ? MmuEvent.STAGE2_FAULT : MmuEvent.GUEST_FAULT);
    return failure;
  }

  /** Finds what {@link #translate} would, the TLB first, and leaves no trace but the record. */
  @Override
  public long probe(long va, int access) {
    long untagged = regime.half(va).withoutTag(va, access);
    int slot = tlb.find(untagged, regime.asid());
    int rights = slot < 0 ? 0 : S1Permissions.rights(tlb.attributes(slot), access);
    if ((rights & Protection.neededBy(access)) != 0) {
      return tlb.translation(slot, untagged, rights & grantable(access));
    }
    long answer = walker.walk(va, access | Access.PROBE, fault);
    return Translation.failed(answer) ? answer : grant(answer, access);
  }

  /**
   * An AT instruction: a walk of its own, the TLB neither asked nor filled.
   *
   * <p>If {@link #fault()} then has a kind other than {@link FaultRecord#NONE}, a second stage or
   * the bus refused a table, which is an exception and no answer (AArch64.AT). The value given is
   * then a failure with the status of an external abort on the walk, for a caller that cannot take
   * the exception.
   *
   * @param pan PSTATE.PAN
   * @return PAR_EL1
   */
  public long addressTranslate(AtOp op, long va, boolean pan) {
    fault.clear();
    // No flag is set by AT: never the dirty state, and the access flag need not be.
    int look = regime.setsAccessFlag() ? Access.PROBE : 0;
    int access = op.access(pan) | look;
    long failure =
        op.bothStages() ? walker.walk(va, access, fault) : walker.walkStage1(va, access, fault);
    if (Translation.failed(failure)) {
      boolean guest = fault.kind() == FaultRecord.GUEST;
      if (!guest && (!op.bothStages() || fault.kind() == FaultRecord.EXTERNAL)) {
        countFault(failure);
        return ParEl1.failure(Arm64Syndrome.faultStatus(fault), false, false);
      }
      long par = ParEl1.failure(fault.syndrome(), !guest, Access.isTableWalk(fault.access()));
      fault.clear();
      return par;
    }
    long pa = op.bothStages() ? Translation.pa(failure) | va & Order.offsetMask(0) : walker.ipa();
    if (!SctlrEl1.m(regime.sctlr())) {
      return ParEl1.success(pa, 0, 0);
    }
    long permissions = walker.permissions();
    int index = S1Permissions.attrIndex(permissions);
    int attributes = (int) (regime.mair() >>> index * Byte.SIZE) & 0xff;
    int shareability = S1Permissions.shareability(permissions);
    if (op.bothStages() && stage2.references() > 0) {
      int below = stage2.attributes();
      attributes = MemoryAttributes.combined(attributes, below & 0xf);
      shareability = MemoryAttributes.combinedShareability(shareability, below >>> 4);
    }
    return ParEl1.success(pa, attributes, shareability);
  }

  /**
   * A TLBI of this vCPU. Where it is {@link TlbiOp#broadcast} the caller does the same on the
   * others.
   */
  public void tlbi(TlbiOp op, long operand) {
    TlbInvalidation invalidation = op.invalidation(operand, regime.tcr());
    if (invalidation != null) {
      invalidate(invalidation);
    }
  }

  /** Nothing: entries that fault are in no TLB, others stay until a TLBI (Arm ARM D8.13). */
  @Override
  public void faultTaken() {}

  @Override
  public void invalidate(TlbInvalidation invalidation) {
    counters.increment(MmuEvent.INVALIDATION);
    tellInvalidation(invalidation);
    switch (invalidation) {
      case TlbInvalidation.Page page -> {
        boolean current = page.asid() == regime.asid();
        int largest = removeCovering(page.va(), page.asid(), current);
        flushPageFills(page.va(), Math.max(largest, removeFragments(page)));
      }
      case TlbInvalidation.PageEveryAsid page -> {
        int largest = removeCovering(page.va(), regime.asid(), true);
        flushPageFills(page.va(), Math.max(largest, removeFragments(page)));
      }
      case TlbInvalidation.Asid space -> {
        tlb.invalidate(space);
        if (space.asid() == regime.asid()) {
          flushFills();
        }
      }
      default -> {
        tlb.invalidate(invalidation);
        flushFills();
      }
    }
  }

  /**
   * Removes the entries that {@code asid} has for {@code va}, global ones included as for every
   * TLBI by address. The engine's fills are a subset of the current ASID's and the global entries,
   * so the largest page among those tells what to flush.
   *
   * @return its order, that of the guest's leaf or of the entry; -1 if there was none
   */
  private int removeCovering(long va, int asid, boolean current) {
    int largest = -1;
    for (int slot = tlb.find(va, asid); slot >= 0; slot = tlb.find(va, asid)) {
      if (current || tlb.isGlobal(slot)) {
        largest = Math.max(largest, Math.max(tlb.order(slot), tlb.stage1Order(slot)));
      }
      tlb.remove(slot);
    }
    return largest;
  }

  /**
   * Removes what is left of the invalidation once no entry covers its address: other fragments of a
   * guest's block that a second stage broke up, and entries of other address spaces.
   *
   * @return {@link #FRAGMENTED} if there were any, else -1
   */
  private int removeFragments(TlbInvalidation invalidation) {
    int before = tlb.size();
    tlb.invalidate(invalidation);
    return tlb.size() == before ? -1 : FRAGMENTED;
  }

  private void flushPageFills(long va, int largestOrder) {
    if (largestOrder > 0 || largestOrder == 0 && taggedFills) {
      flushFills();
    } else if (largestOrder == 0) {
      fills.flushPage(va);
    }
  }

  private void tellInvalidation(TlbInvalidation invalidation) {
    if (observer != null) {
      observer.invalidating(invalidation);
    }
  }

  private void dropEverything() {
    tellInvalidation(EVERYTHING);
    tlb.invalidate(EVERYTHING);
    flushFills();
  }

  private void flushFills() {
    taggedFills = false;
    fills.flushAll();
  }

  @Override
  public FaultRecord fault() {
    return fault;
  }

  @Override
  public MmuCounters counters() {
    return counters;
  }
}
