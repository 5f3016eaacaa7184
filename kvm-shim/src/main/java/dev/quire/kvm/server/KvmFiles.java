package dev.quire.kvm.server;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.KvmService;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.host.ClientHost;
import dev.quire.kvm.host.HostFigures;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.vm.VmHost;
import dev.quire.kvm.vm.VmHosts;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** {@code /dev/kvm} for the processes of a server: each VM on a host of its own. Thread-safe. */
public final class KvmFiles implements ServiceFiles {
  /** What programs look for below /sys/module: a KVM with two-dimensional paging, as modelled. */
  private static final Map<String, String> PARAMETERS =
      Map.of(
          "/sys/module/kvm/parameters/force_emulation_prefix", "N\n",
          "/sys/module/kvm/parameters/enable_pmu", "N\n",
          "/sys/module/kvm/parameters/ignore_msrs", "N\n",
          "/sys/module/kvm/parameters/tdp_mmu", "Y\n",
          "/sys/module/kvm/parameters/nx_huge_pages", "never\n",
          "/sys/module/kvm_intel/parameters/ept", "Y\n",
          "/sys/module/kvm_intel/parameters/unrestricted_guest", "Y\n",
          "/sys/module/kvm_intel/parameters/nested", "N\n");

  private final KvmService service;
  private final VmEnds ends;
  private final boolean x86;

  /** Told of each VM before it is gone. */
  @FunctionalInterface
  public interface VmEnds {
    /**
     * On the VM's thread.
     *
     * @param process its number
     * @param vm its number within the service
     */
    void ended(long process, long vm, ClientHost host);
  }

  /**
   * @param profile of the hosts' kernels
   * @param x86 whether the architecture is x86-64, whose module has parameters
   */
  public KvmFiles(KernelProfile profile, Architecture architecture, boolean x86, VmEnds ends) {
    service = new KvmService(profile, architecture, new ProcessHosts());
    this.ends = ends;
    this.x86 = x86;
  }

  @Override
  public Descriptor openKvm() {
    return service.open();
  }

  @Override
  public String text(String path) {
    return x86 ? PARAMETERS.get(path) : null;
  }

  /** A host of its own for each VM, as many as the process may have. */
  private final class ProcessHosts implements VmHosts {
    private final Map<VmHost, ClientProcess> owners = new ConcurrentHashMap<>();
    private final java.util.concurrent.atomic.AtomicLong made =
        new java.util.concurrent.atomic.AtomicLong();
    private final Map<VmHost, Long> numbers = new ConcurrentHashMap<>();

    @Override
    public VmHost open(Caller caller) {
      ClientProcess process = (ClientProcess) caller.addressSpace();
      if (!process.quota().vm()) {
        return null;
      }
      ClientHost host = process.memory().open();
      owners.put(host, process);
      numbers.put(host, made.incrementAndGet());
      return host;
    }

    @Override
    public void close(VmHost host) {
      ClientProcess process = owners.remove(host);
      ClientHost its = (ClientHost) host;
      ends.ended(process.id(), numbers.remove(host), its);
      process.quota().vmGone();
      process.quota().vcpusGone(its.vcpus());
      HostFigures figures = its.figures();
      process.memory().close(its);
      process.metrics().vmEnded(figures);
    }
  }
}
