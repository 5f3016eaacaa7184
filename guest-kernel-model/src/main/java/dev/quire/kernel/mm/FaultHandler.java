package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * Decides what a fault is about and hands it on (Linux v6.18 mm/memory.c, handle_mm_fault to
 * handle_pte_fault). Results are 0 or a {@link VmFault}. Allocates nothing. Used on the kernel's
 * thread.
 */
final class FaultHandler extends MappingPart {
  private final ThpPolicy thp;
  private final AnonFault anonFault;
  private final CowFault cowFault;
  private final FileFault fileFault;
  private final HugePmd hugePmd;
  private final HugeFault hugeFault;
  private final FaultContext context;

  FaultHandler(
      Kernel kernel,
      AnonFault anonFault,
      CowFault cowFault,
      FileFault fileFault,
      HugePmd hugePmd,
      HugeFault hugeFault) {
    super(kernel);
    this.thp = kernel.thp();
    this.anonFault = anonFault;
    this.cowFault = cowFault;
    this.fileFault = fileFault;
    this.hugePmd = hugePmd;
    this.hugeFault = hugeFault;
    this.context = new FaultContext(fileFault);
  }

  /** On whose behalf a fault is handled: what a fault that waited for a disk counts as. */
  enum Cause {
    /** User space touched memory: major if it had to read. */
    ACCESS,
    /** A system call copies from or to user memory. */
    KERNEL,
    /** mlock and MAP_POPULATE begin anew and find the page: never major. */
    POPULATE,
    /** mprotect populates what is locked, and does not wait for user space. */
    PROTECT,
    /** madvise says that it tried before: major even if it only waited. */
    ADVICE
  }

  /**
   * Handles a fault in a VMA whose flags allow the access.
   *
   * @param task whose faults are counted
   */
  int handle(Process task, Vma vma, long address, boolean write, Cause cause) {
    FaultContext fault = context;
    fault.begin(task, cause == Cause.ACCESS, cause != Cause.PROTECT);
    fault.start(vma, address, write);
    int result = dispatch(fault);
    while (result == VmFault.AGAIN) {
      if (cause == Cause.POPULATE) {
        fault.start(vma, address, write);
      } else if (cause == Cause.ADVICE) {
        fault.setMajor();
      }
      result = dispatch(fault);
    }
    if (result == VmFault.RETRY) {
      return result;
    }
    kernel.counters().event(VmEvent.PGFAULT);
    if (isError(result)) {
      return result;
    }
    task.countFault(fault.isMajor());
    return 0;
  }

  private static boolean isError(int result) {
    return result < 0 && result != VmFault.NOPAGE;
  }

  private int dispatch(FaultContext fault) {
    if (fault.vma().isHugetlb()) {
      return kernel.hugetlb().fault.handle(fault);
    }
    PageTables tables = fault.tables();
    long address = fault.address();
    PageTable pmd = tables.makePmd(address);
    if (pmd == null) {
      return VmFault.OOM;
    }
    int index = tables.pmdIndex(address);
    fault.setPmd(pmd, index);
    long entry = pmd.entries[index];
    if (entry == 0) {
      int result = createHuge(fault);
      if (result != VmFault.FALLBACK) {
        return result;
      }
    } else if (!tables.isTable(pmd, index)) {
      int result = existingHuge(fault, entry);
      if (result != VmFault.FALLBACK) {
        return result;
      }
    }
    return handlePte(fault);
  }

  private int createHuge(FaultContext fault) {
    Vma vma = fault.vma();
    if (vma.isAnonymous()) {
      return thp.allowsAnonPmd(vma) ? hugeFault.anonymous(fault) : VmFault.FALLBACK;
    }
    return (int) vma.ops().hugeFault(fault);
  }

  private int existingHuge(FaultContext fault, long entry) {
    if (fault.isWrite() && !format.isWritable(entry)) {
      Vma vma = fault.vma();
      if (vma.isAnonymous()) {
        boolean protects = vma.is(VmFlags.UFFD_WP) && format.isUffdWriteProtected(entry);
        if (!protects) {
          return hugeFault.write(fault);
        }
        if (!vma.uffd().has(UffdFeature.WP_ASYNC)) {
          return vma.uffd().fault(fault, VmFlags.UFFD_WP);
        }
      }
      hugePmd.split(vma, fault.address());
      return VmFault.FALLBACK;
    }
    kernel.counters().count(Primitive.PMD_SET);
    long young = format.young(entry);
    fault.pmd().entries[fault.pmdIndex()] = fault.isWrite() ? format.dirty(young) : young;
    return 0;
  }

  private int handlePte(FaultContext fault) {
    PageTables tables = fault.tables();
    PageTable table = tables.pte(fault.address());
    long entry = table == null ? 0 : ptes.get(table, tables.pteIndex(fault.address()));
    fault.setOriginalPte(entry);
    if (entry == 0) {
      return missing(fault);
    }
    if (!format.isMapped(entry)) {
      return noteFault(fault, table, entry);
    }
    kernel.counters().count(Primitive.TABLE_LOCK);
    if (fault.isWrite() && !format.isWritable(entry)) {
      return cowFault.handle(fault, table);
    }
    long young = format.young(entry);
    ptes.setAccess(
        table, tables.pteIndex(fault.address()), fault.isWrite() ? format.dirty(young) : young);
    return 0;
  }

  /** do_pte_missing. */
  private int missing(FaultContext fault) {
    return fault.vma().isAnonymous() ? anonFault.handle(fault) : fileFault.handle(fault);
  }

  /** handle_pte_marker; other notes last only while a call runs. */
  private int noteFault(FaultContext fault, PageTable table, long entry) {
    if (PteNote.isPoisoned(format, entry)) {
      return VmFault.HWPOISON;
    }
    if (PteNote.isGuard(format, entry)) {
      return VmFault.SIGSEGV;
    }
    if (PteNote.isUffdMarker(format, entry)) {
      if (fault.vma().is(VmFlags.UFFD_WP)) {
        return missing(fault);
      }
      // A mapping that is registered no more.
      ptes.clear(table, fault.tables().pteIndex(fault.address()));
      return VmFault.NOPAGE;
    }
    throw new IllegalStateException(
        "fault at 0x%x over a note of type %d".formatted(fault.address(), format.noteType(entry)));
  }
}
