package dev.quire.kernel.kvm;

import dev.quire.kernel.mm.Errno;
import dev.quire.mmu.Access;
import dev.quire.mmu.Order;

/**
 * KVM_PRE_FAULT_MEMORY: read faults of a range, one after the other, each as long as the leaf that
 * covers its page (Linux v6.18 virt/kvm/kvm_main.c, kvm_vcpu_pre_fault_memory;
 * arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory). Owned by {@link Stage2Mmu}.
 */
final class PreFaulting {
  private final Stage2Mmu stage2;
  private boolean twoDimensional = true;

  PreFaulting(Stage2Mmu stage2) {
    this.stage2 = stage2;
  }

  void refuse() {
    twoDimensional = false;
  }

  PreFault begin(long gpa, long bytes, long flags) {
    long mask = Order.offsetMask(stage2.slots().baseOrder());
    if (flags != 0 || ((gpa | bytes) & mask) != 0 || Long.compareUnsigned(gpa + bytes, gpa) <= 0) {
      return new PreFault(-Errno.EINVAL, gpa, bytes, 0);
    }
    return twoDimensional
        ? goOn(new PreFault(0, gpa, bytes, 0))
        : new PreFault(-Errno.EOPNOTSUPP, gpa, bytes, 0);
  }

  PreFault goOn(PreFault soFar) {
    long gpa = soFar.gpa();
    long left = soFar.bytes();
    long done = soFar.doneBytes();
    while (left != 0) {
      long result = stage2.serve(gpa, Access.READ);
      int code = Stage2Mmu.code(result);
      if (code == Stage2Mmu.WAIT) {
        return new PreFault(PreFault.MUST_WAIT, gpa, left, done);
      }
      if (code == Stage2Mmu.RETRY) {
        continue;
      }
      if (code != Stage2Mmu.MAPPED) {
        return new PreFault(done == 0 ? error(code) : 0, gpa, left, done);
      }
      stage2.countPreFault();
      // What covers the page may begin before it and end behind the range.
      long leafBytes = Order.bytes(Stage2Mmu.order(result));
      long step = leafBytes - (gpa & leafBytes - 1);
      step = Long.compareUnsigned(step, left) < 0 ? step : left;
      gpa += step;
      left -= step;
      done += step;
    }
    return new PreFault(0, gpa, 0, done);
  }

  private int error(int code) {
    return switch (code) {
      case Stage2Mmu.MEMORY_FAULT -> -stage2.memoryFault().error();
      case Stage2Mmu.MMIO, Stage2Mmu.READONLY_MMIO -> -Errno.ENOENT;
      case Stage2Mmu.OUT_OF_MEMORY -> -Errno.ENOMEM;
      default -> -Errno.EFAULT;
    };
  }
}
