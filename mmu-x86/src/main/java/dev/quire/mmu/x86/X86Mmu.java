package dev.quire.mmu.x86;

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
 * One x86-64 vCPU's memory management unit: the TLB and its invalidations (SDM vol. 3A 4.10), and
 * the walk on a miss. {@link MmuControl} writes its registers.
 *
 * <p>The {@link FillCache} always holds a subset of the TLB, so that what the guest sees never
 * depends on when the engine refills: whatever leaves the TLB, or loses a right by a change of
 * mode, is flushed there too. Owned by the vCPU's thread.
 */
public final class X86Mmu implements Mmu {
  /** INVPCID types (SDM vol. 2). */
  public static final int INVPCID_ADDRESS = 0;

  public static final int INVPCID_CONTEXT = 1;
  public static final int INVPCID_ALL = 2;
  public static final int INVPCID_ALL_BUT_GLOBAL = 3;

  private static final TlbInvalidation ALL = new TlbInvalidation.AllStage1();

  private final ControlRegisters registers;
  private final Ia32eWalker walker;
  private final FaultRecord fault = new FaultRecord();
  private final MmuCounters counters;
  private final ArchitecturalTlb tlb;
  private final MmuControl control;
  private FillCache fills = FillCache.NONE;
  private TranslationObserver observer;
  private long probedAttributes;
  private int lastPage = TranslationObserver.NO_PAGE;

  /**
   * An MMU after RESET: paging off.
   *
   * @param secondStage counts into the same {@code counters}
   * @param physicalAddressBits the width of physical addresses (MAXPHYADDR), 32 to 52
   */
  public X86Mmu(
      PhysicalMemory memory,
      SecondStage secondStage,
      MmuCounters counters,
      int physicalAddressBits) {
    this(memory, secondStage, counters, physicalAddressBits, new ArchitecturalTlb());
  }

  /** As above with a TLB of another size. */
  X86Mmu(
      PhysicalMemory memory,
      SecondStage secondStage,
      MmuCounters counters,
      int physicalAddressBits,
      ArchitecturalTlb tlb) {
    this.tlb = tlb;
    this.counters = counters;
    registers = new ControlRegisters(physicalAddressBits);
    walker = new Ia32eWalker(memory, secondStage, fault, counters);
    control = new MmuControl(this, registers, walker, counters);
  }

  /** Names the engine's soft TLB, which this MMU flushes from now on. */
  public void attach(FillCache fillCache) {
    fills = fillCache;
    fills.flushAll();
  }

  @Override
  public void setObserver(TranslationObserver newObserver) {
    tlb.setObserver(newObserver);
    fills.flushAll();
    observer = newObserver;
    lastPage = TranslationObserver.NO_PAGE;
    if (newObserver != null) {
      newObserver.addressSpace(registers.pcid());
    }
  }

  @Override
  public int lastPage() {
    return lastPage;
  }

  /** The registers, to read; {@link #control} writes them. */
  public ControlRegisters registers() {
    return registers;
  }

  /** The writes of control registers and of the MSRs that decide a translation. */
  public MmuControl control() {
    return control;
  }

  @Override
  public FaultRecord fault() {
    return fault;
  }

  @Override
  public MmuCounters counters() {
    return counters;
  }

  @Override
  public long translate(long va, int access) {
    PagingRegime regime = registers.regime();
    if (!regime.isCanonical(va)) {
      counters.increment(MmuEvent.GUEST_FAULT);
      return fault.set(FaultRecord.NON_CANONICAL, va, 0, access, 0, 0);
    }
    long linear = regime.linear(va);
    int slot = tlb.find(linear, registers.pcid());
    if (slot >= 0) {
      int rights = PageRights.granted(tlb.attributes(slot), regime, access);
      if ((rights & Protection.neededBy(access)) != 0) {
        if (observer != null) {
          lastPage = tlb.page(slot);
        }
        return tlb.translation(slot, linear, rights);
      }
    }
    return walk(linear, access, slot);
  }

  @Override
  public long probe(long va, int access) {
    PagingRegime regime = registers.regime();
    int probing = access | Access.PROBE;
    if (!regime.isCanonical(va)) {
      return fault.set(FaultRecord.NON_CANONICAL, va, 0, probing, 0, 0);
    }
    long linear = regime.linear(va);
    int slot = tlb.find(linear, registers.pcid());
    if (slot >= 0) {
      int rights = PageRights.granted(tlb.attributes(slot), regime, access);
      if ((rights & Protection.neededBy(access)) != 0) {
        probedAttributes = tlb.attributes(slot);
        return tlb.translation(slot, linear, rights);
      }
    }
    long answer = walker.walk(registers, linear, probing);
    probedAttributes = walker.attributes();
    return answer;
  }

  /**
   * Walks, with {@code slot} the TLB entry that did not do: it refuses the access, or is not dirty
   * and the access writes. Hardware reads the tables again before it faults (SDM 4.10.4.1, the
   * paragraph on page faults), and to set the dirty flag.
   */
  private long walk(long va, int access, int slot) {
    long translation = walker.walk(registers, va, access);
    if (Translation.failed(translation)) {
      boolean guest = Translation.kind(translation) == FaultRecord.GUEST;
      counters.increment(guest ? MmuEvent.GUEST_FAULT : MmuEvent.STAGE2_FAULT);
      if (slot >= 0) {
        drop(va);
      }
      return translation;
    }
    if (slot >= 0) {
      if (isSamePage(slot, va, translation)
          && PageRights.onlyAdds(tlb.attributes(slot), walker.attributes())) {
        tlb.setAttributes(slot, walker.attributes());
        if (observer != null) {
          tlb.releasePage(slot);
          tell(slot, va, translation);
        }
        return translation;
      }
      drop(va);
    }
    int order = Translation.order(translation);
    long firstPfn =
        Translation.pfn(translation) - ((va & Order.offsetMask(order)) >>> Order.BASE_PAGE_SHIFT);
    boolean mustFlush =
        tlb.insert(
            va,
            registers.pcid(),
            walker.global(),
            Translation.stage1Order(translation),
            order,
            firstPfn,
            walker.attributes());
    if (mustFlush) {
      fills.flushAll();
    }
    if (observer != null) {
      tell(tlb.insertedSlot(), va, translation);
    }
    return translation;
  }

  /** Tells the observer of the walk just made and keeps its id with the entry. */
  private void tell(int slot, long va, long translation) {
    lastPage =
        observer.walked(
            va, registers.pcid(), walker.global(), translation, walker.attributes(), walker.path());
    tlb.setPage(slot, lastPage);
  }

  private boolean isSamePage(int slot, long va, long translation) {
    return tlb.pfn(slot, va) == Translation.pfn(translation)
        && tlb.order(slot) == Translation.order(translation)
        && tlb.stage1Order(slot) == Translation.stage1Order(translation)
        && tlb.isGlobal(slot) == walker.global();
  }

  /** Removes every entry that translates {@code va} now. */
  private void drop(long va) {
    int pcid = registers.pcid();
    for (int slot = tlb.find(va, pcid); slot >= 0; slot = tlb.find(va, pcid)) {
      boolean large = tlb.order(slot) > Order.SIZE_4K;
      tlb.remove(slot);
      if (large) {
        fills.flushAll();
      } else {
        fills.flushPage(va);
      }
    }
  }

  /**
   * A page fault drops what the current PCID has for its address, the paging-structure caches on
   * the way there included (SDM vol. 3A 4.10.4.1). An EPT violation drops the combined mappings of
   * the linear address, unless a paging structure was being read (vol. 3C 28.3.3.1).
   */
  @Override
  public void faultTaken() {
    int kind = fault.kind();
    boolean page = kind == FaultRecord.GUEST;
    boolean memory = kind == FaultRecord.STAGE2 && !Access.isTableWalk(fault.access());
    if (observer != null && (page || memory)) {
      long linear = registers.regime().linear(fault.va());
      observer.invalidating(new TlbInvalidation.Page(linear, registers.pcid(), false, false));
    }
  }

  @Override
  public void invalidate(TlbInvalidation invalidation) {
    counters.increment(MmuEvent.INVALIDATION);
    drop(invalidation);
  }

  /** INVLPG (SDM 4.10.4.1). {@code va} that is not canonical is ignored, as the processor does. */
  public void invlpg(long va) {
    counters.increment(MmuEvent.INVALIDATION);
    PagingRegime regime = registers.regime();
    if (regime.isCanonical(va)) {
      invalidatePage(regime.linear(va), registers.pcid(), true);
    }
  }

  private void invalidatePage(long va, int pcid, boolean global) {
    int found = tlb.find(va, registers.pcid());
    boolean small =
        found >= 0 && tlb.stage1Order(found) == Order.SIZE_4K && (global || !tlb.isGlobal(found));
    int before = tlb.size();
    invalidateTlb(new TlbInvalidation.Page(va, pcid, global, false));
    int dropped = before - tlb.size();
    boolean inUse = global || pcid == registers.pcid();
    if (dropped == 0 || !inUse) {
      return;
    }
    if (dropped == 1 && small) {
      fills.flushPage(va);
    } else {
      // Several entries, or a part of a page that other fills were made from too.
      fills.flushAll();
    }
  }

  /**
   * INVPCID (SDM vol. 2). The operand's privilege and memory are the caller's to check.
   *
   * @param type the register operand
   * @param descriptor bits 63:0 of the descriptor: the PCID
   * @param va bits 127:64 of the descriptor
   * @return {@link RegisterWrite#DONE} or {@link RegisterWrite#GENERAL_PROTECTION}
   */
  public RegisterWrite invpcid(long type, long descriptor, long va) {
    int pcid = Cr3.pcid(descriptor);
    boolean pcidUsed = type == INVPCID_ADDRESS || type == INVPCID_CONTEXT;
    boolean pcidsEnabled = (registers.cr4() & Cr4.PCIDE) != 0;
    if (Long.compareUnsigned(type, INVPCID_ALL_BUT_GLOBAL) > 0
        || descriptor >>> 12 != 0
        || pcidUsed && pcid != 0 && !pcidsEnabled
        || type == INVPCID_ADDRESS && !registers.regime().isCanonical(va)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    counters.increment(MmuEvent.INVALIDATION);
    switch ((int) type) {
      case INVPCID_ADDRESS -> invalidatePage(registers.regime().linear(va), pcid, false);
      case INVPCID_CONTEXT -> {
        invalidateTlb(new TlbInvalidation.Asid(pcid));
        if (pcid == registers.pcid()) {
          fills.flushAll();
        }
      }
      case INVPCID_ALL -> drop(ALL);
      default -> drop(new TlbInvalidation.AllNonGlobal());
    }
    return RegisterWrite.DONE;
  }

  /** Drops every translation. */
  void dropAll() {
    drop(ALL);
  }

  /** Drops what the current PCID has; the engine's fills are left to {@link #flushFills}. */
  void dropCurrentPcid() {
    invalidateTlb(new TlbInvalidation.Asid(registers.pcid()));
  }

  /** The TLB keeps all, but what the engine has of it may be of another mode or address space. */
  void flushFills() {
    fills.flushAll();
  }

  private void drop(TlbInvalidation invalidation) {
    invalidateTlb(invalidation);
    fills.flushAll();
  }

  private void invalidateTlb(TlbInvalidation invalidation) {
    if (observer != null) {
      observer.invalidating(invalidation);
    }
    tlb.invalidate(invalidation);
  }

  /** Tells the observer if the PCID is no longer the one before; after every invalidation. */
  void tellAddressSpace(int before) {
    if (observer != null && registers.pcid() != before) {
      observer.addressSpace(registers.pcid());
    }
  }

  /**
   * The effective {@link MemoryType} of an access, without any effect; -1 if it would fail, with
   * {@link #fault} telling why.
   */
  public int memoryType(long va, int access) {
    if (Translation.failed(probe(va, access))) {
      return -1;
    }
    boolean cachesOff = (registers.cr0() & Cr0.CD) != 0;
    return cachesOff ? MemoryType.UNCACHEABLE : PageRights.memoryType(probedAttributes);
  }
}
