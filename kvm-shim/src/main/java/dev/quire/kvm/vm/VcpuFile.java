package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;

/**
 * The file of a vCPU (Linux v6.18 virt/kvm/kvm_main.c, kvm_vcpu_ioctl, kvm_vcpu_fault). Closing it
 * leaves the vCPU in its VM.
 */
public final class VcpuFile extends VmDescriptor {
  /** Instructions of a turn where nobody else has one. */
  private static final long TURN = 100_000;

  private final Vcpu vcpu;

  VcpuFile(Vm vm, Vcpu vcpu) {
    super(vm);
    this.vcpu = vcpu;
  }

  public int id() {
    return vcpu.id();
  }

  /** Walks of the vCPU's MMU so far, as {@link ArchVcpu#walks}. */
  public long walks() {
    return vcpu.arch().walks();
  }

  /** Whether KVM_RUN would end before the guest executes anything new: kvm_run.immediate_exit. */
  public boolean exitsAtOnce() {
    return KvmRun.immediateExit(vcpu.run().segment());
  }

  /**
   * Begins a call, KVM_RUN or any other: each waits for the end of the one before. It must be
   * stepped until it is done, {@link RunCall#signal} before if nobody wants it any more; the caller
   * stays valid until then.
   */
  public RunCall begin(Caller caller, int request, long argument) {
    return vm().belongsTo(caller)
        ? new VcpuCall(vcpu, caller, request, argument)
        : new VcpuCall(-Errno.EIO);
  }

  /** A call from its beginning to its end. One that would wait ends as with a signal. */
  @Override
  public long ioctl(Caller caller, int request, long argument) {
    RunCall call = begin(caller, request, argument);
    int state = call.step(TURN);
    while (state == RunCall.MORE) {
      state = call.step(TURN);
    }
    if (state == RunCall.WAITING) {
      call.signal();
      return call.step(TURN) == RunCall.DONE ? call.result() : -Errno.EINTR;
    }
    return call.result();
  }

  @Override
  public SharedPages pages(long page) {
    int runPages = vm().traits().runPages();
    if (page >= 0 && page < runPages) {
      return vcpu.run();
    }
    if (page == runPages) {
      return vm().coalescedRing();
    }
    return isRing(page) ? vcpu.ring().pages() : null;
  }

  @Override
  public long indexInPages(long page) {
    int runPages = vm().traits().runPages();
    if (page < runPages) {
      return page;
    }
    return page == runPages ? 0 : page - DirtyRing.FIRST_PAGE;
  }

  private boolean isRing(long page) {
    return vcpu.ring() != null
        && page >= DirtyRing.FIRST_PAGE
        && page - DirtyRing.FIRST_PAGE < vm().dirtyRingBytes() / Vm.PAGE_BYTES;
  }

  @Override
  public long mmapError(long page, long pages, boolean shared, boolean executable) {
    boolean ring = isRing(page) || isRing(page + pages - 1);
    return ring && (executable || !shared) ? -Errno.EINVAL : 0;
  }

  @Override
  public String name() {
    return "anon_inode:kvm-vcpu:" + vcpu.id();
  }
}
