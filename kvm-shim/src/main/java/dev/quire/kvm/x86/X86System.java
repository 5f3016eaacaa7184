package dev.quire.kvm.x86;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;

/** x86 calls on /dev/kvm: supported CPUID, lists of MSRs, feature MSRs, capabilities. Stateless. */
public final class X86System {
  private X86System() {}

  /** A system call, or {@link ArchVcpu#UNKNOWN}. */
  public static long ioctl(Caller caller, int request, long argument) {
    return ArchVcpu.UNKNOWN;
  }

  /** KVM_CHECK_EXTENSION on /dev/kvm, or {@link ArchVcpu#UNKNOWN}. */
  public static long checkExtension(long capability) {
    return ArchVcpu.UNKNOWN;
  }
}
