package dev.quire.kvm.vm;

import dev.quire.kernel.kvm.PreFault;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;

/**
 * KVM_PRE_FAULT_MEMORY, which may sleep in a userfaultfd (Linux v6.18 virt/kvm/kvm_main.c,
 * kvm_vcpu_pre_fault_memory; struct kvm_pre_fault_memory).
 */
final class PreFaultCall implements RunCall {
  static final int BYTES = 64;

  private final Stage2Mmu stage2;
  private final Caller caller;
  private final long address;
  private volatile boolean signalled;
  private byte[] range;
  private PreFault soFar;
  private long result;

  PreFaultCall(Stage2Mmu stage2, Caller caller, long address) {
    this.stage2 = stage2;
    this.caller = caller;
    this.address = address;
  }

  @Override
  public int step(long instructions) {
    if (range == null) {
      range = VmStructs.read(caller, address, BYTES);
      if (range == null) {
        return done(-Errno.EFAULT);
      }
      soFar =
          stage2.preFault(
              LittleEndian.getLong(range, 0),
              LittleEndian.getLong(range, 8),
              LittleEndian.getLong(range, 16));
    } else {
      soFar = stage2.preFault(soFar);
    }
    if (soFar.mustWait() && !signalled) {
      return WAITING;
    }
    LittleEndian.putLong(range, 0, soFar.gpa());
    LittleEndian.putLong(range, 8, soFar.bytes());
    if (!VmStructs.write(caller, address, range)) {
      return done(-Errno.EFAULT);
    }
    return done(soFar.mustWait() ? interrupted() : soFar.result());
  }

  /** Success if at least one page was mapped. */
  private long interrupted() {
    return soFar.doneBytes() == 0 ? -Errno.EINTR : 0;
  }

  private int done(long with) {
    result = with;
    return DONE;
  }

  @Override
  public void signal() {
    signalled = true;
  }

  @Override
  public long result() {
    return result;
  }
}
