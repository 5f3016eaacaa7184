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
 * One x86-64 vCPU's memory management unit: the control registers, the TLB and its invalidations
 * (SDM vol. 3A 4.10), and the walk on a miss.
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

  /** The bits whose change reloads the PDPTE registers (SDM 4.4.1). */
  private static final long PDPTE_CR0 = Cr0.PG | Cr0.CD | Cr0.NW;

  private static final long PDPTE_CR4 = Cr4.PAE | Cr4.PGE | Cr4.PSE | Cr4.SMEP;

  private final ControlRegisters registers;
  private final Ia32eWalker walker;
  private final FaultRecord fault = new FaultRecord();
  private final MmuCounters counters;
  private final ArchitecturalTlb tlb;
  private final long[] newPdptes = new long[ControlRegisters.PDPTES];
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

  /** The registers, to read; the methods below write them. */
  public ControlRegisters registers() {
    return registers;
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
  private void tellAddressSpace(int before) {
    if (observer != null && registers.pcid() != before) {
      observer.addressSpace(registers.pcid());
    }
  }

  /**
   * Enumerates features by their bits of CR4, beyond {@link Cr4#SUPPORTED}: {@link Cr4#PKE} and
   * {@link Cr4#PKS}. Off by default, since no CPU core here executes their instructions.
   */
  public void enumerate(long cr4Bits) {
    if ((cr4Bits & ~(Cr4.PKE | Cr4.PKS)) != 0) {
      throw new IllegalArgumentException(
          "CR4 bits 0x%x: only PKE and PKS can be added".formatted(cr4Bits));
    }
    registers.support(cr4Bits);
  }

  /** WRPKRU, or PKRU loaded by XRSTOR. That CR4.PKE allows it is the caller's to check. */
  public void writePkru(int value) {
    registers.setKeys(value, registers.pkrs());
    fills.flushAll();
  }

  /** WRMSR to IA32_PKRS. */
  public RegisterWrite writePkrs(long value) {
    if (value >>> Integer.SIZE != 0) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    registers.setKeys(registers.pkru(), (int) value);
    fills.flushAll();
    return RegisterWrite.DONE;
  }

  /** WRMSR to IA32_PAT. Entries in the TLB keep their types (SDM vol. 3A 12.12.4). */
  public RegisterWrite writePat(long value) {
    if (!MemoryType.isLegalPat(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    registers.setPat(value);
    return RegisterWrite.DONE;
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

  /** MOV to CR0. The privilege and the rules that need CS are the caller's to check. */
  public RegisterWrite writeCr0(long value) {
    if (!registers.isLegalCr0(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    long cr0 = Cr0.stored(value);
    long changed = cr0 ^ registers.cr0();
    long efer = ControlRegisters.withLma(registers.efer(), cr0);
    if ((changed & PDPTE_CR0) != 0) {
      RegisterWrite loaded = loadPdptes(cr0, registers.cr3(), registers.cr4(), efer);
      if (loaded != RegisterWrite.DONE) {
        return loaded;
      }
    }
    registers.set(cr0, registers.cr3(), registers.cr4(), efer);
    if ((changed & Cr0.PG) != 0) {
      // 1 to 0 is required; 0 to 1 ends the identity entries, which are not linear translations.
      counters.increment(MmuEvent.INVALIDATION);
      drop(ALL);
    } else if ((changed & Cr0.WP) != 0) {
      fills.flushAll();
    }
    return RegisterWrite.DONE;
  }

  /** MOV to CR3, with bit 63 of the operand where CR4.PCIDE gives it a meaning. */
  public RegisterWrite writeCr3(long value) {
    if (!registers.isLegalCr3(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    RegisterWrite loaded = loadPdptes(registers.cr0(), value, registers.cr4(), registers.efer());
    if (loaded != RegisterWrite.DONE) {
      return loaded;
    }
    int before = registers.pcid();
    registers.set(registers.cr0(), value & ~Cr3.NO_FLUSH, registers.cr4(), registers.efer());
    if ((value & Cr3.NO_FLUSH) == 0 && registers.mode() != PagingMode.NONE) {
      counters.increment(MmuEvent.INVALIDATION);
      invalidateTlb(new TlbInvalidation.Asid(registers.pcid()));
    }
    // Whatever the TLB keeps, the fills are of the address space left.
    fills.flushAll();
    tellAddressSpace(before);
    return RegisterWrite.DONE;
  }

  /** MOV to CR4. */
  public RegisterWrite writeCr4(long value) {
    if (!registers.isLegalCr4(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    long changed = value ^ registers.cr4();
    if ((changed & PDPTE_CR4) != 0) {
      RegisterWrite loaded = loadPdptes(registers.cr0(), registers.cr3(), value, registers.efer());
      if (loaded != RegisterWrite.DONE) {
        return loaded;
      }
    }
    int before = registers.pcid();
    registers.set(registers.cr0(), registers.cr3(), value, registers.efer());
    boolean losesPcide = (changed & ~value & Cr4.PCIDE) != 0;
    boolean gainsSmep = (changed & value & Cr4.SMEP) != 0;
    if ((changed & (Cr4.PGE | Cr4.PAE)) != 0 || losesPcide || gainsSmep) {
      // For PAE and SMEP the current PCID would do; the processor may always drop more.
      counters.increment(MmuEvent.INVALIDATION);
      drop(ALL);
    } else if (changed != 0) {
      fills.flushAll();
    }
    tellAddressSpace(before);
    return RegisterWrite.DONE;
  }

  /**
   * WRMSR to IA32_EFER. The manual asks for no invalidation; a change of NXE reaches the entries in
   * the TLB at their next denial.
   */
  public RegisterWrite writeEfer(long value) {
    if (!registers.isLegalEfer(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    long efer = ControlRegisters.withLma(value, registers.cr0());
    registers.set(registers.cr0(), registers.cr3(), registers.cr4(), efer);
    return RegisterWrite.DONE;
  }

  /**
   * Loads all registers at once, as a boot protocol, a snapshot or KVM_SET_SREGS does, and drops
   * every translation. EFER.LMA must agree with LME and CR0.PG.
   */
  public RegisterWrite load(long cr0, long cr3, long cr4, long efer) {
    if (!registers.isConsistent(cr0, cr3, cr4, efer)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    RegisterWrite loaded = loadPdptes(cr0, cr3, cr4, efer);
    if (loaded != RegisterWrite.DONE) {
      return loaded;
    }
    int before = registers.pcid();
    registers.set(Cr0.stored(cr0), cr3, cr4, efer);
    counters.increment(MmuEvent.INVALIDATION);
    drop(ALL);
    tellAddressSpace(before);
    return RegisterWrite.DONE;
  }

  /**
   * Puts back registers that were in use: unlike {@link #load}, the PDPTE registers are given and
   * no memory is read. Drops every translation.
   *
   * @return false, and nothing changed, if the values cannot stand together
   */
  public boolean restore(long cr0, long cr3, long cr4, long efer, long[] pdptes) {
    if (pdptes.length != ControlRegisters.PDPTES
        || !registers.isConsistent(cr0, cr3, cr4, efer)
        || !java.util.Arrays.stream(pdptes).allMatch(registers::isLegalPdpte)) {
      return false;
    }
    int before = registers.pcid();
    registers.set(Cr0.stored(cr0), cr3, cr4, efer);
    registers.setPdptes(pdptes);
    drop(ALL);
    tellAddressSpace(before);
    return true;
  }

  /**
   * Loads registers that a host has judged by its own rules (KVM_SET_SREGS) and drops every
   * translation. Bits there are not in this processor are left out, LMA follows LME and CR0.PG.
   *
   * @param pdptes null to keep the PDPTE registers
   */
  public void loadJudged(long cr0, long cr3, long cr4, long efer, long[] pdptes) {
    int before = registers.pcid();
    long stored = Cr0.stored(cr0);
    registers.set(
        stored,
        cr3,
        cr4 & registers.implementedCr4(),
        ControlRegisters.withLma(efer & Efer.SUPPORTED, stored));
    if (pdptes != null) {
      registers.setPdptes(pdptes);
    }
    drop(ALL);
    tellAddressSpace(before);
  }

  /** Whether a PDPTE register could be loaded with the value (SDM vol. 3A, table 4-8). */
  public boolean isLegalPdpte(long pdpte) {
    return registers.isLegalPdpte(pdpte);
  }

  /** Of the bits of CR4 this processor has, MOV to CR4 may set only these (a KVM guest's CPUID). */
  public void restrictCr4(long cr4Bits) {
    registers.restrict(cr4Bits);
  }

  /** Reads the PDPTE registers if the new values mean PAE paging. */
  private RegisterWrite loadPdptes(long cr0, long cr3, long cr4, long efer) {
    if (PagingRegime.modeOf(cr0, cr4, efer) != PagingMode.PAE) {
      return RegisterWrite.DONE;
    }
    RegisterWrite loaded = walker.loadPdptes(registers, cr3, newPdptes);
    if (loaded == RegisterWrite.DONE) {
      registers.setPdptes(newPdptes);
    } else if (loaded == RegisterWrite.STAGE2_FAULT) {
      counters.increment(MmuEvent.STAGE2_FAULT);
    }
    return loaded;
  }
}
