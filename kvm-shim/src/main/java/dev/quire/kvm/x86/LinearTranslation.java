package dev.quire.kvm.x86;

import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.mm.HostAddressSpace;
import dev.quire.kvm.vm.VmContext;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.ControlRegisters;
import dev.quire.mmu.x86.Ia32eWalker;
import dev.quire.mmu.x86.PagingMode;

/**
 * KVM_TRANSLATE: a supervisor's read through the guest's page tables, as KVM walks them in software
 * (Linux v6.18 arch/x86/kvm/mmu/paging_tmpl.h). Tables are read through the client's mapping, in
 * which their pages come in on demand; accessed flags are set as KVM sets them; the page itself is
 * not looked at and need not be there. Neither the vCPU's TLB nor the second stage nor any counter
 * takes part. VM thread only.
 */
final class LinearTranslation {
  /** UNMAPPED_GVA. */
  static final long INVALID = -1;

  private static final long RFLAGS_AC = 1L << 18;
  private static final long LOW_32 = 0xffff_ffffL;

  private final VmContext vm;
  private final Ia32eWalker walker;
  private boolean waits;

  LinearTranslation(VmContext vm) {
    this.vm = vm;
    this.walker =
        new Ia32eWalker(
            vm.host().memory(), new ClientMapping(), new FaultRecord(), new MmuCounters());
  }

  /**
   * Whether the last translation is {@link #INVALID} because a table's page waits for user space.
   */
  boolean waits() {
    return waits;
  }

  /** The guest physical address or {@link #INVALID}. */
  long translate(ControlRegisters registers, long rflags, long linear) {
    waits = false;
    if (registers.mode() == PagingMode.NONE) {
      return linear;
    }
    long va = registers.mode().isIa32e() ? linear : linear & LOW_32;
    int access = Access.READ | ((rflags & RFLAGS_AC) != 0 ? Access.USER_DATA_ALLOWED : 0);
    long found = walker.walk(registers, va, access);
    if (Translation.failed(found) && waits) {
      return INVALID;
    }
    waits = false;
    if (Translation.failed(found)) {
      // Flags in tables that cannot be written are left alone.
      found = walker.walk(registers, va, access | Access.PROBE);
    }
    return Translation.failed(found)
        ? INVALID
        : Translation.pa(found) | va & Order.offsetMask(Order.SIZE_4K);
  }

  /** Tables where the slots' host addresses have them; pages at their guest physical address. */
  private final class ClientMapping implements SecondStage {
    @Override
    public long translate(long gpa, int access, FaultRecord fault) {
      long gfn = gpa >>> Order.BASE_PAGE_SHIFT;
      if ((access & Access.TABLE_WALK) == 0) {
        return Translation.of(gfn, Protection.ALL, Order.SIZE_1G, Order.SIZE_1G);
      }
      MemSlot slot = vm.stage2().slots().find(gfn);
      boolean write = Access.isWrite(access);
      HostAddressSpace space = vm.host().space();
      if (slot == null || write && slot.isReadonly()) {
        return fault.set(FaultRecord.STAGE2, 0, gpa, access, 0, 0);
      }
      long found = space.fault(slot.hvaOf(gfn), write);
      if (Translation.failed(found)) {
        waits = Translation.kind(found) == HostAddressSpace.MUST_WAIT;
        return fault.set(FaultRecord.STAGE2, 0, gpa, access, 0, 0);
      }
      if (write) {
        slot.markDirty(gfn);
      }
      int rights = write ? Protection.READ | Protection.WRITE : Protection.READ;
      return Translation.of(Translation.pfn(found), rights, 0, 0);
    }
  }
}
