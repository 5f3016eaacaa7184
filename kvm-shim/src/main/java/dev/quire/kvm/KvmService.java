package dev.quire.kvm;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.vm.SystemFile;
import dev.quire.kvm.vm.VmHosts;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A KVM: opens {@code /dev/kvm} for processes. Each file it makes is called on one thread at a
 * time: those of a VM ({@link dev.quire.kvm.vm.VmDescriptor}) on that VM's. Thread-safe.
 */
public final class KvmService {
  private final KernelProfile profile;
  private final Architecture architecture;
  private final VmHosts hosts;
  private final AtomicLong vmNumbers = new AtomicLong();
  private final Set<Object> listenedTo = ConcurrentHashMap.newKeySet();

  /**
   * @param profile of the kernel that answers: that of the hosts
   * @param hosts where VMs stand
   */
  public KvmService(KernelProfile profile, Architecture architecture, VmHosts hosts) {
    this.profile = profile;
    this.architecture = architecture;
    this.hosts = hosts;
  }

  /** An open {@code /dev/kvm}. */
  public Descriptor open() {
    return new SystemFile(profile, architecture, hosts, vmNumbers, listenedTo);
  }
}
