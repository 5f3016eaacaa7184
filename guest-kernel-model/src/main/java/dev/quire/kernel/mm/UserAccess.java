package dev.quire.kernel.mm;

import dev.quire.kernel.mm.FaultHandler.Cause;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;

/**
 * What a processor and the kernel's entry code do about one access of user space: walk, set
 * accessed and dirty, or fault and try again (Linux v6.18 arch/x86/mm/fault.c, do_user_addr_fault).
 * Allocates nothing. Used on the kernel's thread.
 */
final class UserAccess extends KernelPart {
  /** A handler that answers "done" this often without mapping anything is broken. */
  private static final int MAX_FAULTS = 16;

  private final PteFormat hardware;
  private final FaultHandler faults;
  private long reached;

  UserAccess(Kernel kernel, FaultHandler faults) {
    super(kernel);
    this.hardware = format.hardware();
    this.faults = faults;
  }

  int touch(Process task, long address, boolean write, int value, Cause cause) {
    int signal = reach(task, address, write, cause);
    if (signal == UserSignal.NONE && write) {
      store(reached, value);
    }
    return signal;
  }

  /**
   * An access as far as finding its page, {@link #reached}.
   *
   * @return {@link UserSignal}
   */
  int reach(Process task, long address, boolean write, Cause cause) {
    for (int i = 0; i < MAX_FAULTS; i++) {
      long page = walk(task.mm().tables(), address, write);
      if (page != FrameTable.NONE) {
        reached = page;
        return UserSignal.NONE;
      }
      int signal = fault(task, address, write, cause);
      if (signal != UserSignal.NONE) {
        return signal;
      }
    }
    throw new IllegalStateException("access to 0x%x faults for ever".formatted(address));
  }

  /** The page that the last successful {@link #reach} found. */
  long reached() {
    return reached;
  }

  private void store(long page, int value) {
    if ((value & 0xff) != 0) {
      frames.set(page, PageFlag.NONZERO);
    } else {
      frames.clear(page, PageFlag.NONZERO);
    }
  }

  /** The page that an access reaches, its entry marked used; NONE if hardware would fault. */
  private long walk(PageTables tables, long address, boolean write) {
    if (address < 0) {
      return FrameTable.NONE;
    }
    PageTable table = tables.pte(address);
    if (table == null) {
      return walkHuge(tables, address, write);
    }
    int index = tables.pteIndex(address);
    long entry = table.entries[index];
    if (!allows(entry, write)) {
      return FrameTable.NONE;
    }
    long used = format.young(entry);
    used = write ? format.dirty(used) : used;
    if (used != entry) {
      table.entries[index] = used;
    }
    return tables.frame(entry, 0);
  }

  private boolean allows(long entry, boolean write) {
    return hardware.isPresent(entry) && (!write || format.isWritable(entry));
  }

  private long walkHuge(PageTables tables, long address, boolean write) {
    PageTable pmd = tables.pmd(address);
    if (pmd != null) {
      return walkLeaf(tables, pmd, address, write);
    }
    PageTable pud = hardware.leafAllowed(2) ? tables.table(address, 2) : null;
    return pud == null ? FrameTable.NONE : walkLeaf(tables, pud, address, write);
  }

  private long walkLeaf(PageTables tables, PageTable table, long address, boolean write) {
    int index = hardware.index(address, table.level);
    long entry = table.entries[index];
    if (!hardware.isLeaf(entry, table.level) || !allows(entry, write)) {
      return FrameTable.NONE;
    }
    long used = format.young(entry);
    table.entries[index] = write ? format.dirty(used) : used;
    long bytes = 1L << Order.BASE_PAGE_SHIFT + hardware.leafOrder(table.level);
    return tables.frame(entry, table.level) + ((address & bytes - 1) >>> kernel.pageShift());
  }

  private int fault(Process task, long address, boolean write, Cause cause) {
    kernel.counters().count(Primitive.FAULT_ENTRY);
    Vma vma = address < 0 ? null : task.mm().vmas().find(address);
    if (vma == null) {
      return UserSignal.SEGV_MAPERR;
    }
    if (!vma.is(write ? VmFlags.WRITE : 0) || !vma.isAccessible()) {
      return UserSignal.SEGV_ACCERR;
    }
    return switch (faults.handle(task, vma, address, write, cause)) {
      case VmFault.OOM -> UserSignal.OOM_KILLED;
      case VmFault.SIGBUS -> UserSignal.BUS_ADRERR;
      case VmFault.SIGSEGV -> UserSignal.SEGV_MAPERR;
      case VmFault.HWPOISON -> UserSignal.BUS_MCEERR_AR;
      case VmFault.RETRY -> UserSignal.BLOCKED;
      default -> UserSignal.NONE;
    };
  }
}
