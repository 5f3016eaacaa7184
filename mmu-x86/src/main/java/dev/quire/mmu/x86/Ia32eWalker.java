package dev.quire.mmu.x86;

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
 * The stage-1 page walk, in the order of SDM vol. 3A 4.3 to 4.7: 4-level and 5-level paging, and
 * PAE and 32-bit paging, which differ in geometry only ({@link PagingMode}).
 *
 * <p>Nested by construction: each table address and the final address pass through the {@link
 * SecondStage}. A 4-level walk to a 4 KiB page over a 4-level EPT reads 4 + 5 * 4 = 24 entries.
 *
 * <p><b>Accessed and dirty flags.</b> The manual sets A whenever an entry is used (4.8) and leaves
 * open whether a walk that ends in a fault used its upper entries. As in KVM's walker
 * (arch/x86/kvm/mmu/paging_tmpl.h, update_accessed_dirty_bits) they are set last, from the root
 * down, when nothing can fail any more: a walk that faults changes nothing. Each is set by an
 * atomic update; if an entry has changed since it was read the walk starts again.
 *
 * <p>Table levels in {@link FaultRecord} are the manual's: 1 the page table, 5 the PML5.
 *
 * <p>Owned by the vCPU's thread; allocates nothing. Addresses: {@code va} guest linear, {@code gpa}
 * guest physical, {@code pa} host physical.
 */
public final class Ia32eWalker {
  /** Level reported for a PDPTE register that is not present. */
  private static final int PDPTE_LEVEL = 3;

  private static final int LEVELS = PagingMode.FIVE_LEVEL.rootLevel() + 1;
  private static final long HARDWARE_FLAGS = Ia32ePte.A | Ia32ePte.D;
  private static final long ENTRY_CHANGED = Translation.failure(FaultRecord.NONE);

  /** The order of the identity map without paging: four such pages are all of it. */
  private static final int UNPAGED_ORDER = Order.SIZE_1G;

  private final PhysicalMemory memory;
  private final SecondStage secondStage;
  private final FaultRecord fault;
  private final MmuCounters counters;

  /** The walk under way, by level. */
  private final long[] entries = new long[LEVELS];

  private final long[] entryGpas = new long[LEVELS];
  private final long[] entryPas = new long[LEVELS];
  private final boolean[] entryWritable = new boolean[LEVELS];
  private final PageWalk path = new PageWalk();
  private long attributes;
  private boolean global;

  public Ia32eWalker(
      PhysicalMemory memory, SecondStage secondStage, FaultRecord fault, MmuCounters counters) {
    this.memory = memory;
    this.secondStage = secondStage;
    this.fault = fault;
    this.counters = counters;
  }

  /**
   * Walks for one access to {@code va}, which is canonical and, outside IA-32e mode, below 4 GiB.
   *
   * @return a {@link Translation} with the rights to grant, or a failure described in the {@link
   *     FaultRecord}: {@link FaultRecord#GUEST} with the #PF error code, {@link FaultRecord#STAGE2}
   *     or {@link FaultRecord#STAGE2_MISCONFIGURED} from the second stage, {@link
   *     FaultRecord#EXTERNAL} for a table where no memory is
   */
  public long walk(ControlRegisters registers, long va, int access) {
    if (!Access.isProbe(access)) {
      counters.increment(MmuEvent.WALK);
    }
    if (registers.mode() == PagingMode.NONE) {
      return identity(registers.regime(), va, access);
    }
    long translation;
    do {
      translation = attempt(registers, va, access);
    } while (translation == ENTRY_CHANGED);
    return translation;
  }

  /** The {@link PageRights} of the last successful walk. */
  long attributes() {
    return attributes;
  }

  /** Whether the last successful walk ended in a global translation. */
  boolean global() {
    return global;
  }

  /** The path of the last successful walk that was no probe. */
  PageWalk path() {
    return path;
  }

  private long attempt(ControlRegisters registers, long va, int access) {
    PagingRegime regime = registers.regime();
    int tableAccess = Access.READ | Access.TABLE_WALK | access & Access.PROBE;
    long tableGpa = registers.rootTable(va);
    if (tableGpa == ControlRegisters.NO_TABLE) {
      return pageFault(regime, 0, va, access, PDPTE_LEVEL);
    }
    boolean recorded = !Access.isProbe(access);
    if (recorded) {
      path.begin();
    }
    long allowed = Ia32ePte.RW | Ia32ePte.US;
    long denied = 0;
    long entry;
    int level = regime.mode().rootLevel();
    for (; ; level--) {
      // 4.5: the entry is selected by CR3 or the entry above, and nine bits of the address.
      long entryGpa = tableGpa + regime.entryOffset(va, level);
      long tableTranslation = secondStage.translate(entryGpa, tableAccess, fault);
      if (Translation.failed(tableTranslation)) {
        return stage2Failure(tableTranslation, va);
      }
      long entryPa = Translation.pa(tableTranslation) | entryGpa & Order.offsetMask(0);
      if (!memory.contains(entryPa, regime.mode().entryBytes())) {
        return fault.set(FaultRecord.EXTERNAL, va, entryGpa, tableAccess, level, 0);
      }
      entry = regime.readEntry(memory, entryPa);
      remember(level, entry, entryGpa, entryPa, tableTranslation);
      if (recorded) {
        recordStep(entryGpa, Order.shift(regime.leafOrder(level)), tableTranslation);
      }
      if ((entry & Ia32ePte.P) == 0) {
        return pageFault(regime, 0, va, access, level);
      }
      boolean leaf = regime.isLeaf(entry, level);
      if ((entry & regime.reserved(level, leaf)) != 0) {
        return pageFault(
            regime, PageFaultCode.PROTECTION | PageFaultCode.RESERVED, va, access, level);
      }
      allowed &= entry;
      denied |= entry;
      if (leaf) {
        break;
      }
      tableGpa = entry & Ia32ePte.ADDRESS;
    }
    // 4.6: rights come from all entries of the walk.
    long rights =
        ((allowed & Ia32ePte.RW) != 0 ? PageRights.WRITABLE : 0)
            | ((allowed & Ia32ePte.US) != 0 ? PageRights.USER : 0)
            | ((denied & Ia32ePte.XD) != 0 ? PageRights.NO_EXECUTE : 0);
    rights = PageRights.withKey(rights, regime.leafKey(entry));
    int needed = Protection.neededBy(access);
    if ((PageRights.stage1(rights, regime, access) & needed) == 0) {
      return pageFault(regime, denial(regime, rights, access), va, access, level);
    }
    int stage1Order = regime.leafOrder(level);
    long gpa = regime.leafAddress(entry, level) | va & Order.offsetMask(stage1Order);
    long page = secondStage.translate(gpa, access | userPage(rights), fault);
    if (Translation.failed(page)) {
      return pageFailure(page, va, rights);
    }
    int patIndex = PagingRegime.leafPatIndex(entry, level);
    int memoryType = memoryType(MemoryType.ofPat(registers.pat(), patIndex));
    // 4.8: accessed and dirty flags.
    if (recorded) {
      endPath(gpa, page);
      long failure = setFlags(regime, va, access, level);
      if (Translation.failed(failure)) {
        return failure;
      }
    }
    boolean dirty = Access.isWrite(access) || (entry & Ia32ePte.D) != 0;
    global = regime.globalPages() && (entry & Ia32ePte.G) != 0;
    attributes =
        PageRights.withStage2(rights | (dirty ? PageRights.DIRTY : 0), Translation.rights(page));
    attributes = PageRights.withType(attributes, memoryType);
    return Translation.of(
        Translation.pfn(page),
        PageRights.granted(attributes, regime, access),
        Math.min(stage1Order, Translation.order(page)),
        stage1Order);
  }

  private static int stage2Order(long translation, int references) {
    return references == 0 ? PageWalk.NO_STAGE2 : Translation.order(translation);
  }

  private void recordStep(long entryGpa, int regionShift, long tableTranslation) {
    counters.increment(MmuEvent.STAGE1_REFERENCE);
    int below = secondStage.references();
    path.step(entryGpa, regionShift, stage2Order(tableTranslation, below), below);
  }

  private void endPath(long gpa, long page) {
    int below = secondStage.references();
    path.end(gpa & -Order.bytes(0), stage2Order(page, below), below);
    path.contiguous(0, secondStage.groupOrder());
  }

  private void remember(int level, long entry, long entryGpa, long entryPa, long tableTranslation) {
    entries[level] = entry;
    entryGpas[level] = entryGpa;
    entryPas[level] = entryPa;
    entryWritable[level] = (Translation.rights(tableTranslation) & Protection.WRITE) != 0;
  }

  /**
   * Sets A in every entry of the walk, and D in the leaf for a write. The second stage is asked for
   * every write it has not yet allowed before the first flag is set.
   *
   * @return 0, {@link #ENTRY_CHANGED}, or a failure of the second stage
   */
  private long setFlags(PagingRegime regime, long va, int access, int leafLevel) {
    int rootLevel = regime.mode().rootLevel();
    for (int level = rootLevel; level >= leafLevel; level--) {
      if (missingFlags(level, leafLevel, access) != 0 && !entryWritable[level]) {
        long translation =
            secondStage.translate(entryGpas[level], Access.WRITE | Access.TABLE_WALK, fault);
        if (Translation.failed(translation)) {
          return stage2Failure(translation, va);
        }
        entryPas[level] = Translation.pa(translation) | entryGpas[level] & Order.offsetMask(0);
      }
    }
    for (int level = rootLevel; level >= leafLevel; level--) {
      long flags = missingFlags(level, leafLevel, access);
      if (flags != 0) {
        int bytes = regime.mode().entryBytes();
        if (!EntryFlags.set(
            memory, entryPas[level], bytes, entries[level], flags, HARDWARE_FLAGS)) {
          return ENTRY_CHANGED;
        }
        counters.add(MmuEvent.ACCESSED_SET, Long.bitCount(flags & Ia32ePte.A));
        counters.add(MmuEvent.DIRTY_SET, Long.bitCount(flags & Ia32ePte.D));
      }
    }
    return 0;
  }

  private long missingFlags(int level, int leafLevel, int access) {
    boolean dirties = level == leafLevel && Access.isWrite(access);
    return (dirties ? HARDWARE_FLAGS : Ia32ePte.A) & ~entries[level];
  }

  /** CR0.PG = 0: the linear address is the guest physical one. */
  private long identity(PagingRegime regime, long va, int access) {
    long page = secondStage.translate(va, access | Access.USER_PAGE, fault);
    if (Translation.failed(page)) {
      return pageFailure(page, va, PageRights.UNPAGED);
    }
    if (!Access.isProbe(access)) {
      path.begin();
      endPath(va, page);
    }
    global = false;
    attributes = PageRights.withStage2(PageRights.UNPAGED, Translation.rights(page));
    attributes = PageRights.withType(attributes, memoryType(MemoryType.WRITE_BACK));
    return Translation.of(
        Translation.pfn(page),
        PageRights.granted(attributes, regime, access),
        Math.min(UNPAGED_ORDER, Translation.order(page)),
        UNPAGED_ORDER);
  }

  /**
   * Reads the four PDPTEs that CR3 selects in PAE paging (SDM 4.4.1). Not a walk of a linear
   * address: the second stage sees plain reads.
   */
  RegisterWrite loadPdptes(ControlRegisters registers, long cr3, long[] pdptes) {
    long tableGpa = Cr3.pdpteTable(cr3);
    long translation = secondStage.translate(tableGpa, Access.READ, fault);
    if (Translation.failed(translation)) {
      fault.set(
          fault.kind(),
          0,
          tableGpa,
          Access.READ,
          fault.level(),
          ExitQualification.withoutLinearAddress(fault.syndrome()));
      return RegisterWrite.STAGE2_FAULT;
    }
    long tablePa = Translation.pa(translation) | tableGpa & Order.offsetMask(0);
    if (!memory.contains(tablePa, ControlRegisters.PDPTES * (long) Long.BYTES)) {
      fault.set(FaultRecord.EXTERNAL, 0, tableGpa, Access.READ, PDPTE_LEVEL, 0);
      return RegisterWrite.STAGE2_FAULT;
    }
    for (int index = 0; index < ControlRegisters.PDPTES; index++) {
      pdptes[index] = memory.readLong(tablePa + index * (long) Long.BYTES);
      if (!registers.isLegalPdpte(pdptes[index])) {
        return RegisterWrite.GENERAL_PROTECTION;
      }
    }
    return RegisterWrite.DONE;
  }

  /** The error code's P, and PK if a protection key denies what is asked for. */
  private static int denial(PagingRegime regime, long rights, int access) {
    int byKey = PageRights.deniedByKey(rights, regime, access) & Protection.neededBy(access);
    return PageFaultCode.PROTECTION | (byKey != 0 ? PageFaultCode.PROTECTION_KEY : 0);
  }

  private static int userPage(long rights) {
    return (rights & PageRights.USER) != 0 ? Access.USER_PAGE : 0;
  }

  /** The effective type of the page that the second stage translated last. */
  private int memoryType(int patType) {
    int below = secondStage.references() == 0 ? MemoryType.WRITE_BACK : secondStage.attributes();
    return MemoryType.effective(below, patType);
  }

  /** The second stage refuses the page itself, of which stage 1 says {@code rights}. */
  private long pageFailure(long failure, long va, long rights) {
    if (Translation.kind(failure) == FaultRecord.STAGE2) {
      fault.setSyndrome(ExitQualification.withPage(fault.syndrome(), rights));
    }
    return stage2Failure(failure, va);
  }

  private long stage2Failure(long failure, long va) {
    fault.setVa(va);
    return failure;
  }

  /** #PF with the error code of SDM 4.7. */
  private long pageFault(PagingRegime regime, int cause, long va, int access, int level) {
    int code = cause;
    if (Access.isWrite(access)) {
      code |= PageFaultCode.WRITE;
    }
    if (Access.isUser(access)) {
      code |= PageFaultCode.USER;
    }
    if (Access.isFetch(access) && regime.reportsFetch()) {
      code |= PageFaultCode.FETCH;
    }
    return fault.set(FaultRecord.GUEST, va, 0, access, level, code);
  }
}
